//! Identity providers and checkers that others wrote, run by `providers/providers.sh`.
//!
//! What this crate's own test provider gets wrong, its verifier may get wrong in the same way;
//! these have not read our code. `providers/README.md` says what each of them proves. A test that
//! runs one carries a reason such as `#[ignore = "runs samlp; cargo xtask test runs it"]` and lives
//! in an integration test named `external`.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What a provider is to answer.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The raw query of a request by redirect.
    pub authn_request: &'a str,
    /// The service provider's metadata.
    pub sp_metadata: &'a str,
    /// Its certificate in PEM, for signing and encryption: samlp reads no metadata.
    pub sp_certificate: &'a str,
}

/// The metadata of `provider` (`samlp`, `pysaml2`, `lasso` or `xmlsec`). `folder` is its to write
/// in.
///
/// # Panics
/// If it prints none.
#[must_use]
pub fn metadata(provider: &str, folder: &Path) -> Vec<u8> {
    let printed = run(script(&["metadata", provider]).arg(folder))
        .and_then(|_| std::fs::read(folder.join("metadata.xml")).map_err(|e| e.to_string()));
    printed.unwrap_or_else(|complaint| fail(&format!("{provider} has no metadata: {complaint}")))
}

/// Lets `provider` answer a request: by several files in `folder`, with fresh ids and the time of
/// now.
///
/// # Errors
/// Its complaint, if it does not.
///
/// # Panics
/// If it can not be run.
pub fn answer(provider: &str, folder: &Path, order: &Order<'_>) -> Result<(), String> {
    let file = |name: &str, content: &str| -> PathBuf {
        let path = folder.join(name);
        if let Err(error) = std::fs::write(&path, content) {
            fail(&format!("{}: {error}", path.display()));
        }
        path
    };
    run(script(&["answer", provider])
        .arg(folder)
        .env("AUTHN_REQUEST", order.authn_request)
        .env("SP_METADATA", file("sp-metadata.xml", order.sp_metadata))
        .env("SP_CERTIFICATE", file("sp.pem", order.sp_certificate)))
    .map(drop)
}

/// What `checker` (`xmlsec1`, `samlsign`, `signxml`, `xmllint` or `jsonschema`) says about a file:
/// its verdict, or its complaint.
///
/// # Errors
/// The complaint.
///
/// # Panics
/// If it can not be run.
pub fn check<A: AsRef<OsStr>>(checker: &str, arguments: &[A]) -> Result<String, String> {
    run(script(&["check", checker]).args(arguments))
}

/// A Python that has the package `cryptography`, for a verifier that a test brings along.
///
/// # Panics
/// If it can not be installed.
#[must_use]
pub fn python() -> PathBuf {
    match run(&mut script(&["install", "cryptography"])) {
        Ok(home) => Path::new(home.trim()).join("python/bin/python"),
        Err(error) => fail(&error),
    }
}

/// SimpleSAMLphp, as an identity provider at a port of its own on this machine. It stops when this
/// value is dropped, when the test dies, and after five minutes.
#[derive(Debug)]
pub struct SimpleSamlPhp {
    server: Child,
    url: String,
}

impl SimpleSamlPhp {
    /// Starts it with the service provider's metadata as that one made it.
    /// `folder` is where it keeps its state and its log; `settings` are those of
    /// `providers/README.md`.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(folder: &Path, sp_metadata: &[u8], settings: &[(&str, &str)]) -> Self {
        let log = folder.join("server.log");
        let server = std::fs::write(folder.join("sp-metadata.xml"), sp_metadata)
            .and_then(|()| File::create(&log))
            .and_then(|log| {
                let mut command = script(&["serve"]);
                command.arg(folder).envs(settings.iter().copied());
                command.stdin(Stdio::null()).stdout(Stdio::null());
                command.stderr(log).spawn()
            });
        let server = match server {
            Ok(server) => server,
            Err(error) => fail(&format!("SimpleSAMLphp did not start: {error}")),
        };
        let mut started = Self {
            server,
            url: String::new(),
        };
        // PHP says where it listens as soon as it does.
        while started.url.is_empty() {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            let address = said
                .split_once("Development Server (")
                .and_then(|(_, rest)| rest.split_once(") started"));
            match address {
                Some((url, _)) => url.clone_into(&mut started.url),
                None if matches!(started.server.try_wait(), Ok(None)) => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                None => fail(&format!("SimpleSAMLphp did not start: {said}")),
            }
        }
        started
    }

    /// Where it listens: `http://127.0.0.1:…`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for SimpleSamlPhp {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn script(arguments: &[&str]) -> Command {
    let mut command = Command::new("bash");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("providers/providers.sh"))
        .args(arguments);
    command
}

fn run(command: &mut Command) -> Result<String, String> {
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => fail(&format!("bash: {error}")),
    }
}

#[allow(
    clippy::panic,
    reason = "called by tests only; a provider that does not run has to fail them"
)]
fn fail(message: &str) -> ! {
    panic!("{message}")
}
