//! Identity providers and checkers that others wrote, run by `providers/providers.sh`.
//!
//! What this crate's own test provider gets wrong, its verifier may get wrong in the same way;
//! these have not read our code. `providers/README.md` says what each of them proves. A test that
//! runs one carries a reason such as `#[ignore = "runs samlp; cargo xtask test runs it"]` and lives
//! in an integration test named `external`.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What a provider is to answer.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The service provider's entity id.
    pub sp_entity_id: &'a str,
    /// Where it takes responses.
    pub acs_url: &'a str,
    /// The request that is answered.
    pub request_id: &'a str,
    /// The certificate to encrypt for, as a file in PEM.
    pub sp_certificate: Option<&'a Path>,
}

/// Lets `provider` (`samlp`, `pysaml2`, `lasso` or `xmlsec`) write its metadata and its responses
/// into `folder`, with fresh ids and the time of now.
///
/// # Panics
/// If it can not.
pub fn mint(provider: &str, folder: &Path, order: &Order<'_>) {
    let mut command = script(&["mint", provider]);
    command
        .arg(folder)
        .env("SP_ENTITY_ID", order.sp_entity_id)
        .env("SP_ACS_URL", order.acs_url)
        .env("REQUEST_ID", order.request_id)
        .envs(order.sp_certificate.map(|file| ("SP_CERTIFICATE", file)));
    if let Err(complaint) = run(&mut command) {
        fail(&format!("{provider} minted nothing: {complaint}"));
    }
}

/// What `checker` (`signxml`) says about a file: its verdict, or its complaint.
///
/// # Errors
/// The complaint.
///
/// # Panics
/// If it can not be run.
pub fn check<A: AsRef<OsStr>>(checker: &str, arguments: &[A]) -> Result<String, String> {
    run(script(&["check", checker]).args(arguments))
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
