//! What openssl writes is read, what is written here openssl reads, and both refuse the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

use std::path::PathBuf;
use std::process::{Command, Output};

use countersign_cms::timestamp::{
    Imprint, chained, read_response, request, verify_chain, verify_token,
};
use countersign_cms::{CmsError, DigestAlgorithm, TrustAnchor, cades};
use countersign_core::Timestamp;
use countersign_testkit::authority::{
    CertificateAuthority, CertificateSpec, Fault, Issued, KeyKind, TimeStampAuthority,
};
use tempfile::TempDir;

const CONTENT: &[u8] = b"a manifest, or a checkpoint\n";
const NONCE: [u8; 16] = [0xc0; 16];

/// A folder in which openssl is run.
struct Openssl(TempDir);

impl Openssl {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("content", CONTENT);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn output(&self, arguments: &str) -> Output {
        Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    /// Whether it does what it is asked, and what it says otherwise.
    fn try_run(&self, arguments: &str) -> Result<(), String> {
        let output = self.output(arguments);
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    fn run(&self, arguments: &str) {
        self.try_run(arguments)
            .unwrap_or_else(|error| panic!("openssl {arguments}: {error}"));
    }

    /// A certificate of ours as PEM.
    fn write_certificate(&self, name: &str, der: &[u8]) {
        self.write("certificate.der", der);
        self.run(&format!("x509 -inform DER -in certificate.der -out {name}"));
    }

    fn anchor(&self, name: &str) -> Vec<TrustAnchor> {
        TrustAnchor::read(&self.read(name)).unwrap()
    }
}

/// The machine's time.
#[allow(
    clippy::disallowed_methods,
    reason = "openssl's own authorities know no other time"
)]
fn machine_time() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::from_unix_millis(i64::try_from(since.unwrap().as_millis()).unwrap())
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn seconds(at: Timestamp) -> i64 {
    at.unix_millis() / 1000
}

const CONFIG: &str = "
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[sealer]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, nonRepudiation
extendedKeyUsage = emailProtection
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid, issuer
[time]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[not_critical]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = timeStamping
[not_alone]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = critical, timeStamping, emailProtection
[tsa]
default_tsa = authority
[authority]
serial = serial
certs = chain.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
other_policies = 1.2.3.4.5
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500, microsecs:100
clock_precision_digits = 3
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
";

const RSA: &str = "RSA -pkeyopt rsa_keygen_bits:2048";
const P256: &str = "EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve";
const P384: &str = "EC -pkeyopt ec_paramgen_curve:P-384 -pkeyopt ec_param_enc:named_curve";

impl Openssl {
    /// A root of openssl's.
    fn with_root(key: &str) -> Self {
        let openssl = Self::new();
        openssl.write("openssl.cnf", CONFIG.as_bytes());
        openssl.run(&format!("genpkey -algorithm {key} -out root.key"));
        openssl.run(
            "req -x509 -new -config openssl.cnf -extensions root -key root.key -subj /CN=Root \
             -days 30 -sha256 -out root.pem",
        );
        openssl
    }

    /// `NAME.key` and `NAME.pem`, certified by the root with an extension section.
    fn issue(&self, name: &str, section: &str, key: &str) {
        self.run(&format!("genpkey -algorithm {key} -out {name}.key"));
        self.run(&format!(
            "req -new -config openssl.cnf -key {name}.key -subj /O=Acme/CN={name} -out {name}.csr"
        ));
        self.run(&format!(
            "x509 -req -in {name}.csr -CA root.pem -CAkey root.key -CAcreateserial -sha256 -days 20 \
             -extfile openssl.cnf -extensions {section} -out {name}.pem"
        ));
    }

    /// Answers `request.tsq` as the authority NAME.
    fn reply(&self, name: &str, more: &str) {
        if !self.path("serial").exists() {
            self.write("serial", b"01\n");
        }
        self.write("chain.pem", &self.read("root.pem"));
        self.run(&format!(
            "ts -reply -config openssl.cnf -queryfile request.tsq -signer {name}.pem \
             -inkey {name}.key -out response.tsr {more}"
        ));
    }

    fn verifies_token(&self, roots: &str, more: &str) -> Result<(), String> {
        self.try_run(&format!(
            "ts -verify -data content -in token.tst -token_in -CAfile {roots} {more}"
        ))
    }
}

// Seals.

fn seal(sealer: &Issued, time: Timestamp) -> Vec<u8> {
    let unsigned = cades::prepare(CONTENT, &sealer.chain(), time).unwrap();
    let signature = sealer.sign(unsigned.to_be_signed());
    unsigned.finish(&signature).unwrap()
}

const VERIFY_SEAL: &str = "cms -verify -cades -binary -inform DER -in seal.p7s -content content \
                           -out verified -CAfile root.pem";

#[test]
#[ignore = "runs openssl; cargo xtask test runs it"]
fn openssl_accepts_our_seals() {
    let time = at("2026-03-01T09:30:00Z");
    let root = CertificateAuthority::new("Test Root");
    let below = root.below(&CertificateSpec::authority("Below"), KeyKind::P256);
    for (authority, key) in [
        (&root, KeyKind::Rsa),
        (&root, KeyKind::P256),
        (&below, KeyKind::P256),
    ] {
        let openssl = Openssl::new();
        openssl.write_certificate("root.pem", root.certificate());
        let signature = seal(&authority.sealer("Sign Example", key), time);
        openssl.write("seal.p7s", &signature);
        openssl.run(VERIFY_SEAL);
        assert_eq!(openssl.read("verified"), CONTENT);
        // And refuses what we refuse.
        let stranger = CertificateAuthority::new("Another Root");
        openssl.write_certificate("root.pem", stranger.certificate());
        openssl.try_run(VERIFY_SEAL).unwrap_err();
        openssl.write_certificate("root.pem", root.certificate());
        openssl.write("content", b"other content");
        openssl.try_run(VERIFY_SEAL).unwrap_err();
    }
}

#[test]
#[ignore = "runs openssl; cargo xtask test runs it"]
fn openssl_and_we_refuse_a_seal_whose_certificate_ran_out() {
    let root = CertificateAuthority::new("Test Root");
    let spec = CertificateSpec::sealer("Sign Example")
        .valid(at("2020-01-01T00:00:00Z"), at("2025-01-01T00:00:00Z"));
    let sealer = root.issue(&spec, KeyKind::P256);
    let trust = [TrustAnchor::from_certificate(root.certificate()).unwrap()];
    let signature = seal(&sealer, at("2024-03-01T00:00:00Z"));
    let openssl = Openssl::new();
    openssl.write_certificate("root.pem", root.certificate());
    openssl.write("seal.p7s", &signature);
    for (time, holds) in [
        ("2024-03-01T00:00:00Z", true),
        ("2026-03-01T00:00:00Z", false),
    ] {
        let theirs = openssl.try_run(&format!("{VERIFY_SEAL} -attime {}", seconds(at(time))));
        let ours = cades::verify(&signature, CONTENT, &trust, at(time));
        assert_eq!((theirs.is_ok(), ours.is_ok()), (holds, holds), "{time}");
    }
}

#[test]
#[ignore = "runs openssl; cargo xtask test runs it"]
fn we_accept_the_seals_of_openssl() {
    for (root_key, key) in [(RSA, RSA), (P384, P256), (P256, P384)] {
        let openssl = Openssl::with_root(root_key);
        openssl.issue("sealer", "sealer", key);
        let digest = if key == P384 { "sha384" } else { "sha256" };
        for more in ["", "-keyid", "-nosmimecap"] {
            openssl.run(&format!(
                "cms -sign -cades -binary -md {digest} -signer sealer.pem -inkey sealer.key \
                 -certfile root.pem -in content -outform DER -out seal.p7s {more}"
            ));
            let signature = openssl.read("seal.p7s");
            let (trust, now) = (openssl.anchor("root.pem"), machine_time());
            let verified = cades::verify(&signature, CONTENT, &trust, now).unwrap();
            assert_eq!(verified.subject, "CN=sealer,O=Acme", "{key} {more}");
            let other = cades::verify(&signature, b"other", &trust, now).unwrap_err();
            assert_eq!(other.code(), "cms.broken.message_digest");
        }
    }
}

#[test]
#[ignore = "runs openssl; cargo xtask test runs it"]
fn we_refuse_what_openssl_signs_outside_the_profile() {
    let openssl = Openssl::with_root(P256);
    openssl.issue("sealer", "sealer", RSA);
    openssl.issue("other", "sealer", P256);
    let trust = openssl.anchor("root.pem");
    for (more, code) in [
        ("", "cms.unsupported.missing_attribute"),
        ("-cades -nodetach", "cms.unsupported.encapsulated_content"),
        ("-noattr", "cms.unsupported.missing_attribute"),
        ("-cades -nocerts", "cms.broken.signer_certificate"),
        ("-cades -md sha1", "cms.unsupported.digest_algorithm"),
        (
            "-cades -keyopt rsa_padding_mode:pss",
            "cms.unsupported.signature_algorithm",
        ),
        (
            "-cades -signer other.pem -inkey other.key",
            "cms.unsupported.signers",
        ),
    ] {
        openssl.run(&format!(
            "cms -sign -binary -signer sealer.pem -inkey sealer.key -in content -outform DER \
             -out seal.p7s {more}"
        ));
        let signature = openssl.read("seal.p7s");
        let refused = cades::verify(&signature, CONTENT, &trust, machine_time());
        assert_eq!(refused.map_err(|error| error.code()), Err(code), "{more}");
    }
}

// Time-stamps.

/// Has openssl's authority NAME answer a request of ours.
fn stamped_by_openssl(openssl: &Openssl, name: &str, digest: DigestAlgorithm) -> Vec<u8> {
    let request = request(&Imprint::of(digest, CONTENT), NONCE);
    openssl.write("request.tsq", &request);
    openssl.reply(name, "");
    let token = read_response(&openssl.read("response.tsr"), &request).unwrap();
    openssl.write("token.tst", &token);
    token
}

#[test]
#[ignore = "runs openssl; cargo xtask test runs it"]
fn we_accept_the_time_stamps_of_openssl() {
    for key in [RSA, P256, P384] {
        let openssl = Openssl::with_root(P256);
        openssl.issue("authority", "time", key);
        for digest in [
            DigestAlgorithm::Sha256,
            DigestAlgorithm::Sha384,
            DigestAlgorithm::Sha512,
        ] {
            let token = stamped_by_openssl(&openssl, "authority", digest);
            let (trust, now) = (openssl.anchor("root.pem"), machine_time());
            let verified = verify_token(&token, CONTENT, &trust, now).unwrap();
            assert_eq!(verified.policy, "1.2.3.4.1");
            assert_eq!(verified.authority, "CN=authority,O=Acme");
            assert_eq!(verified.accuracy.unwrap().duration().as_micros(), 1_500_100);
            assert!(
                now <= verified
                    .gen_time
                    .saturating_add(std::time::Duration::from_secs(1))
            );
            openssl.verifies_token("root.pem", "").unwrap();
            let other = verify_token(&token, b"other", &trust, now).unwrap_err();
            assert_eq!(other.code(), "cms.broken.imprint");
        }
    }
}

#[test]
#[ignore = "runs openssl; cargo xtask test runs it"]
fn we_accept_each_way_in_which_openssl_refers_to_a_certificate() {
    for (algorithm, chain) in [
        ("sha1", "no"),
        ("sha1", "yes"),
        ("sha512", "no"),
        ("sha256", "yes"),
    ] {
        let openssl = Openssl::with_root(P256);
        let config = CONFIG
            .replace(
                "ess_cert_id_alg = sha256",
                &format!("ess_cert_id_alg = {algorithm}"),
            )
            .replace(
                "ess_cert_id_chain = no",
                &format!("ess_cert_id_chain = {chain}"),
            );
        openssl.write("openssl.cnf", config.as_bytes());
        openssl.issue("authority", "time", RSA);
        let token = stamped_by_openssl(&openssl, "authority", DigestAlgorithm::Sha256);
        let trust = openssl.anchor("root.pem");
        verify_token(&token, CONTENT, &trust, machine_time()).unwrap();
        openssl.verifies_token("root.pem", "").unwrap();
    }
}

#[test]
#[ignore = "runs openssl; cargo xtask test runs it"]
fn we_read_what_openssl_asks_and_refuses() {
    let openssl = Openssl::with_root(P256);
    openssl.issue("authority", "time", P256);
    openssl.run("ts -query -data content -sha256 -cert -tspolicy 1.2.3.4.5 -out request.tsq");
    openssl.reply("authority", "");
    let asked = openssl.read("request.tsq");
    let token = read_response(&openssl.read("response.tsr"), &asked).unwrap();
    let verified = verify_token(&token, CONTENT, &openssl.anchor("root.pem"), machine_time());
    assert_eq!(verified.unwrap().policy, "1.2.3.4.5");
    // The answer to another request.
    openssl.run("ts -query -data content -sha256 -cert -out other.tsq");
    let other = read_response(&openssl.read("response.tsr"), &openssl.read("other.tsq"));
    assert_eq!(other.unwrap_err().code(), "cms.other_request.nonce");
    // A policy and a hash that it does not have.
    for (more, code) in [
        ("-sha256 -tspolicy 1.2.3.9", "cms.refused.unaccepted_policy"),
        ("-sha224", "cms.refused.bad_algorithm"),
    ] {
        openssl.run(&format!(
            "ts -query -data content -cert {more} -out request.tsq"
        ));
        openssl.reply("authority", "");
        let asked = openssl.read("request.tsq");
        let refused = read_response(&openssl.read("response.tsr"), &asked);
        assert_eq!(refused.unwrap_err().code(), code);
    }
}

#[test]
#[ignore = "runs openssl; cargo xtask test runs it"]
fn we_refuse_a_time_stamp_of_openssl_by_another_root() {
    let openssl = Openssl::with_root(P256);
    openssl.issue("authority", "time", P256);
    let token = stamped_by_openssl(&openssl, "authority", DigestAlgorithm::Sha256);
    let stranger = CertificateAuthority::new("Another Root");
    openssl.write_certificate("stranger.pem", stranger.certificate());
    let refused = verify_token(
        &token,
        CONTENT,
        &openssl.anchor("stranger.pem"),
        machine_time(),
    );
    assert_eq!(refused.unwrap_err().code(), "cms.untrusted.unknown_issuer");
    openssl.verifies_token("stranger.pem", "").unwrap_err();
}

/// Whether openssl and we accept a time-stamp of the test authority.
fn verdicts(
    own: Issued,
    root: &CertificateAuthority,
    fault: Option<Fault>,
    time: Timestamp,
) -> (bool, Result<(), CmsError>) {
    let openssl = Openssl::new();
    let authority = TimeStampAuthority::with_certificate(own, at("2026-03-01T09:30:00Z"));
    authority.set_fault(fault);
    let request = request(&Imprint::of(DigestAlgorithm::Sha256, CONTENT), NONCE);
    let token = read_response(&authority.answer(&request), &request).unwrap();
    openssl.write("token.tst", &token);
    openssl.write_certificate("root.pem", root.certificate());
    let theirs = openssl.verifies_token("root.pem", &format!("-attime {}", seconds(time)));
    let trust = [TrustAnchor::from_certificate(root.certificate()).unwrap()];
    let ours = verify_token(&token, CONTENT, &trust, time).map(drop);
    (theirs.is_ok(), ours)
}

#[test]
#[ignore = "runs openssl; cargo xtask test runs it"]
fn openssl_accepts_the_test_authority() {
    let root = CertificateAuthority::new("Test Root");
    let time = at("2026-04-01T00:00:00Z");
    let spec = CertificateSpec::time_stamping("Test Time");
    for key in [
        KeyKind::Rsa,
        KeyKind::RsaSha512,
        KeyKind::P256,
        KeyKind::P384,
    ] {
        let own = root.issue(&spec, key);
        assert_eq!(verdicts(own, &root, None, time), (true, Ok(())), "{key:?}");
    }
    let below = root.below(&CertificateSpec::authority("Below"), KeyKind::Rsa);
    let own = below.issue(&spec, KeyKind::P256);
    assert_eq!(
        verdicts(own, &root, Some(Fault::OldReference), time),
        (true, Ok(()))
    );
}

#[test]
#[ignore = "runs openssl; cargo xtask test runs it"]
fn openssl_and_we_refuse_the_same_time_stamps() {
    let root = CertificateAuthority::new("Test Root");
    let time = at("2026-04-01T00:00:00Z");
    let right = CertificateSpec::time_stamping("Test Time");
    let changed = |change: fn(&mut CertificateSpec)| {
        let mut spec = right.clone();
        change(&mut spec);
        spec
    };
    for (spec, time, code) in [
        (
            changed(|spec| spec.purposes.clear()),
            time,
            "cms.untrusted.extended_key_usage",
        ),
        (
            changed(|spec| spec.purposes_are_critical = false),
            time,
            "cms.untrusted.extended_key_usage",
        ),
        (
            changed(|spec| spec.purposes.push("1.3.6.1.5.5.7.3.4")),
            time,
            "cms.untrusted.extended_key_usage",
        ),
        (
            changed(|spec| spec.key_usage = Some(0x20)),
            time,
            "cms.untrusted.key_usage",
        ),
        (
            right
                .clone()
                .valid(at("2026-01-01T00:00:00Z"), at("2026-03-15T00:00:00Z")),
            time,
            "cms.untrusted.expired",
        ),
    ] {
        let own = root.issue(&spec, KeyKind::P256);
        let (theirs, ours) = verdicts(own, &root, None, time);
        assert_eq!(
            (theirs, ours.map_err(|error| error.code())),
            (false, Err(code))
        );
    }
    for fault in [Fault::ChangedSignature, Fault::OtherCertificate] {
        let own = root.issue(&right, KeyKind::P256);
        let (theirs, ours) = verdicts(own, &root, Some(fault), time);
        assert!(!theirs && ours.is_err(), "{fault:?}");
    }
}

#[test]
#[ignore = "runs openssl; cargo xtask test runs it"]
fn a_renewed_time_stamp_is_verified_by_cat_and_openssl() {
    let root = CertificateAuthority::new("Test Root");
    let authority = TimeStampAuthority::new(&root, "Test Time", at("2026-03-01T00:00:00Z"));
    let trust = [TrustAnchor::from_certificate(root.certificate()).unwrap()];
    let mut tokens: Vec<Vec<u8>> = Vec::new();
    let openssl = Openssl::new();
    openssl.write_certificate("root.pem", root.certificate());
    for digest in [DigestAlgorithm::Sha256, DigestAlgorithm::Sha512] {
        let covered = chained(CONTENT, &tokens);
        let request = request(&Imprint::of(digest, &covered), NONCE);
        let token = read_response(&authority.answer(&request), &request).unwrap();
        openssl.write("content", &covered);
        openssl.write("token.tst", &token);
        openssl.verifies_token("root.pem", "").unwrap();
        tokens.push(token);
    }
    verify_chain(&tokens, CONTENT, &trust, at("2026-04-01T00:00:00Z")).unwrap();
}
