//! Feeds anything at all to the parser of query strings, and holds what it makes of it to what it promises.
//!
//! With `cargo install cargo-fuzz`, from this folder (`forge/rest/fuzz`):
//!
//! ```text
//! cargo +nightly fuzz run query corpus/query seeds -- -dict=query.dict -max_len=4096
//! ```
//!
//! With a stable toolchain, without the address sanitizer (nothing here is `unsafe`):
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none query corpus/query seeds -- -dict=query.dict -max_len=4096
//! ```
//!
//! `-max_total_time=300` ends it after five minutes. What it finds is kept in `artifacts`; it becomes a test
//! beside the others in `forge/rest/src/parse/tests`.

#![no_main]

use forge_rest::parse::{Loose, canonical, query};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for loose in [Loose::Mistake, Loose::Argument] {
        match query(text, loose) {
            Ok(read) => {
                assert_eq!(query(text, loose).as_ref(), Ok(&read), "the same text means the same");
                let sorted = canonical(text).expect("what was read has a canonical form");
                assert_eq!(canonical(&sorted).as_ref(), Ok(&sorted), "and that form is its own");
                if loose == Loose::Mistake {
                    assert!(read.arguments.is_empty(), "only functions have arguments");
                }
            }
            Err(error) => {
                assert!(error.status.is_client_error(), "{error}");
                let told = error.json();
                assert_eq!(told.as_object().map(|keys| keys.len()), Some(4));
            }
        }
    }
});
