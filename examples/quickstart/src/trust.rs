//! Whom somebody trusts who checks the bundle: in this process, and as files and commands for
//! everybody else.
//!
//! These keys and roots do not come out of the bundle. A real verifier has them from those whose
//! they are: the log's key from the host's contract or website, the roots from their authorities,
//! the identity provider's certificate from its metadata.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use countersign::audit::{VerifierKey, WitnessPolicy};
use countersign::cms::TrustAnchor;
use countersign::evidence::TrustPolicy;
use countersign::saml::IdentityProvider;

use crate::outside::Outside;

/// What a verifier is given.
pub(crate) struct Trust {
    pub(crate) policy: TrustPolicy,
    files: Vec<File>,
}

/// One thing to trust, in a file.
struct File {
    name: String,
    bytes: Vec<u8>,
    /// How `countersign evidence verify` is told of it.
    option: &'static str,
    /// How the commands of `VERIFY.md` are; `None` if they know one of its kind already.
    variable: Option<&'static str>,
}

impl Trust {
    pub(crate) fn new(
        log: &VerifierKey,
        identity_provider: &IdentityProvider,
        outside: &Outside,
    ) -> Result<Self, Box<dyn Error>> {
        let witness = countersign::audit::Witness::key(&*outside.witness);
        let (time, sealer) = (&outside.time_root, &outside.sealer_root);
        let mut policy = TrustPolicy::new()
            .log_key(log.clone())
            .witnesses(WitnessPolicy::new(1, vec![witness.clone()])?)
            .time_authority(TrustAnchor::from_certificate(time.certificate())?)
            .sealer(TrustAnchor::from_certificate(sealer.certificate())?);
        let file = |name: &str, text: String, option, variable| File {
            name: name.to_owned(),
            bytes: text.into_bytes(),
            option,
            variable: Some(variable),
        };
        let mut files = vec![
            file("log.vkey", format!("{log}\n"), "--log-key", "log"),
            file(
                "witness.vkey",
                format!("{witness}\n"),
                "--witness",
                "witnesses",
            ),
            file("time-root.pem", time.pem(), "--time-root", "time_roots"),
            file("seal-root.pem", sealer.pem(), "--sealer-root", "seal_roots"),
        ];
        // A provider that changes its key has two certificates for a while; bare keys have none.
        let keys = identity_provider.keys().iter();
        let certified = keys.filter(|key| key.certificate_sha256().is_some());
        for (number, key) in (1..).zip(certified) {
            policy = policy.identity_provider(key.encoded());
            files.push(File {
                name: match number {
                    1 => "idp.der".to_owned(),
                    _ => format!("idp-{number}.der"),
                },
                bytes: key.encoded().to_vec(),
                option: "--idp-certificate",
                variable: (number == 1).then_some("provider"),
            });
        }
        Ok(Self { policy, files })
    }

    /// Writes the files into a folder.
    pub(crate) fn write(self, folder: PathBuf) -> std::io::Result<Written> {
        std::fs::create_dir_all(&folder)?;
        for file in &self.files {
            std::fs::write(folder.join(&file.name), &file.bytes)?;
        }
        Ok(Written {
            trust: self,
            folder,
        })
    }
}

/// The same, with files that commands can name.
pub(crate) struct Written {
    trust: Trust,
    folder: PathBuf,
}

impl Written {
    /// The command that checks a bundle by our verifier.
    pub(crate) fn our_command(&self, bundle: &Path) -> String {
        let mut command =
            String::from("cargo run --release -p countersign-cli -- evidence verify \\\n");
        for file in &self.trust.files {
            let path = quoted(&self.folder.join(&file.name));
            let _ = writeln!(command, "    {} {path} \\", file.option);
        }
        command + "    " + &quoted(bundle)
    }

    /// The commands that check a bundle by those in its own `VERIFY.md`, in a new folder.
    pub(crate) fn own_commands(&self, bundle: &Path) -> String {
        let bundle = quoted(bundle);
        let mut commands =
            format!("( cd \"$(mktemp -d)\" && unzip -q {bundle} &&\n    export \\\n");
        for file in &self.trust.files {
            if let Some(variable) = file.variable {
                let path = quoted(&self.folder.join(&file.name));
                let _ = writeln!(commands, "    {variable}={path} \\");
            }
        }
        commands + "    && bash <(sed '/^```bash$/,/^```$/!d; /^```/d' VERIFY.md) )"
    }
}

/// A path as a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    match text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}
