//! A wrapping key in another process, as a host's HSM or key service is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use countersign::audit::key_wrap::{DataKey, KeyWrap, KeyWrapError, WrappedKey};
use countersign::audit::vault_store::VaultStore as _;
use countersign::audit::{Kind, LocalKeyWrap};
use countersign::blocking::wait;
use countersign::evidence::{Disclosure, Export};
use countersign::provision::lifecycle::LifecyclePolicy;
use countersign::provision::user::UserState;
use countersign::{UserId, VaultOwner};
use host::*;

/// Makes this very program the process that holds the key; its value is how it behaves.
const BEHAVIOUR: &str = "COUNTERSIGN_TEST_WRAP_PROCESS";
const NAME: &str = "process-key";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = (0..text.len()).step_by(2);
    digits
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// `wrap KEY DATA` and `unwrap KEY DATA` go in, in hexadecimal; `answer BYTES` or `answer` comes
/// out.
#[derive(Debug)]
struct WrapProcess {
    pipes: Mutex<(Child, ChildStdin, BufReader<ChildStdout>)>,
}

impl WrapProcess {
    fn start(behaviour: &str) -> Arc<Self> {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_process_that_holds_the_key", "--nocapture"])
            .env(BEHAVIOUR, behaviour)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let pipes = Mutex::new((child, stdin, stdout));
        Arc::new(Self { pipes })
    }

    /// Nothing if it is refused.
    fn ask(&self, what: &str, key: &[u8], data: &[u8]) -> Result<Option<Vec<u8>>, KeyWrapError> {
        let failed = |error: std::io::Error| KeyWrapError::unavailable(error);
        let mut pipes = self.pipes.lock().unwrap();
        let (_, stdin, stdout) = &mut *pipes;
        writeln!(stdin, "{what} {} {}", hex(key), hex(data)).map_err(failed)?;
        stdin.flush().map_err(failed)?;
        let mut line = String::new();
        loop {
            line.clear();
            if stdout.read_line(&mut line).map_err(failed)? == 0 {
                return Err(KeyWrapError::unavailable("the process has ended"));
            }
            // The test harness prints other lines.
            if let Some((_, answer)) = line.trim_end().split_once("answer") {
                let answer = answer.trim();
                return Ok((!answer.is_empty()).then(|| unhex(answer)));
            }
        }
    }

    fn kill(&self) {
        let mut pipes = self.pipes.lock().unwrap();
        pipes.0.kill().unwrap();
        pipes.0.wait().unwrap();
    }
}

impl Drop for WrapProcess {
    fn drop(&mut self) {
        if let Ok((child, ..)) = self.pipes.get_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[async_trait]
impl KeyWrap for WrapProcess {
    fn key_name(&self) -> &str {
        NAME
    }

    async fn wrap(&self, key: &DataKey, associated: &[u8]) -> Result<WrappedKey, KeyWrapError> {
        let bytes = self.ask("wrap", key.as_bytes(), associated)?;
        Ok(WrappedKey {
            wrapped_by: NAME.to_owned(),
            bytes: bytes.ok_or_else(|| KeyWrapError::unavailable("it wraps nothing"))?,
        })
    }

    async fn unwrap(
        &self,
        wrapped: &WrappedKey,
        associated: &[u8],
    ) -> Result<DataKey, KeyWrapError> {
        let key = self.ask("unwrap", &wrapped.bytes, associated)?;
        let key = key.and_then(|key| key.try_into().ok());
        key.map(DataKey::from_bytes).ok_or(KeyWrapError::Refused {
            wrapped_by: wrapped.wrapped_by.clone(),
        })
    }
}

/// Not a test but the other process, where the variable is set.
#[test]
fn the_process_that_holds_the_key() {
    let Ok(behaviour) = std::env::var(BEHAVIOUR) else {
        return;
    };
    let secret = if behaviour == "another key" { 8 } else { 9 };
    let local = LocalKeyWrap::new(NAME, [secret; 32]);
    println!();
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let [what, key, data] = words.as_slice() else {
            panic!("is no question: {line}");
        };
        let (key, data) = (unhex(key), unhex(data));
        let answer = if *what == "wrap" {
            let key = DataKey::from_bytes(key.try_into().unwrap());
            wait(local.wrap(&key, &data)).unwrap().bytes
        } else {
            let wrapped = WrappedKey {
                wrapped_by: NAME.to_owned(),
                bytes: key,
            };
            let key = wait(local.unwrap(&wrapped, &data));
            key.map_or_else(|_| Vec::new(), |key| key.as_bytes().to_vec())
        };
        println!("answer {}", hex(&answer));
    }
}

#[test]
fn private_parts_are_opened_by_a_key_that_never_enters_this_process() {
    on_each_store(|host| {
        let process = WrapProcess::start("honest");
        let engine = host.engine_with(POLICY, &[], |b| b.vault(process.clone()));
        let post = host.idp.post(&host.nurse(&["staff"]));
        let session = admitted(sign_in(&engine, &post).unwrap());
        let signature = sign(&engine, &session, &nda()).unwrap();
        let export = Export::of(signature.leaf()).disclose(Disclosure::Everything);
        let bundle = wait(engine.export(&export)).unwrap();
        let report = host.verify(&bundle);
        assert!(report.accepted(), "{report}");
        let signer = &report.trail().unwrap().signers[0];
        assert_eq!(signer.printed_name.as_deref(), Some("Given Family"));

        // After a restart of both, the same key opens what the other wrapped.
        process.kill();
        let again = host.engine_with(POLICY, &[], |b| b.vault(WrapProcess::start("honest")));
        wait(again.export(&export)).unwrap();
        let other = host.engine_with(POLICY, &[], |b| b.vault(WrapProcess::start("another key")));
        assert_eq!(code(wait(other.export(&export))), "key_wrap.refused");
    });
}

#[test]
fn a_key_that_can_not_be_asked_stops_what_would_need_it_and_nothing_is_written() {
    on_each_store(|host| {
        let process = WrapProcess::start("honest");
        let engine = host.engine_with(POLICY, &[], |b| b.vault(process.clone()));
        process.kill();
        let before = host.kinds();
        let post = host.idp.post(&host.nurse(&["staff"]));
        assert_eq!(code(sign_in(&engine, &post)), "key_wrap.unavailable");
        assert_eq!(host.kinds(), before);
        assert_eq!(host.seats_taken(), 0);
        assert!(!host.kinds().contains(&Kind::SessionOpened));
    });
}

#[test]
fn an_account_is_erased_without_the_key() {
    on_each_store(|host| {
        let process = WrapProcess::start("honest");
        let engine = host.engine_with(POLICY, &[], |b| b.vault(process.clone()));
        let post = host.idp.post(&host.nurse(&["staff"]));
        let session = admitted(sign_in(&engine, &post).unwrap());
        process.kill();
        let (user, by) = (session.user(), UserId::new("administrator").unwrap());
        wait(engine.deprovision(&tenant(), user, &by, None)).unwrap();
        host.clock.advance(LifecyclePolicy::DEFAULT_RETAIN);
        wait(engine.erase_account(&tenant(), user, &by, None)).unwrap();
        assert_eq!(host.account(&session).user.state, UserState::Erased);
        let owner = VaultOwner::Account(tenant(), user.clone());
        assert_eq!(wait(host.store.vault_keys_of(&owner)).unwrap().len(), 0);
    });
}
