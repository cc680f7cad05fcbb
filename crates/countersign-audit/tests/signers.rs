//! Signers: one in another process, as a host's HSM or KMS is, and what the verify paths accept.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_audit::signer::{SignatureAlgorithm, Signer, SignerError, sign_verified};
use countersign_audit::{AuditError, EcdsaP256Signer, Ed25519Signer, Ledger, RsaSigner};
use countersign_testkit::keys;
use pollster::block_on;
use support::{ORIGIN, TestStore, plain_entries, store_with};

/// Makes this very program the process that holds the key; its value is how it behaves.
const BEHAVIOUR: &str = "COUNTERSIGN_TEST_KEY_PROCESS";

/// A key in another process: a line with the message in base64 goes in, a line
/// `signature <base64>` comes out.
#[derive(Debug)]
struct KeyProcess {
    algorithm: SignatureAlgorithm,
    public_key: Vec<u8>,
    pipes: Mutex<(Child, ChildStdin, BufReader<ChildStdout>)>,
}

impl KeyProcess {
    fn start(behaviour: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_process_that_holds_the_key", "--nocapture"])
            .env(BEHAVIOUR, behaviour)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let public_key = answer(&mut stdout, "key").unwrap();
        Self {
            algorithm: match behaviour {
                "ecdsa" => SignatureAlgorithm::EcdsaP256Sha256,
                "rsa" => SignatureAlgorithm::RsaPkcs1Sha256,
                _ => SignatureAlgorithm::Ed25519,
            },
            public_key,
            pipes: Mutex::new((child, stdin, stdout)),
        }
    }
}

impl Drop for KeyProcess {
    fn drop(&mut self) {
        if let Ok((child, ..)) = self.pipes.get_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The next line of that name; the test harness prints others.
fn answer(stdout: &mut BufReader<ChildStdout>, name: &str) -> Result<Vec<u8>, SignerError> {
    let mut line = String::new();
    loop {
        line.clear();
        if stdout.read_line(&mut line).map_err(SignerError::new)? == 0 {
            return Err(SignerError::new("the process that holds the key has ended"));
        }
        let found = line.split_once(&format!("{name} "));
        if let Some((_, value)) = found {
            return STANDARD.decode(value.trim_end()).map_err(SignerError::new);
        }
    }
}

#[async_trait]
impl Signer for KeyProcess {
    fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    fn public_key(&self) -> Vec<u8> {
        self.public_key.clone()
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let pipes = self.pipes.lock();
        let mut pipes = pipes.map_err(|_| SignerError::new("a signature was interrupted"))?;
        let (_, stdin, stdout) = &mut *pipes;
        writeln!(stdin, "{}", STANDARD.encode(message)).map_err(SignerError::new)?;
        stdin.flush().map_err(SignerError::new)?;
        answer(stdout, "signature")
    }
}

/// Not a test but the other process, where the variable is set.
#[test]
fn the_process_that_holds_the_key() {
    let Ok(behaviour) = std::env::var(BEHAVIOUR) else {
        return;
    };
    let signer: Box<dyn Signer> = match behaviour.as_str() {
        "ecdsa" => Box::new(EcdsaP256Signer::from_pkcs8(keys::IDP_P256_PKCS8).unwrap()),
        "rsa" => Box::new(RsaSigner::from_pkcs8(keys::IDP_RSA_2048_PKCS8).unwrap()),
        _ => Box::new(Ed25519Signer::from_pkcs8(keys::IDP_ED25519_PKCS8).unwrap()),
    };
    let (other, _) = Ed25519Signer::generate().unwrap();
    println!("\nkey {}", STANDARD.encode(signer.public_key()));
    for (n, line) in std::io::stdin().lines().enumerate() {
        let message = STANDARD.decode(line.unwrap()).unwrap();
        let mut signature = block_on(signer.sign(&message)).unwrap();
        match behaviour.as_str() {
            "another key" => signature = block_on(other.sign(&message)).unwrap(),
            "garbage" => signature = b"garbage".to_vec(),
            "nothing" => signature.clear(),
            "another message" => signature = block_on(signer.sign(b"another")).unwrap(),
            "dies at once" => std::process::exit(1),
            "dies after one" if n == 1 => std::process::exit(1),
            "dies half way" => {
                print!("signature {}", &STANDARD.encode(&signature)[..9]);
                std::io::stdout().flush().unwrap();
                std::process::exit(1);
            }
            _ => {}
        }
        println!("signature {}", STANDARD.encode(&signature));
    }
}

fn ledger(behaviour: &str) -> (Arc<TestStore>, Ledger) {
    let store = store_with(&plain_entries(0..5));
    let signer = Arc::new(KeyProcess::start(behaviour));
    let opened = Ledger::open(Arc::<TestStore>::clone(&store), signer, ORIGIN);
    (store, block_on(opened).unwrap())
}

#[test]
fn a_key_in_another_process_signs_checkpoints() {
    let (store, ledger) = ledger("works");
    for size in [5, 9] {
        let checkpoint = block_on(ledger.advance()).unwrap();
        assert_eq!(checkpoint.checkpoint().size(), size);
        checkpoint.verify(&[ledger.verifier_key().clone()]).unwrap();
        store.change(|tables| tables.outbox.extend(plain_entries(5..9)));
    }
}

#[test]
fn keys_of_every_algorithm_sign_in_another_process() {
    for behaviour in ["works", "ecdsa", "rsa"] {
        let signer = KeyProcess::start(behaviour);
        let signature = block_on(sign_verified(&signer, b"message")).unwrap();
        let verify = |message: &[u8]| {
            let key = signer.public_key();
            signer.algorithm().verify(&key, message, &signature)
        };
        assert!(verify(b"message").is_ok() && verify(b"messagE").is_err());
    }
}

#[test]
fn a_key_process_that_lies_or_ends_signs_nothing_and_nothing_is_stored() {
    for behaviour in [
        "another key",
        "another message",
        "garbage",
        "nothing",
        "dies at once",
        "dies half way",
    ] {
        let (store, ledger) = ledger(behaviour);
        let signed = block_on(ledger.advance());
        assert!(matches!(signed, Err(AuditError::Signer(_))), "{behaviour}");
        let tables = store.tables.lock().unwrap();
        assert_eq!(tables.checkpoint, None, "{behaviour}");
        // The leaves are there, and wait for a key that signs.
        assert_eq!(tables.leaves.len(), 5);
    }
}

#[test]
fn a_key_process_that_dies_later_leaves_the_last_checkpoint_as_it_is() {
    let (store, ledger) = ledger("dies after one");
    let checkpoint = block_on(ledger.advance()).unwrap();
    store.change(|tables| tables.outbox.extend(plain_entries(5..9)));
    for _ in 0..2 {
        assert!(matches!(
            block_on(ledger.advance()),
            Err(AuditError::Signer(_))
        ));
    }
    let stored = block_on(ledger.reader().checkpoint()).unwrap();
    assert_eq!(stored, Some(checkpoint));
    // The same key behind a process that lives carries on.
    let again = Arc::new(KeyProcess::start("works"));
    let opened = Ledger::open(Arc::<TestStore>::clone(&store), again, ORIGIN);
    let ledger = block_on(opened).unwrap();
    assert_eq!(block_on(ledger.advance()).unwrap().checkpoint().size(), 9);
}
