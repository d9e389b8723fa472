//! The list of targets.

use super::{bodies, bundles, callers, certificates, envelopes, listings, messages, reports, revisions, self_reports};

/// A decoder under test.
pub struct Target {
    /// Its name: also the folder of its corpus.
    pub name: &'static str,
    /// Feeds it with bytes. Returns whatever the decoder says; panics if it breaks a promise.
    pub run: fn(&[u8]),
    /// Words of its format, which blind mutation would never find.
    pub dictionary: &'static [&'static str],
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "report", run: reports::report, dictionary: &[] },
    Target { name: "bundle", run: bundles::bundle, dictionary: ZIP },
    Target { name: "export", run: bundles::export, dictionary: EXPORT },
    Target { name: "signatures", run: bundles::signatures, dictionary: EXPORT },
    Target { name: "certificate", run: certificates::certificate, dictionary: JWT },
    Target { name: "claims", run: certificates::claims, dictionary: JWT },
    Target { name: "stats_token", run: certificates::stats_token, dictionary: STATS },
    Target { name: "stats", run: bodies::stats, dictionary: &["\"padding\":", "null", "{}"] },
    Target { name: "public_key", run: certificates::public_key, dictionary: PEM },
    Target { name: "key_set", run: certificates::key_set, dictionary: JWK },
    Target { name: "publish", run: bodies::publish, dictionary: PUBLISH },
    Target { name: "reports", run: bodies::reports, dictionary: PUBLISH },
    Target { name: "revision_token", run: revisions::revision_token, dictionary: &["=", "\r\n", "-_", "AQM"] },
    Target { name: "tcnreport", run: self_reports::tcnreport, dictionary: &["\r\n", "=", "-_"] },
    Target { name: "submit_report", run: self_reports::submit_report, dictionary: SUBMIT_REPORT },
    Target { name: "proof", run: self_reports::proof, dictionary: &[".0", ".18446744073709551615", "."] },
    Target { name: "challenge", run: self_reports::challenge, dictionary: &["\"padding\":", "null", "{}"] },
    Target { name: "verification", run: bodies::verification, dictionary: VERIFICATION },
    Target { name: "test_deployment", run: bodies::test_deployment, dictionary: HOSTS },
    Target { name: "forwarded", run: callers::forwarded, dictionary: ADDRESSES },
    Target { name: "envelope", run: envelopes::envelope, dictionary: &[] },
    Target { name: "binary_http", run: envelopes::binary_http, dictionary: BINARY_HTTP },
    Target { name: "ohttp_keys", run: envelopes::ohttp_keys, dictionary: &[] },
    Target { name: "index", run: listings::index, dictionary: &["XA/gaen/", "../", "/", "\n", "\r\n", ".zip"] },
    Target { name: "manifest", run: listings::manifest, dictionary: MANIFEST },
    Target { name: "phone", run: messages::phone, dictionary: PHONE },
    Target { name: "delivery", run: messages::delivery, dictionary: DELIVERY },
    Target { name: "note", run: listings::note, dictionary: MANIFEST },
];

const HOSTS: &[&str] = &["{\"hosts\":[", "\"127.0.0.1\"", "\"[::1]:80\"", ":65535", "]}"];
const ZIP: &[&str] = &["PK\u{1}\u{2}", "PK\u{3}\u{4}", "PK\u{5}\u{6}", "PK\u{6}\u{6}", "export.bin", "export.sig"];
const EXPORT: &[&str] = &["EK Export v1    ", "TCN Export v1   ", "1.2.840.10045.4.3.2", "1.3.101.112", "v1", "XA"];
const JWT: &[&str] =
    &["\"alg\":", "\"none\"", "\"EdDSA\"", "\"ES256\"", "\"aud\":[", "null", "1e400", "-1", "true", "\"exp\":", "."];
const JWK: &[&str] = &[
    "\"keys\":[",
    "\"kty\":\"OKP\"",
    "\"kty\":\"EC\"",
    "\"crv\":\"Ed25519\"",
    "\"crv\":\"P-256\"",
    "\"kid\":",
    "\"use\":\"sig\"",
    "\"alg\":\"ES256\"",
    "\"key_ops\":[\"verify\"]",
    "\"d\":",
    "null",
    "\\u0000",
];
const STATS: &[&str] =
    &["\"aud\":[", "\"kid\":", "\"nbf\":", "\"tekmac\":", "\"reportType\":", "null", "1e400", "-1", "\"exp\":", "."];
const PEM: &[&str] = &["-----BEGIN PUBLIC KEY-----\n", "-----END PUBLIC KEY-----\n", "=", "\r\n"];
const PUBLISH: &[&str] = &[
    "\"temporaryExposureKeys\":[",
    "\"rollingStartNumber\":",
    "\"rollingPeriod\":",
    "\"transmissionRisk\":",
    "\"symptomOnsetInterval\":",
    "\"traveler\":",
    "\"revisionToken\":",
    "\"reports\":[",
    "\"padding\":",
    "9223372036854775807",
    "-9223372036854775808",
    "2147483647",
    "null",
    "1e3",
    "\\u0000",
];
const SUBMIT_REPORT: &[&str] = &[
    "\"temporary_contact_key_bytes\":",
    "\"start_index\":",
    "\"end_index\":",
    "\"memo_data\":",
    "\"memo_type\":",
    "\"report_verification_public_key_bytes\":",
    "\"signature_bytes\":",
    "-32768",
    "65535",
    "65536",
    "9223372036854775807",
    "null",
];
const VERIFICATION: &[&str] = &[
    "\"testType\":",
    "\"user-report\"",
    "\"symptomDate\":",
    "\"2020-02-30\"",
    "\"9999-12-31\"",
    "\"-0001-01-01\"",
    "\"tzOffset\":",
    "-2147483648",
    "\"uuid\":",
    "\"accept\":[",
    "\"nonce\":",
    "\"phone\":",
    "\"+4791234567\"",
    "\"ekeyhmac\":",
    "null",
    "\\u0000",
];
const ADDRESSES: &[&str] = &["192.0.2.1", "2001:db8::1", "[::1]:80", "::ffff:1.2.3.4", ":65535", ", ", "\n", "unknown"];
const BINARY_HTTP: &[&str] = &[
    "\u{4}POST",
    "\u{3}GET",
    "\u{5}https",
    "\u{b}/v1/publish",
    "\u{b}/v1/reports",
    "\u{c}content-type\u{10}application/json",
    "\u{9}x-api-key",
    "\u{6}cookie",
    "@\u{48}",
    "\0\0\0",
];
const MANIFEST: &[&str] = &[
    "pratique/manifest/v1\n",
    "feed XA/tcn\n",
    "number 18446744073709551615\n",
    "time -9223372036854775808\n",
    "key current XA-v1 ",
    "key next ",
    "bundle 1 1 ",
    "\n\n",
    "\u{2014} pratique/XA ",
];

const PHONE: &[&str] =
    &["+", "00", "(0)", "+47", "\u{ff0b}", "\u{660}", "\u{a0}", "\u{2011}", "\u{202a}", "+1", "+999", "+7"];
const DELIVERY: &[&str] = &[
    "[sender]\n",
    "[templates]\n",
    "[limits]\n",
    "[authentication]\n",
    "kind = 'webhook'\n",
    "kind = 'file'\n",
    "allow_http = true\n",
    "ca_file = 'x'\n",
    "url = 'http://[::1]/'\n",
    "[longcode]",
    "[enslink]",
    "\u{20ac}",
    "9223372036854775807",
    "\"\"\"",
];

/// The target with this name.
pub fn by_name(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
