//! A machine's clock that goes back while people are at work.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use std::sync::Arc;

use countersign::audit::store::LedgerStore as _;
use countersign::audit::{Kind, parse_record};
use countersign::blocking::wait;
use countersign::{ManualClock, Timestamp};
use host::*;

/// No step of a ceremony is dated before what it rests on, whatever the clock says: it takes the
/// time of its cause then, and so does the end of a session. What stands alone says what the clock
/// said; the order of records is that of the ledger.
#[test]
fn a_clock_that_goes_back_never_dates_a_signature_before_what_it_rests_on() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let opened = session.opened_at();
        let earlier = opened.unix_millis() - 3_600_000;
        let clock = Arc::new(ManualClock::new(Timestamp::from_unix_millis(earlier)));
        let engine = host.engine_with(POLICY, &[], |builder| builder.clock(clock));
        sign(&engine, &session, &nda()).unwrap();
        wait(engine.close_session(&session)).unwrap();

        let size = wait(engine.ledger().integrate()).unwrap();
        let entries = wait(host.store.entries(0..size)).unwrap();
        let records = entries
            .iter()
            .map(|it| parse_record(it.entry.bytes()).unwrap());
        let records: Vec<_> = records.collect();
        let at = |kind| records.iter().position(|record| record.kind() == kind);
        let signed = at(Kind::DocumentSigned).unwrap();
        assert_eq!(records[signed].at, opened);
        let closed = at(Kind::SessionClosed).unwrap();
        assert_eq!(records[closed].at, opened);
        assert!(closed > signed);
    });
}
