//! The port to witnesses, who cosign what they have seen to be one growing log
//! \[C2SP tlog-witness\].

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::Sha256Digest;
use thiserror::Error;

use crate::checkpoint::{SignedCheckpoint, parse_decimal, parse_hash};
use crate::cosignature::{
    Cosignature, CosignatureError, WitnessKey, WitnessPolicy, WitnessPolicyError, first_by,
};
use crate::damage::Damage;
use crate::error::AuditError;
use crate::ledger::Ledger;
use crate::note::SignatureLine;
use crate::store::{LedgerStore as _, StoredCheckpoint};

/// Most hashes of a consistency proof \[C2SP tlog-witness, "add-checkpoint"\].
const MAX_PROOF_HASHES: usize = 63;

/// How often one witness is told another old size, and how often a lost race for the stored
/// checkpoint is run again: others cosign at the same time.
const MAX_ATTEMPTS: usize = 8;

/// The bytes are no request to a witness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not a request to cosign a checkpoint")]
pub struct ParseRequestError;

/// What a witness is asked \[C2SP tlog-witness, "add-checkpoint"\].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the last checkpoint that the witness has cosigned, as far as the log knows.
    pub old_size: u64,
    /// That the checkpoint's tree continues the one of `old_size`; empty if that is 0 or the
    /// same size.
    pub proof: Vec<Sha256Digest>,
    /// The checkpoint.
    pub checkpoint: SignedCheckpoint,
}

impl AddCheckpoint {
    /// The body of the HTTP request.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("old {}\n", self.old_size);
        for hash in &self.proof {
            head.push_str(&STANDARD.encode(hash.as_bytes()));
            head.push('\n');
        }
        head.push('\n');
        [head.as_bytes(), self.checkpoint.bytes()].concat()
    }

    /// Reads what [`AddCheckpoint::to_bytes`] writes. Nothing in it is verified.
    ///
    /// # Errors
    /// If the bytes are no such body.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseRequestError> {
        Self::parse_format(bytes).ok_or(ParseRequestError)
    }

    fn parse_format(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, checkpoint) = text.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let old_size = parse_decimal(lines.next()?.strip_prefix("old ")?)?;
        let proof: Vec<_> = lines.map(parse_hash).collect::<Option<_>>()?;
        if proof.len() > MAX_PROOF_HASHES {
            return None;
        }
        let checkpoint = SignedCheckpoint::parse(checkpoint.as_bytes()).ok()?;
        Some(Self {
            old_size,
            proof,
            checkpoint,
        })
    }
}

/// Why a witness has not cosigned.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// The last checkpoint that it has cosigned is of another size than it was told, or, at the
    /// same size, has another root: status 409.
    #[error("the witness has cosigned a checkpoint of {size} leaves")]
    Conflict {
        /// The size that it has cosigned.
        size: u64,
    },
    /// The proof does not show that the checkpoint continues the one that it has cosigned:
    /// status 422.
    #[error("the witness was not shown that the checkpoint continues the last one")]
    Inconsistent,
    /// It does not know the log, trusts no key that has signed the checkpoint, or understands
    /// nothing: statuses 400, 403 and 404.
    #[error("the witness refused with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// What it answered is no cosignature of the checkpoint by its key.
    #[error("the witness answered with no cosignature of its own")]
    NoCosignature,
    /// It has cosigned a larger tree of this ledger already, which another process has shown it.
    #[error("the witness is ahead, at {size} leaves")]
    Ahead {
        /// The size that it has cosigned.
        size: u64,
    },
    /// It can not be reached, or does not answer.
    #[error("the witness can not be reached")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

impl WitnessError {
    /// Reads an HTTP answer to the body of [`AddCheckpoint`]: the signature lines, or what the
    /// status says \[C2SP tlog-witness, "add-checkpoint"\].
    ///
    /// # Errors
    /// Unless the status is 200.
    pub fn read_response(status: u16, body: &[u8]) -> Result<Vec<u8>, Self> {
        let size = || parse_decimal(std::str::from_utf8(body).ok()?.strip_suffix('\n')?);
        match status {
            200 => Ok(body.to_vec()),
            409 => match size() {
                Some(size) => Err(Self::Conflict { size }),
                None => Err(Self::NoCosignature),
            },
            422 => Err(Self::Inconsistent),
            400..500 => Err(Self::Refused { status }),
            _ => Err(Self::Unavailable(format!("status {status}").into())),
        }
    }
}

/// Someone who looks whether a log only ever grows, and says so.
///
/// # Contract
/// - How it is reached is the host's: over HTTP, [`AddCheckpoint::to_bytes`] is the body of the
///   request and [`WitnessError::read_response`] reads the answer.
/// - A time limit is the implementation's, too; witnesses are asked all at once, and the slowest
///   is waited for.
///
/// `countersign_testkit::conformance::witness` checks one that runs in the same process;
/// `countersign_testkit::witness` has a small one.
#[async_trait]
pub trait Witness: Send + Sync + fmt::Debug {
    /// The key that it cosigns with.
    fn key(&self) -> &WitnessKey;

    /// Asks for a cosignature: the signature lines, each with its newline. Lines by keys that are
    /// not asked for are ignored.
    ///
    /// # Errors
    /// If it does not cosign.
    async fn add_checkpoint(&self, request: &AddCheckpoint) -> Result<Vec<u8>, WitnessError>;
}

/// A witness has cosigned what the ledger does not continue.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the witness `{witness}` has cosigned another history")]
pub struct WitnessAlarm {
    /// The witness.
    pub witness: String,
    /// What is wrong with the ledger, if the witness is right.
    #[source]
    pub damage: Damage,
}

/// The witnesses of a ledger, and how many must have cosigned.
#[derive(Debug)]
pub struct Witnesses {
    witnesses: Vec<Arc<dyn Witness>>,
    policy: WitnessPolicy,
    /// The last size that each is known to have cosigned.
    sizes: Mutex<BTreeMap<String, u64>>,
}

impl Witnesses {
    /// `k` of these witnesses.
    ///
    /// # Errors
    /// As [`WitnessPolicy::new`].
    pub fn new(k: usize, witnesses: Vec<Arc<dyn Witness>>) -> Result<Self, WitnessPolicyError> {
        let keys = witnesses.iter().map(|witness| witness.key().clone());
        Ok(Self {
            policy: WitnessPolicy::new(k, keys.collect())?,
            witnesses,
            sizes: Mutex::default(),
        })
    }

    /// Whose cosignatures count, and how many there must be: give it to whoever shall verify
    /// evidence.
    #[must_use]
    pub fn policy(&self) -> &WitnessPolicy {
        &self.policy
    }

    fn size_at(&self, witness: &dyn Witness) -> u64 {
        let sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        sizes.get(witness.key().name()).copied().unwrap_or(0)
    }

    fn is_at(&self, witness: &dyn Witness, size: u64) {
        let mut sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        sizes.insert(witness.key().name().to_owned(), size);
    }
}

/// A checkpoint with the cosignatures that there are, and why there are no more.
#[derive(Debug)]
pub struct Cosigned {
    /// The checkpoint.
    pub checkpoint: SignedCheckpoint,
    /// Who has cosigned it, and when.
    pub cosignatures: Vec<Cosignature>,
    /// Witnesses that have not, with why; a witness that is down is no reason to stop.
    pub missing: Vec<(String, WitnessError)>,
    outcome: Result<(), CosignatureError>,
}

impl Cosigned {
    /// Whether enough witnesses have cosigned.
    ///
    /// # Errors
    /// [`AuditError::NotWitnessed`] if they have not.
    pub fn require(&self) -> Result<(), AuditError> {
        self.outcome.clone().map_err(AuditError::NotWitnessed)
    }
}

impl Ledger {
    /// Asks the witnesses that have not cosigned the last checkpoint to do so, all at once, and
    /// keeps their cosignatures with it. Without witnesses nobody is asked.
    ///
    /// # Errors
    /// [`AuditError::Witness`] if one of them has cosigned what this ledger does not continue;
    /// [`AuditError::NotInTree`] if there is no checkpoint; [`AuditError::Damaged`] and
    /// [`AuditError::Store`] as [`Ledger::checkpoint`]. That one is down or refuses is no error.
    pub async fn cosign(&self) -> Result<Cosigned, AuditError> {
        let last = self.last_checkpoint().await?;
        self.ask(last.ok_or(AuditError::NotInTree)?, false).await
    }

    /// Asks every witness whether the last checkpoint continues what it has cosigned: done at
    /// start-up, it notices a store that was set back as a whole, last checkpoint included.
    ///
    /// A ledger that has no checkpoint signs one.
    ///
    /// # Errors
    /// As [`Ledger::checkpoint`] and [`Ledger::cosign`].
    pub async fn check_witnesses(&self) -> Result<Cosigned, AuditError> {
        let last = match self.last_checkpoint().await? {
            Some(last) => last,
            None => self.checkpoint().await?,
        };
        self.ask(last, true).await
    }

    async fn ask(&self, signed: SignedCheckpoint, everybody: bool) -> Result<Cosigned, AuditError> {
        let Some(witnesses) = self.witnesses() else {
            return Ok(Cosigned {
                checkpoint: signed,
                cosignatures: Vec::new(),
                missing: Vec::new(),
                outcome: Ok(()),
            });
        };
        let has_cosigned =
            |witness: &&Arc<dyn Witness>| matches!(first_by(witness.key(), &signed), Ok(Some(_)));
        let asked = witnesses.witnesses.iter();
        let asked: Vec<_> = asked
            .filter(|witness| everybody || !has_cosigned(witness))
            .collect();
        let answers = asked
            .iter()
            .map(|witness| self.ask_one(witnesses, &***witness, &signed));
        let answers = join_all(answers.collect()).await;
        let (mut lines, mut missing, mut alarm) = (Vec::new(), Vec::new(), None);
        for (witness, answer) in asked.into_iter().zip(answers) {
            match answer {
                Ok(line) => lines.push(line),
                Err(Unasked::Error(error)) => {
                    missing.push((witness.key().name().to_owned(), error))
                }
                Err(Unasked::Alarm(damage)) => {
                    alarm = alarm.or(Some(WitnessAlarm {
                        witness: witness.key().name().to_owned(),
                        damage,
                    }));
                }
                Err(Unasked::Failed(error)) => return Err(error),
            }
        }
        let checkpoint = self.keep(signed, &lines).await?;
        if let Some(alarm) = alarm {
            return Err(AuditError::Witness(alarm));
        }
        let mut cosignatures = Vec::new();
        for key in witnesses.policy.keys() {
            cosignatures.extend(first_by(key, &checkpoint).ok().flatten());
        }
        Ok(Cosigned {
            outcome: witnesses.policy.verify(&checkpoint).map(drop),
            checkpoint,
            cosignatures,
            missing,
        })
    }

    async fn ask_one(
        &self,
        witnesses: &Witnesses,
        witness: &dyn Witness,
        signed: &SignedCheckpoint,
    ) -> Result<SignatureLine, Unasked> {
        let size = signed.checkpoint().size();
        let mut old_size = witnesses.size_at(witness).min(size);
        for _ in 0..MAX_ATTEMPTS {
            let proof = match old_size {
                0 => Vec::new(),
                _ => self.reader().consistency_proof(old_size, size).await?,
            };
            let request = AddCheckpoint {
                old_size,
                proof,
                checkpoint: signed.clone(),
            };
            match witness.add_checkpoint(&request).await {
                Ok(lines) => {
                    let line = own_line(witness.key(), signed, &lines)
                        .ok_or(WitnessError::NoCosignature)?;
                    witnesses.is_at(witness, size);
                    return Ok(line);
                }
                // It was shown a proof from what it has cosigned, and did not find that in it.
                Err(WitnessError::Inconsistent) if old_size > 0 => {
                    let signed_size = old_size;
                    return Err(Unasked::Alarm(Damage::Forked { signed_size }));
                }
                Err(WitnessError::Conflict { size: theirs }) => {
                    if theirs > size {
                        let tree_size = self.reader().size().await?;
                        if theirs > tree_size {
                            return Err(Unasked::Alarm(Damage::RolledBack {
                                size: tree_size,
                                signed_size: theirs,
                            }));
                        }
                        return Err(WitnessError::Ahead { size: theirs }.into());
                    }
                    if theirs == old_size && theirs == size {
                        let signed_size = size;
                        return Err(Unasked::Alarm(Damage::Forked { signed_size }));
                    }
                    old_size = theirs;
                    witnesses.is_at(witness, theirs);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(WitnessError::NoCosignature.into())
    }

    /// Adds lines to the stored checkpoint, unless a larger one has replaced it meanwhile; gives
    /// the checkpoint with them in any case.
    async fn keep(
        &self,
        signed: SignedCheckpoint,
        lines: &[SignatureLine],
    ) -> Result<SignedCheckpoint, AuditError> {
        if lines.is_empty() {
            return Ok(signed);
        }
        let mut stored = signed.clone();
        for _ in 0..MAX_ATTEMPTS {
            let more = stored.with(lines);
            let (old, new) = (StoredCheckpoint::of(&stored), StoredCheckpoint::of(&more));
            let put = self.reader().store().put_checkpoint(Some(&old), &new).await;
            match put {
                Ok(()) => return Ok(more),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
            match self.last_checkpoint().await? {
                Some(last) if last.checkpoint() == signed.checkpoint() => stored = last,
                _ => break,
            }
        }
        Ok(signed.with(lines))
    }
}

/// Why there is no line by a witness.
enum Unasked {
    Error(WitnessError),
    Alarm(Damage),
    Failed(AuditError),
}

impl From<WitnessError> for Unasked {
    fn from(error: WitnessError) -> Self {
        Self::Error(error)
    }
}

impl From<AuditError> for Unasked {
    fn from(error: AuditError) -> Self {
        Self::Failed(error)
    }
}

/// The line among those that the witness answered with that is a cosignature by its key.
fn own_line(key: &WitnessKey, signed: &SignedCheckpoint, lines: &[u8]) -> Option<SignatureLine> {
    let lines = SignatureLine::parse_lines(std::str::from_utf8(lines).ok()?)?;
    let text = signed.note().text();
    let mut own = lines.into_iter().filter(|line| key.is_named_by(line));
    own.find(|line| key.verify(text, line).is_ok())
}

/// Drives all futures at once, and gives their outputs in their order.
async fn join_all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut running: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    poll_fn(move |context| {
        let mut waiting = false;
        for (future, output) in running.iter_mut().zip(&mut outputs) {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(value) => *output = Some(value),
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting {
            return Poll::Pending;
        }
        Poll::Ready(outputs.iter_mut().filter_map(Option::take).collect())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkpoint of a public test log; see the fixtures' README.
    const CHECKPOINT: &str = "example.com/log/testdata\n1\n0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=\n\n\u{2014} example.com/log/testdata M9e0lhr9kuLxGdAtaUrhm84TQffVsLdcy808sN0a3WyniNlfcr9+bywoiIke1YYciCNjJGkCgIlQ8b16jhsmg/SChAM=\n";
    const HASH: &str = "0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=";

    #[test]
    fn a_request_comes_back_from_its_bytes() {
        for text in [
            format!("old 0\n\n{CHECKPOINT}"),
            format!("old 18446744073709551615\n{HASH}\n{HASH}\n\n{CHECKPOINT}"),
        ] {
            let request = AddCheckpoint::parse(text.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(request.to_bytes()).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let long = format!("{HASH}\n").repeat(MAX_PROOF_HASHES + 1);
        for bad in [
            String::new(),
            format!("\n{CHECKPOINT}"),
            format!("old 01\n\n{CHECKPOINT}"),
            format!("old -1\n\n{CHECKPOINT}"),
            format!("new 1\n\n{CHECKPOINT}"),
            format!("old 1\nAAAA\n\n{CHECKPOINT}"),
            format!("old 1\n{long}\n{CHECKPOINT}"),
            format!("old 1\n{CHECKPOINT}"),
            format!("old 1\n\n{CHECKPOINT}x"),
            format!("old 1\r\n\r\n{CHECKPOINT}"),
        ] {
            let parsed = AddCheckpoint::parse(bad.as_bytes());
            assert_eq!(parsed, Err(ParseRequestError), "{bad}");
        }
    }

    #[test]
    fn an_answer_over_http_says_what_its_status_says() {
        let read = |status, body: &str| WitnessError::read_response(status, body.as_bytes());
        assert_eq!(read(200, "line\n").unwrap(), b"line\n");
        let conflict = read(409, "20852014\n");
        assert!(matches!(
            conflict,
            Err(WitnessError::Conflict { size: 20_852_014 })
        ));
        for body in ["", "7", "07\n", "many\n"] {
            assert!(matches!(read(409, body), Err(WitnessError::NoCosignature)));
        }
        assert!(matches!(read(422, ""), Err(WitnessError::Inconsistent)));
        for status in [400, 403, 404] {
            let refused = read(status, "");
            assert!(matches!(refused, Err(WitnessError::Refused { status: s }) if s == status));
        }
        for status in [204, 302, 500, 503] {
            assert!(matches!(
                read(status, ""),
                Err(WitnessError::Unavailable(_))
            ));
        }
    }
}
