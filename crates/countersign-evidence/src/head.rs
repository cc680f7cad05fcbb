//! The head of the log: who signed the checkpoint, who has seen it, and when at the latest
//! (`docs/spec/bundle.md` §6).

use countersign_audit::cosignature::CosignatureError;
use countersign_audit::note::NoteError;
use countersign_audit::{SignedCheckpoint, VerifierKey};
use countersign_cms::{CmsError, timestamp};
use countersign_core::Timestamp;

use crate::layout::{CHECKPOINT, LOG_KEY, Layout};
use crate::links::{CLOCK_SKEW, Records};
use crate::members::Members;
use crate::report::{Claim, Lines};
use crate::trust::TrustPolicy;

/// Checks who signed the checkpoint.
pub(crate) fn check_checkpoint(
    members: &Members<'_>,
    trust: &TrustPolicy,
    lines: &mut Lines,
) -> Option<SignedCheckpoint> {
    let claim = Claim::CheckpointSignature;
    let bytes = members.data(CHECKPOINT)?;
    let Ok(checkpoint) = SignedCheckpoint::parse(bytes) else {
        lines.failed(claim, CHECKPOINT, "is no signed checkpoint");
        return None;
    };
    let signer = signer(&checkpoint, trust);
    let enclosed = members
        .data(LOG_KEY)
        .and_then(|text| std::str::from_utf8(text).ok())
        .and_then(|text| text.strip_suffix('\n'))
        .and_then(|text| text.parse::<VerifierKey>().ok());
    // Where it is the one that is trusted, its signature is checked already.
    let has_signed = enclosed.is_some_and(|key| {
        signer.is_by(&key) || checkpoint.verify(std::slice::from_ref(&key)).is_ok()
    });
    if !has_signed {
        lines.failed(claim, LOG_KEY, "is no key that has signed the checkpoint");
    }
    let (origin, size) = (
        checkpoint.checkpoint().origin(),
        checkpoint.checkpoint().size(),
    );
    match signer {
        Signer::Trusted(_) => lines.proved(
            claim,
            CHECKPOINT,
            format!("signed by the trusted key of log `{origin}`, over {size} leaves"),
        ),
        Signer::Retired(_, last) if size <= last => lines.proved(
            claim,
            CHECKPOINT,
            format!(
                "signed by a key of log `{origin}` that was retired at {last} leaves, over {size}"
            ),
        ),
        Signer::Retired(_, last) => lines.failed(
            claim,
            CHECKPOINT,
            format!("is over {size} leaves, but its key was retired at {last}"),
        ),
        Signer::Broken => lines.failed(claim, CHECKPOINT, "its signature does not verify"),
        Signer::Unknown if trust.log_keys.is_empty() && trust.retired_log_keys.is_empty() => {
            lines.not_proved(
                claim,
                CHECKPOINT,
                format!("log key not trusted: no key was given for log `{origin}`"),
            );
        }
        Signer::Unknown => lines.failed(
            claim,
            CHECKPOINT,
            format!("log `{origin}` is not signed by any key that was given"),
        ),
    }
    Some(checkpoint)
}

/// Who signed a checkpoint.
enum Signer<'a> {
    Trusted(Option<&'a VerifierKey>),
    /// With the largest size that it may sign.
    Retired(&'a VerifierKey, u64),
    /// Somebody who is trusted, but not this.
    Broken,
    Unknown,
}

impl Signer<'_> {
    fn is_by(&self, key: &VerifierKey) -> bool {
        match self {
            Self::Trusted(signer) => *signer == Some(key),
            Self::Retired(signer, _) => *signer == key,
            Self::Broken | Self::Unknown => false,
        }
    }
}

fn signer<'a>(checkpoint: &SignedCheckpoint, trust: &'a TrustPolicy) -> Signer<'a> {
    match checkpoint.verify(&trust.log_keys) {
        Ok(()) => {
            let only = match trust.log_keys.as_slice() {
                [key] => Some(key),
                _ => None,
            };
            return Signer::Trusted(only);
        }
        Err(NoteError::NoTrustedSignature) => {}
        Err(_) => return Signer::Broken,
    }
    let mut signer = Signer::Unknown;
    for (key, last) in &trust.retired_log_keys {
        match checkpoint.verify(std::slice::from_ref(key)) {
            // The one that was retired last counts.
            Ok(()) => match signer {
                Signer::Retired(_, before) if before >= *last => {}
                _ => signer = Signer::Retired(key, *last),
            },
            Err(NoteError::NoTrustedSignature) => {}
            Err(_) => return Signer::Broken,
        }
    }
    signer
}

/// Checks who has seen the checkpoint.
pub(crate) fn check_witnesses(
    checkpoint: Option<&SignedCheckpoint>,
    trust: &TrustPolicy,
    lines: &mut Lines,
) {
    let Some(checkpoint) = checkpoint else {
        return;
    };
    let claim = Claim::Witnessed;
    let Some(witnesses) = &trust.witnesses else {
        let why = "no witness was named who should have seen the checkpoint";
        lines.not_proved(claim, CHECKPOINT, why);
        return;
    };
    match witnesses.verify(checkpoint) {
        Ok(seen) => {
            let seen: Vec<_> = seen
                .iter()
                .map(|one| format!("`{}` at {}", one.witness, one.at))
                .collect();
            lines.proved(claim, CHECKPOINT, format!("seen by {}", seen.join(", ")));
        }
        Err(error @ CosignatureError::TooFew { .. }) => {
            lines.not_proved(claim, CHECKPOINT, error.to_string());
        }
        Err(error) => lines.failed(claim, CHECKPOINT, error.to_string()),
    }
}

/// Checks the time-stamps over the checkpoint.
pub(crate) fn check_time(
    members: &Members<'_>,
    layout: &Layout<'_>,
    records: &Records,
    trust: &TrustPolicy,
    now: Timestamp,
    lines: &mut Lines,
) -> Option<Timestamp> {
    let claim = Claim::TrustedTime;
    let tokens: Vec<&[u8]> = layout
        .tokens
        .iter()
        .filter_map(|name| members.data(name))
        .collect();
    let checkpoint = members.data(CHECKPOINT)?;
    let Some(first) = layout.tokens.first() else {
        let why = "the times are the log operator's own; no authority has stamped them";
        lines.not_proved(claim, CHECKPOINT, why);
        return None;
    };
    match timestamp::verify_chain(&tokens, checkpoint, &trust.time_authorities, now) {
        Ok(time) => {
            let latest = time.gen_time.saturating_add(CLOCK_SKEW);
            let mut later = records
                .iter()
                .filter(|item| item.record.at > latest)
                .peekable();
            if later.peek().is_none() {
                let more = tokens.len().saturating_sub(1);
                lines.proved(
                    claim,
                    first,
                    format!(
                        "a trusted authority has stamped the checkpoint at {}{}",
                        time.gen_time,
                        match more {
                            0 => String::new(),
                            _ => format!(", renewed {more} times"),
                        }
                    ),
                );
            }
            for item in later {
                let why = format!(
                    "is dated {}, after the time-stamp of {}",
                    item.record.at, time.gen_time
                );
                lines.failed(claim, &item.file, why);
            }
            Some(time.gen_time)
        }
        Err(error) => {
            // Trust is a matter of the chain; what is broken is broken in one token.
            let broken = first_broken(&tokens, checkpoint, now);
            let broken = broken.and_then(|place| layout.tokens.get(place));
            say(claim, broken.unwrap_or(first), &error, lines);
            None
        }
    }
}

/// Where in a chain the first token stands that does not hold in itself, if one does not.
fn first_broken(tokens: &[&[u8]], checkpoint: &[u8], now: Timestamp) -> Option<usize> {
    let mut chains = (1..=tokens.len()).filter_map(|count| tokens.get(..count));
    chains.position(|chain| {
        let verified = timestamp::verify_chain(chain, checkpoint, &[], now);
        !matches!(verified, Ok(_) | Err(CmsError::Untrusted(_)))
    })
}

/// Says what is wrong with a seal or a time-stamp: nothing, but nobody is trusted for it, or
/// something.
pub(crate) fn say(claim: Claim, subject: &str, error: &CmsError, lines: &mut Lines) {
    use std::error::Error as _;
    let cause = error.source().map(ToString::to_string);
    let why = match cause {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    match error {
        CmsError::Untrusted(_) => lines.not_proved(claim, subject, why),
        _ => lines.failed(claim, subject, why),
    }
}
