//! Whom somebody trusts who checks the bundle: in this process, and as files and commands for
//! everybody else.
//!
//! These keys and roots do not come out of the bundle. A real verifier has them from those whose
//! they are: the log's key from the host's contract or website, the roots from their authorities,
//! the identity provider's certificate from its metadata.

use std::collections::BTreeMap;
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
    /// The service provider that people sign in to, by its entity id.
    audience: String,
    files: Vec<File>,
}

/// One thing to trust, in a file.
struct File {
    name: String,
    bytes: Vec<u8>,
    /// How `countersign evidence verify` is told of it.
    option: &'static str,
    /// How the commands of `VERIFY.md` are.
    variable: &'static str,
}

impl Trust {
    pub(crate) fn new(
        log: &VerifierKey,
        identity_provider: &IdentityProvider,
        audience: &str,
        outside: &Outside,
    ) -> Result<Self, Box<dyn Error>> {
        let witness = countersign::audit::Witness::key(&*outside.witness);
        let (time, sealer) = (&outside.time_root, &outside.sealer_root);
        let mut policy = TrustPolicy::new()
            .log_key(log.clone())
            .witnesses(WitnessPolicy::new(1, vec![witness.clone()])?)
            .time_authority(TrustAnchor::from_certificate(time.certificate())?)
            .sealer(TrustAnchor::from_certificate(sealer.certificate())?)
            .audience(audience);
        let file = |name: &str, text: String, option, variable| File {
            name: name.to_owned(),
            bytes: text.into_bytes(),
            option,
            variable,
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
                variable: "provider",
            });
        }
        Ok(Self {
            policy,
            audience: audience.to_owned(),
            files,
        })
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
            let path = quoted(&self.folder.join(&file.name).display().to_string());
            let _ = writeln!(command, "    {} {path} \\", file.option);
        }
        let _ = writeln!(
            command,
            "    --audience {} \\",
            quoted(&self.trust.audience)
        );
        command + "    " + &quoted(&bundle.display().to_string())
    }

    /// The commands that check a bundle by those in its own `VERIFY.md`, in a new folder.
    pub(crate) fn own_commands(&self, bundle: &Path) -> String {
        let bundle = quoted(&bundle.display().to_string());
        let mut commands =
            format!("( cd \"$(mktemp -d)\" && unzip -q {bundle} &&\n    export \\\n");
        // Several files under one name stand one a line.
        let mut named: BTreeMap<&str, String> = BTreeMap::new();
        named.insert("audience", self.trust.audience.clone());
        for file in &self.trust.files {
            let path = self.folder.join(&file.name).display().to_string();
            let value = named.entry(file.variable).or_default();
            if !value.is_empty() {
                value.push('\n');
            }
            value.push_str(&path);
        }
        for (variable, value) in named {
            let _ = writeln!(commands, "    {variable}={} \\", quoted(&value));
        }
        commands + "    && bash <(sed '/^```bash$/,/^```$/!d; /^```/d' VERIFY.md) )"
    }
}

/// A text as a shell reads it.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    match text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}
