//! What is accepted as a record is canonical JSON of our profile, and names its own kind.
#![no_main]

use countersign_audit::canonical::parse_canonical;
use countersign_audit::parse_record;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(record) = parse_record(bytes) else {
        return;
    };
    // A second way to read the same bytes, which knows nothing of records.
    let value = parse_canonical(bytes).expect("a record is canonical JSON");
    assert_eq!(
        value.get("kind").and_then(|kind| kind.as_str()),
        Some(record.kind().as_str())
    );
    assert_eq!(
        value.get("id").and_then(|id| id.as_str()),
        Some(record.id.as_str())
    );
    assert_eq!(
        value
            .get("parents")
            .and_then(|parents| parents.as_array())
            .map(Vec::len),
        Some(record.parents.len())
    );
});
