//! `saml_verify` with other implementations beside floor and countersign: the same documents, the
//! same key, one run.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- [--brief]
//! ```
//!
//! writes one JSON object a row, as `countersign-benches` does; `cargo xtask bench saml_verify`
//! runs this in its place. Each peer is a file, which says what it checks and what it does not.
//! Before anything is measured each has to accept the document, and to refuse it with one letter
//! of a group changed: nobody is measured at failing.
#![allow(
    clippy::expect_used,
    reason = "a benchmark that can not run has to stop"
)]

mod bergshamra_peer;
mod samael_peer;
mod saml_peer;

#[allow(dead_code, reason = "what the other benchmarks use of it")]
#[path = "../../src/acme.rs"]
mod acme;
#[allow(dead_code, reason = "what the other benchmarks use of it")]
#[path = "../../src/measure.rs"]
mod measure;
#[allow(dead_code, reason = "what the other benchmarks use of it")]
#[path = "../../src/row.rs"]
mod row;
#[allow(dead_code, reason = "what runs it without peers")]
#[path = "../../src/saml_verify.rs"]
mod saml_verify;

use std::process::ExitCode;
use std::time::SystemTime;

use countersign::Timestamp;

use acme::Acme;
use bergshamra_peer::Bergshamra;
use measure::{Effort, Subject};
use samael_peer::Samael;
use saml_peer::Saml;

/// An implementation that is measured beside ours.
trait Peer {
    /// As the rows name it.
    fn name(&self) -> &'static str;

    /// Verifies a response as completely as it can; whether it accepts.
    fn verify(&self, response: &str) -> bool;
}

fn main() -> ExitCode {
    let mut effort = Effort::FULL;
    for argument in std::env::args().skip(1) {
        if argument != "--brief" {
            eprintln!("`{argument}` is not known; there is --brief");
            return ExitCode::from(2);
        }
        effort = Effort::BRIEF;
    }
    // samael takes the time from the machine.
    let acme = Acme::at(machine_time());
    let metadata = acme.idp.metadata();
    let peers: [&dyn Peer; 3] = [
        &Bergshamra::new(),
        &Samael::new(&metadata),
        &Saml::new(&metadata, acme.now),
    ];
    for (case, groups) in saml_verify::CASES {
        let response = acme.response("nurse", groups);
        let text = std::str::from_utf8(&response).expect("XML in UTF-8");
        let tampered = text.replacen("CN=ward-", "CN=Ward-", 1);
        assert_ne!(text, tampered, "a group is there to be changed");
        let mut subjects = Vec::new();
        for peer in peers {
            let name = peer.name();
            assert!(peer.verify(text), "{name} does not accept {case}");
            assert!(!peer.verify(&tampered), "{name} accepts {case} changed");
            subjects.push(Subject::new(name, move || {
                assert!(peer.verify(text), "{name} accepted it before");
            }));
        }
        for row in saml_verify::measure(effort, &acme, case, &response, subjects) {
            println!("{}", row.json());
        }
    }
    ExitCode::SUCCESS
}

#[allow(clippy::disallowed_methods, reason = "a program may read the clock")]
fn machine_time() -> Timestamp {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let millis = now.expect("a clock after 1970").as_millis();
    Timestamp::from_unix_millis(i64::try_from(millis).expect("a clock of our era"))
}
