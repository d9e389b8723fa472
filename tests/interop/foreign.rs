//! Bundles that others wrote: what phones take of them passes as `phone`, what a phone refuses does not, and none is taken for ours.
//!
//! `foreign_bundles.py` builds them, with nothing of this project. The defects are those of which the effect on phones is known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use exporter::inspect::{Inspection, SignatureCheck, inspect};
use proto::api::base64;
use proto::bundle::BundleKey;
use serde::Deserialize;

use crate::tools;

#[derive(Deserialize)]
struct Foreign {
    keys: Vec<String>,
    bundles: BTreeMap<String, String>,
}

static FOREIGN: LazyLock<Foreign> = LazyLock::new(|| {
    let script = tools::repository().join("tests/interop/foreign_bundles.py");
    let printed = tools::python(&[&script], &[]).expect("the script runs");
    serde_json::from_slice(&printed).expect("JSON as documented")
});

fn keys() -> Vec<BundleKey> {
    FOREIGN.keys.iter().map(|pem| BundleKey::from_pem(pem).expect("a public key")).collect()
}

fn found(case: &str, keys: &[BundleKey]) -> Inspection {
    let zip = FOREIGN.bundles.get(case).unwrap_or_else(|| panic!("the script builds no {case}"));
    inspect(&base64::decode("zip", zip).expect("base64"), keys)
}

/// What should come of a case.
enum Expected {
    /// Phones take it, and yet it is not ours.
    Taken,
    /// A phone would refuse it, because of this.
    Refused(&'static str),
}
use Expected::{Refused, Taken};

fn judge(case: &str, expected: &Expected) {
    let found = found(case, &keys());
    match expected {
        Taken => {
            assert_eq!(found.phone.reason, None);
            assert_eq!(found.signature, SignatureCheck::Verified);
            assert!(!found.canonical.holds);
            assert_eq!(found.exit_code(), 2);
        }
        Refused(field) => {
            let reason = found.phone.reason.clone().expect("a reason");
            assert!(!found.phone.holds && reason.contains(&format!("{field}: ")), "{reason}");
            assert!(!found.canonical.holds || found.signature == SignatureCheck::Failed);
            assert_eq!(found.exit_code(), 1);
        }
    }
}

/// One test a case.
macro_rules! cases {
    ($($name:ident: $case:literal => $expected:expr;)*) => {
        const JUDGED: &[&str] = &[$($case),*];
        $(
            #[test]
            fn $name() {
                judge($case, &$expected);
            }
        )*
    };
}

cases! {
    a_deflated_bundle_is_taken: "deflated" => Taken;
    a_stored_bundle_is_taken: "stored" => Taken;
    a_deflated_bundle_with_data_descriptors_is_taken: "streamed" => Taken;
    descriptors_may_lack_their_signature: "streamed without marks" => Taken;
    extra_fields_of_the_zip_are_skipped: "extra fields" => Taken;
    a_comment_of_the_zip_is_skipped: "zip comment" => Taken;
    a_region_may_be_in_lower_case: "lower-case region" => Taken;
    a_region_may_be_long: "long region" => Taken;
    a_region_may_be_missing: "no region" => Taken;
    a_region_may_hold_control_characters: "region of control characters" => Taken;
    keys_may_have_names_that_we_would_not_give: "other key names" => Taken;
    every_signature_is_checked: "two signatures" => Taken;
    signatures_may_be_of_any_known_key_first: "second key first" => Taken;
    there_may_be_ten_signatures: "ten signatures" => Taken;
    keys_may_be_revised: "revised keys" => Taken;
    all_keys_may_be_revised_ones: "revised keys alone" => Taken;
    a_bundle_may_be_empty: "no keys" => Taken;
    days_and_report_type_may_be_missing: "neither days nor report type" => Taken;
    the_risk_may_be_missing: "no risk" => Taken;
    report_types_may_be_others_than_ours: "types that we do not publish" => Taken;
    unknown_fields_are_skipped: "unknown fields" => Taken;
    a_key_may_stand_twice: "a key twice" => Taken;
    fields_may_stand_in_any_order: "entries before the header's fields" => Taken;
    the_last_of_several_values_counts: "a period said twice" => Taken;
    numbers_may_be_longer_than_they_need_be: "numbers longer than they need be" => Taken;
    phones_do_not_mind_keys_that_are_still_valid: "still valid keys" => Taken;

    key_data_of_15_bytes_is_refused: "key_data of 15 bytes" => Refused("key_data");
    key_data_of_17_bytes_is_refused: "key_data of 17 bytes" => Refused("key_data");
    key_data_of_32_bytes_is_refused: "key_data of 32 bytes" => Refused("key_data");
    a_key_without_key_data_is_refused: "no key_data" => Refused("key_data");
    a_revised_key_of_17_bytes_is_refused: "revised key of 17 bytes" => Refused("key_data");
    a_rolling_period_of_0_is_refused: "rolling_period 0" => Refused("rolling_period");
    a_rolling_period_of_145_is_refused: "rolling_period 145" => Refused("rolling_period");
    a_negative_rolling_period_is_refused: "rolling_period -1" => Refused("rolling_period");
    a_key_without_rolling_period_is_refused: "no rolling_period" => Refused("rolling_period");
    a_negative_rolling_start_is_refused: "negative start" => Refused("rolling_start_interval_number");
    a_key_without_rolling_start_is_refused: "no start" => Refused("rolling_start_interval_number");
    a_risk_of_9_is_refused: "risk 9" => Refused("transmission_risk_level");
    a_negative_risk_is_refused: "risk -1" => Refused("transmission_risk_level");
    fifteen_days_after_onset_are_refused: "days 15" => Refused("days_since_onset_of_symptoms");
    fifteen_days_before_onset_are_refused: "days -15" => Refused("days_since_onset_of_symptoms");

    another_header_is_refused: "another header" => Refused("export.bin");
    a_short_header_is_refused: "a short header" => Refused("export.bin");
    an_export_shorter_than_its_header_is_refused: "an export of five bytes" => Refused("export.bin");
    an_export_that_ends_within_a_key_is_refused: "an export that ends within a key" => Refused("export.bin");
    a_second_batch_is_refused: "batch 2 of 2" => Refused("batch_num");
    a_batch_of_several_is_refused: "batch 1 of 2" => Refused("batch_num");
    a_bundle_that_ends_where_it_starts_is_refused: "end at start" => Refused("end_timestamp");
    a_bundle_that_names_no_key_is_refused: "no signature_infos" => Refused("signature_infos");
    eleven_signatures_are_refused: "eleven signatures" => Refused("signature_infos");
    fewer_signatures_than_announced_are_refused: "more infos than signatures" => Refused("export.sig");
    more_signatures_than_announced_are_refused: "more signatures than infos" => Refused("export.sig");
    another_algorithm_is_refused: "another algorithm" => Refused("signature_algorithm");
    a_missing_algorithm_is_refused: "no algorithm" => Refused("signature_algorithm");
    a_key_without_id_is_refused: "no key id" => Refused("verification_key_id");
    a_key_without_version_is_refused: "no key version" => Refused("verification_key_version");

    the_signature_of_a_stranger_is_refused: "a stranger's signature" => Refused("export.sig");
    a_flipped_signature_is_refused: "a flipped signature" => Refused("export.sig");
    a_signature_that_leaves_the_header_out_is_refused: "a signature without the header" => Refused("export.sig");
    a_signature_that_is_not_der_is_refused: "a signature that is not DER" => Refused("signature");
    a_signature_of_another_curve_is_refused: "a signature of P-384" => Refused("signature");
    an_ed25519_signature_over_keys_is_refused: "a signature of Ed25519" => Refused("signature");
    an_empty_signature_is_refused: "an empty signature" => Refused("signature");
    a_second_signature_that_does_not_verify_is_refused: "a second signature by a stranger" => Refused("export.sig");
    a_second_signature_by_the_name_of_the_first_must_verify:
        "a second signature by a stranger under the first name" => Refused("export.sig");
    a_signature_file_that_is_none_is_refused: "no well-formed signature file" => Refused("export.sig");
    a_signature_for_another_batch_is_refused: "a signature for batch 2" => Refused("export.sig");

    a_stored_file_with_a_data_descriptor_is_refused: "stored and streamed" => Refused("zip");
    an_encrypted_zip_is_refused: "encrypted" => Refused("zip");
    a_third_file_is_refused: "a third file" => Refused("zip");
    a_folder_is_refused: "a folder" => Refused("zip");
    the_other_order_is_refused: "the other order" => Refused("zip");
    a_bundle_without_signature_file_is_refused: "no export.sig" => Refused("zip");
    bytes_before_the_zip_are_refused: "bytes before the zip" => Refused("zip");
    a_torn_zip_is_refused: "a torn zip" => Refused("zip");
    more_bytes_than_phones_read_are_refused: "more than 16 MB" => Refused("zip");
}

#[test]
fn every_foreign_bundle_is_judged() {
    let built: BTreeSet<&str> = FOREIGN.bundles.keys().map(String::as_str).collect();
    assert_eq!(built, JUDGED.iter().copied().collect());
}

#[test]
fn two_signatures_are_checked_as_far_as_keys_are_given() {
    let [first, second] = keys().try_into().expect("two keys");
    let check = |case: &str, key: &BundleKey| {
        let found = found(case, std::slice::from_ref(key));
        (found.phone.holds, found.signature, found.exit_code())
    };
    // Some phones read only the first signature; of the second nobody can say anything without its key.
    assert_eq!(check("two signatures", &first), (true, SignatureCheck::PartlyChecked, 2));
    assert_eq!(check("two signatures", &second), (false, SignatureCheck::Failed, 1));
    assert_eq!(check("second key first", &second), (true, SignatureCheck::PartlyChecked, 2));
    // One key may sign twice.
    assert_eq!(check("ten signatures", &first), (true, SignatureCheck::Verified, 2));
    // And under a name that is known, a signature is good or it is bad.
    let forged = "a second signature by a stranger under the first name";
    assert_eq!(check(forged, &first), (false, SignatureCheck::Failed, 1));
    assert_eq!(found("two signatures", &[]).signature, SignatureCheck::NotChecked);
}

#[test]
fn a_verdict_says_why_a_bundle_of_others_is_not_ours() {
    let reason = |case: &str| found(case, &keys()).canonical.reason.expect("not ours");
    for (case, field) in [
        ("deflated", "entries"),
        ("lower-case region", "region"),
        ("long region", "region"),
        ("no region", "region"),
        ("other key names", "verification_key_id"),
        ("a key twice", "entries"),
        ("no keys", "zip"),
        ("neither days nor report type", "zip"),
        ("types that we do not publish", "export.bin"),
        ("unknown fields", "export.bin"),
    ] {
        let reason = reason(case);
        assert!(reason.starts_with(&format!("{field}: ")), "{case}: {reason}");
    }
}
