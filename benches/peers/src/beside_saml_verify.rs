//! What runs beside `saml_verify`: the same documents, the same key.
//!
//! Each peer is a file, which says what it checks and what it does not. Before anything is
//! measured each has to accept the document, and to refuse it with one letter of a group changed:
//! nobody is measured at failing.

use std::time::SystemTime;

use countersign::Timestamp;

use crate::acme::Acme;
use crate::bergshamra_peer::Bergshamra;
use crate::measure::{Effort, Subject};
use crate::row::Row;
use crate::samael_peer::Samael;
use crate::saml_peer::Saml;
use crate::saml_verify;

/// An implementation that is measured beside ours.
pub(crate) trait Peer {
    /// As the rows name it.
    fn name(&self) -> &'static str;

    /// Verifies a response as completely as it can; whether it accepts.
    fn verify(&self, response: &str) -> bool;
}

pub(crate) fn run(effort: Effort) -> Vec<Row> {
    // samael takes the time from the machine.
    let acme = Acme::at(machine_time());
    let metadata = acme.idp.metadata();
    let peers: [&dyn Peer; 3] = [
        &Bergshamra::new(),
        &Samael::new(&metadata),
        &Saml::new(&metadata, acme.now),
    ];
    let mut rows = Vec::new();
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
        rows.extend(saml_verify::measure(
            effort, &acme, case, &response, subjects,
        ));
    }
    rows
}

#[allow(clippy::disallowed_methods, reason = "a program may read the clock")]
fn machine_time() -> Timestamp {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let millis = now.expect("a clock after 1970").as_millis();
    Timestamp::from_unix_millis(i64::try_from(millis).expect("a clock of our era"))
}
