//! Whatever is done to a signed response: it is refused, or it says what was signed.
#![no_main]

use countersign_fuzz::sign_in;
use countersign_saml::{IdentityProvider, inspect};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    countersign_fuzz::mutate_xml(data, size, max_size, seed)
});

fuzz_target!(|message: &[u8]| {
    sign_in::check(message);
    // Neither of these proves anything; they must not panic.
    let _ = inspect(message);
    let _ = IdentityProvider::from_metadata(message);
});
