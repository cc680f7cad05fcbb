//! Something that happens in the middle of a step.

use std::fmt;
use std::sync::Mutex;

use countersign::audit::seal::EntropyError;
use countersign::audit::{Entropy, SystemEntropy};

type Act = Box<dyn FnOnce() + Send>;

/// Random bytes. Whatever seals a record draws some: after it has looked at the account, and
/// before it commits. So whoever acts then acts meanwhile.
#[derive(Default)]
pub(crate) struct Meanwhile {
    /// What to do, and how many draws before that.
    act: Mutex<Option<(usize, Act)>>,
    entropy: SystemEntropy,
}

impl Meanwhile {
    pub(crate) fn set(&self, draws_before: usize, act: impl FnOnce() + Send + 'static) {
        *self.act.lock().unwrap() = Some((draws_before, Box::new(act)));
    }

    fn due(&self) -> Option<Act> {
        let mut waiting = self.act.lock().unwrap();
        match waiting.take()? {
            (0, act) => Some(act),
            (more, act) => {
                *waiting = Some((more - 1, act));
                None
            }
        }
    }
}

impl Entropy for Meanwhile {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        if let Some(act) = self.due() {
            act();
        }
        self.entropy.fill(bytes)
    }
}

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meanwhile")
    }
}
