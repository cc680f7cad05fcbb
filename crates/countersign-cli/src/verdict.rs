//! What a command found out, printed once, for people or as JSON.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::input::Unreadable;
use crate::text::visible_lines;

/// The end of every command.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Exit code 0.
    Accepted {
        /// The JSON object, without `ok`.
        json: Value,
        /// The same for people.
        text: String,
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
        text: String,
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
            text: String::new(),
        }
    }

    /// Prints it and gives the exit code.
    pub(crate) fn print(self, as_json: bool) -> ExitCode {
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
                String::new(),
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
            print_to(io::stdout(), &visible_json(&object))
        } else if let (Some(code), Some(message)) = (code, message) {
            // A path may be a stranger's choice, too.
            let message = visible_lines(&message);
            if exit == 2 {
                print_to(io::stderr(), &format!("countersign: {message}"))
            } else {
                let refused = format!("refused: {code}: {message}");
                let parts = [text.trim_end(), &refused];
                let told: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                print_to(io::stdout(), &told.join("\n"))
            }
        } else {
            print_to(io::stdout(), &text)
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

/// JSON whose strings can not move a terminal's cursor either: the characters that JSON leaves as
/// they are, and a person does not see, are escaped. They stand in strings only.
fn visible_json(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        if countersign::text::is_hidden(c) {
            // Hidden characters are all below U+10000, which one escape can write.
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text
}

/// Writes text and ends its last line.
fn print_to(mut stream: impl Write, text: &str) -> io::Result<()> {
    writeln!(stream, "{}", text.trim_end())?;
    stream.flush()
}
