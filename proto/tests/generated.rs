//! The messages under `src/generated` are what `schema` says. Renew them with `RENEW=1 cargo test -p proto --test generated`.

use std::fs;
use std::path::Path;

#[test]
fn the_generated_messages_are_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schemas = ["gaen_export.proto", "tcn_export.proto"];
    let descriptors = protox::compile(schemas, [root.join("schema")]).expect("the schemas compile");

    let target = tempfile::tempdir().expect("a directory");
    prost_build::Config::new()
        .default_package_filename("export")
        .out_dir(target.path())
        .compile_fds(descriptors)
        .expect("code is generated");
    let fresh = fs::read_to_string(target.path().join("export.rs")).expect("one file, as the schemas name no package");

    let checked_in = root.join("src/generated/export.rs");
    if std::env::var_os("RENEW").is_some() {
        fs::write(&checked_in, &fresh).expect("the tree is writable");
    }
    let present = fs::read_to_string(&checked_in).unwrap_or_default();
    assert!(present == fresh, "src/generated/export.rs is stale: run RENEW=1 cargo test -p proto --test generated");
}
