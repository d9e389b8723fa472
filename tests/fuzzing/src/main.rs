//! The fuzz targets of crate `tests` under libFuzzer: `PRATIQUE_TEST_FUZZ_TARGET` names the one to run.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tests::fuzz::Target;

static TARGET: LazyLock<&'static Target> = LazyLock::new(|| {
    let name = std::env::var("PRATIQUE_TEST_FUZZ_TARGET").expect("PRATIQUE_TEST_FUZZ_TARGET names a target");
    tests::fuzz::by_name(&name).expect("PRATIQUE_TEST_FUZZ_TARGET is one of the targets")
});

fuzz_target!(|data: &[u8]| (TARGET.run)(data));
