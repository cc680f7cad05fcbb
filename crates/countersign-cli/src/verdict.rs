//! What a command found out, printed once, for people or as JSON.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::input::Unreadable;
use crate::style::{Look, Page, refused};
use crate::text::visible_lines;

/// The end of every command.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Exit code 0.
    Accepted {
        /// The JSON object, without `ok`.
        json: Value,
        /// The same for people.
        text: Page,
    },
    /// Exit code 1.
    Refused {
        /// A stable code.
        code: String,
        /// One clear line.
        message: String,
        /// More JSON members, or `Null`.
        json: Value,
        /// More for people; may be empty.
        text: Page,
    },
    /// Exit code 2.
    Unreadable(Unreadable),
}

impl Verdict {
    /// A refusal of which there is nothing more to say.
    pub(crate) fn refused(code: impl Into<String>, message: impl ToString) -> Self {
        Self::Refused {
            code: code.into(),
            message: message.to_string(),
            json: Value::Null,
            text: Page::new(),
        }
    }

    /// Prints it and gives the exit code. Of a refusal, the reason comes before what there is more
    /// to say.
    pub(crate) fn print(self, as_json: bool, look: Look) -> ExitCode {
        let (ok, exit, code, message, members, text) = match self {
            Self::Accepted { json, text } => (true, 0, None, None, json, text),
            Self::Refused {
                code,
                message,
                json,
                text,
            } => (false, 1, Some(code), Some(message), json, text),
            Self::Unreadable(unreadable) => (
                false,
                2,
                Some("cli.unreadable_input".to_owned()),
                Some(unreadable.to_string()),
                Value::Null,
                Page::new(),
            ),
        };
        let printed = if as_json {
            let mut object = json!({ "ok": ok });
            if let Value::Object(object) = &mut object {
                if let Some(code) = code {
                    object.insert("code".to_owned(), Value::String(code));
                }
                if let Some(message) = message {
                    object.insert("message".to_owned(), Value::String(message));
                }
                if let Value::Object(members) = members {
                    object.extend(members);
                }
            }
            print_to(io::stdout(), &visible_json(&object.to_string()))
        } else if let (Some(code), Some(message)) = (code, message) {
            if exit == 2 {
                // A path may be a stranger's choice, too.
                let message = visible_lines(&message);
                print_to(io::stderr(), &format!("countersign: {message}"))
            } else {
                let mut page = Page::new();
                let (first, rest) = message.split_once('\n').unwrap_or((&message, ""));
                page.line(refused(&code, first));
                rest.lines().for_each(|line| page.line(line));
                page.append(text);
                print_page(&page, look)
            }
        } else {
            print_page(&text, look)
        };
        match printed {
            Ok(()) => ExitCode::from(exit),
            // Whoever closed the pipe does not want to read it: the exit code still tells.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::from(exit),
            // Anything else lost a verdict that somebody waits for.
            Err(_) => ExitCode::from(2),
        }
    }
}

impl From<Unreadable> for Verdict {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(unreadable)
    }
}

/// Lines of JSON, for programs.
pub(crate) fn json_lines<'l>(lines: impl IntoIterator<Item = &'l str>) -> Page {
    let lines: Vec<String> = lines.into_iter().map(visible_json).collect();
    Page::verbatim(lines.join("\n"))
}

/// JSON whose strings can not move a terminal's cursor either: the characters that JSON leaves as
/// they are, and a person does not see, are escaped. They stand in strings only.
fn visible_json(json: &str) -> String {
    let mut text = String::new();
    for c in json.chars() {
        if countersign::text::is_hidden(c) {
            // Hidden characters are all below U+10000, which one escape can write.
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text
}

/// Writes a page to standard output; on terminals that do not know colours by themselves, too.
fn print_page(page: &Page, look: Look) -> io::Result<()> {
    let text = page.show(look);
    if look.colours() {
        print_to(anstream::AutoStream::always(io::stdout()), &text)
    } else {
        print_to(io::stdout(), &text)
    }
}

/// Writes text and ends its last line.
fn print_to(mut stream: impl Write, text: &str) -> io::Result<()> {
    writeln!(stream, "{}", text.trim_end())?;
    stream.flush()
}
