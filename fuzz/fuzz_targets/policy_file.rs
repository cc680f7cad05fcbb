//! A policy file is loaded as a whole or refused with places and plain lines; the same text is
//! always the same policy.
#![no_main]

use countersign::policy_file::PolicyFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match PolicyFile::parse_bytes("policy.toml", bytes) {
        Ok(policy) => {
            let text = std::str::from_utf8(bytes).expect("only UTF-8 is accepted");
            let again = PolicyFile::parse("other.toml", text).expect("it was accepted");
            assert_eq!(policy.hash(), again.hash());
        }
        Err(error) => {
            let lines = bytes.split(|&byte| byte == b'\n').count();
            assert!(!error.problems().is_empty(), "a refusal says why");
            for problem in error.problems() {
                assert!((1..=lines).contains(&problem.line()), "{problem:?}");
                assert!(problem.column() >= 1, "{problem:?}");
                // What a file says must not become lines of its own in a log.
                assert!(!problem.message().contains(char::is_control), "{problem:?}");
            }
        }
    }
});
