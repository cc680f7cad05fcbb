//! `countersign policy facts`.

use clap::Args;
use countersign::provision::PastSignIn;
use countersign::{ConnectionId, corpus};
use serde_json::json;

use super::{connection, load_sound};
use crate::input::{InputPath, Unreadable};
use crate::saml::{Checks, Messages};
use crate::verdict::{Verdict, json_lines};

#[derive(Debug, Args)]
pub(crate) struct Extraction {
    /// The policy file.
    #[arg(long, value_name = "FILE")]
    policy: InputPath,
    /// The connection that the responses came through.
    #[arg(long, value_name = "NAME")]
    connection: ConnectionId,
    #[command(flatten)]
    checks: Checks,
    #[command(flatten)]
    messages: Messages,
}

/// All of the lines or none: a corpus that lacks somebody says less than it seems to.
pub(super) fn run(extraction: &Extraction) -> Result<Verdict, Unreadable> {
    let policy = load_sound("--policy", &extraction.policy)?;
    let id = &extraction.connection;
    let rules = connection(&policy, id)?;
    let verifier = extraction.checks.verifier()?;
    let mut past = Vec::new();
    let mut lines = Vec::new();
    for file in extraction.messages.files() {
        let refused = |code: &str, why: &dyn std::fmt::Display| {
            Verdict::refused(code, format!("{}: {why}", file.display()))
        };
        let read = extraction
            .messages
            .read(file, |message| verifier.verify(message))?;
        let login = match read {
            Ok(login) => login,
            Err(rejection) => return Ok(refused(rejection.code(), &rejection)),
        };
        let facts = match verifier.facts(rules, &login) {
            Ok(facts) => facts,
            Err(error) => return Ok(refused(error.code(), &error)),
        };
        let sign_in = PastSignIn::new(id.clone(), extraction.checks.now(), facts);
        let line = corpus::to_line(&sign_in);
        lines.push(line.map_err(|error| Unreadable::new(file.display(), error))?);
        past.push(sign_in);
    }
    Ok(Verdict::Accepted {
        json: json!({ "sign_ins": past }),
        text: json_lines(lines.iter().map(String::as_str)),
    })
}
