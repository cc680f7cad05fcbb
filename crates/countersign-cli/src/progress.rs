//! A bar for what takes long, on standard error, if a person watches.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far some work is. Nothing is shown where standard error is no terminal; the bar is gone
/// when this is dropped.
#[derive(Debug)]
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// No work yet.
    pub(crate) fn new() -> Self {
        Self(stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // The template is a constant that parses; without it the bar is only plainer.
            let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        }))
    }

    /// Says that `done` of `all` is done, and what was found so far. Work of one step shows no
    /// bar, so whoever has little to do calls this once, at the end.
    pub(crate) fn at(&self, done: u64, all: u64, found: impl FnOnce() -> String) {
        if let Some(bar) = self.0.as_ref().filter(|_| done < all) {
            bar.set_length(all);
            bar.set_position(done);
            bar.set_message(found());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
