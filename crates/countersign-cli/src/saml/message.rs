//! A message, in one of the forms in which it comes.

use clap::Args;
use countersign::saml::Inbound;

use super::RESPONSE_LIMIT_BYTES;
use crate::input::{InputPath, Unreadable, read};

/// A message, and how it came.
#[derive(Debug, Args)]
pub(super) struct Message {
    #[command(flatten)]
    file: File,
    /// The message is in Base64, as in a form's field.
    #[arg(long, conflicts_with_all = ["redirect_query", "form"])]
    base64: bool,
}

/// A message, in one of the forms in which it comes; `-` reads standard input.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct File {
    /// The message.
    message: Option<InputPath>,
    /// The raw query of a URL that carries the message, or that URL.
    #[arg(long, value_name = "FILE")]
    redirect_query: Option<InputPath>,
    /// The raw body of a form that carries the message.
    #[arg(long, value_name = "FILE")]
    form: Option<InputPath>,
}

/// Messages, each in a file of its own.
#[derive(Debug, Args)]
pub(crate) struct Messages {
    /// The messages.
    #[arg(required = true, value_name = "FILE")]
    messages: Vec<InputPath>,
    /// They are in Base64, as in a form's field.
    #[arg(long)]
    base64: bool,
}

impl Messages {
    /// The files, in the order in which they were named.
    pub(crate) fn files(&self) -> &[InputPath] {
        &self.messages
    }

    /// Reads one of them and hands it to `verify`.
    pub(crate) fn read<T>(
        &self,
        file: &InputPath,
        verify: impl FnOnce(Inbound<'_>) -> T,
    ) -> Result<T, Unreadable> {
        let bytes = read(file, RESPONSE_LIMIT_BYTES)?;
        // What was cut off in reading is too large as XML, and must not pass as something shorter.
        let is_whole = bytes.len() <= RESPONSE_LIMIT_BYTES;
        Ok(verify(if self.base64 && is_whole {
            Inbound::Post(&bytes)
        } else {
            Inbound::Xml(&bytes)
        }))
    }
}

impl Message {
    /// Reads the message and hands it to `verify`.
    pub(super) fn read<T>(&self, verify: impl FnOnce(Inbound<'_>) -> T) -> Result<T, Unreadable> {
        let (path, carry): (_, fn(&[u8]) -> Inbound<'_>) = match &self.file {
            File {
                redirect_query: Some(path),
                ..
            } => (path, |bytes| Inbound::RedirectQuery(query(bytes))),
            File {
                form: Some(path), ..
            } => (path, |bytes| Inbound::Form(bytes.trim_ascii_end())),
            File {
                message: Some(path),
                ..
            } if self.base64 => (path, |bytes| Inbound::Post(bytes)),
            File {
                message: Some(path),
                ..
            } => (path, |bytes| Inbound::Xml(bytes)),
            _ => return Err(Unreadable::new("the message", "is missing")),
        };
        let bytes = read(path, RESPONSE_LIMIT_BYTES)?;
        // What was cut off in reading is too large as XML, and must not pass as something shorter.
        Ok(verify(if bytes.len() > RESPONSE_LIMIT_BYTES {
            Inbound::Xml(&bytes)
        } else {
            carry(&bytes)
        }))
    }
}

/// The raw query: what is there, without the end of its line, or of a URL what stands behind `?`.
fn query(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.trim_ascii_end();
    if !bytes.starts_with(b"https://") && !bytes.starts_with(b"http://") {
        return bytes;
    }
    let query = bytes.splitn(2, |byte| *byte == b'?').nth(1);
    let query = query.unwrap_or_default();
    query.split(|byte| *byte == b'#').next().unwrap_or_default()
}
