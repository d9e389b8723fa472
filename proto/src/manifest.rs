//! The manifest: the signed, numbered list of a feed's live bundles, with sizes and hashes, and of the keys that sign them.
//!
//! A signed note named `pratique/{region}` whose lines are `pratique/manifest/v1`, `feed PATH`, `number N`, `time T`,
//! `key USE ID-VERSION SPKI NOT-BEFORE`, `gateway SERVICE SHA256(key configuration)`, `bundle SEQUENCE FROM-SEQUENCE START END COUNT REVISED BYTES SHA256(zip) SHA256(export.bin) FORMAT PATH`.
//! Hashes are lower-case hex, SPKI is standard base64, times are UTC seconds. Readers ignore lines of kinds that they do not know.

use crate::error::Malformed;
use crate::feed::{Feed, Region};
use crate::interval::Timestamp;
use crate::note::NoteVerifier;

mod words;

mod bundle;
mod gateway;
mod key;

pub use bundle::ListedBundle;
pub use gateway::{AnnouncedGateway, GatewayService, MAX_GATEWAY_KEYS};
pub use key::{AnnouncedKey, KeyUse};
use words::{number, time};

/// How every manifest of this version begins.
const FIRST_LINE: &str = "pratique/manifest/v1";
/// Room for some 12,000 bundles; a feed of fourteen days has a few hundred.
const MAX_BYTES: usize = 4 << 20;

/// Where a feed's manifest stands: `{feed path}/manifest`.
pub fn manifest_path(feed: &Feed) -> String {
    format!("{feed}/manifest")
}

/// The name under which a region's manifests are signed.
pub fn note_name(region: &Region) -> String {
    format!("pratique/{region}")
}

/// A manifest's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Which feed.
    pub feed: Feed,
    /// Rises with every seal, recall, de-listing and announcement.
    pub number: u64,
    /// When the number was taken.
    pub time: Timestamp,
    /// Current and next keys.
    pub keys: Vec<AnnouncedKey>,
    /// Keys of gateways: those that are given to phones, and those that will be.
    pub gateways: Vec<AnnouncedGateway>,
    /// Live bundles, oldest first.
    pub bundles: Vec<ListedBundle>,
}

impl Manifest {
    /// The text to be signed: a pure function of the content.
    pub fn render(&self) -> String {
        let mut text = format!("{FIRST_LINE}\nfeed {}\nnumber {}\ntime {}\n", self.feed, self.number, self.time.unix());
        for key in &self.keys {
            text.push_str(&key.render());
        }
        for gateway in &self.gateways {
            text.push_str(&gateway.render());
        }
        for bundle in &self.bundles {
            text.push_str(&bundle.render());
        }
        text
    }

    /// The hashes of one service's gateway keys: a phone seals to no other key of it.
    pub fn gateway_hashes(&self, service: GatewayService) -> Vec<[u8; 32]> {
        self.gateways.iter().filter(|gateway| gateway.service == service).map(|gateway| gateway.sha256).collect()
    }

    /// Opens the signed manifest of `feed`: at most 4 MiB, this feed and no other (a region signs all its feeds with one key), sequences
    /// and paths consistent with each other.
    ///
    /// # Errors
    /// `manifest` or the line's kind, and why.
    pub fn open(note: &[u8], verifier: &NoteVerifier, feed: &Feed) -> Result<Self, Malformed> {
        if note.len() > MAX_BYTES {
            return Err(Malformed::new("manifest", "must not be larger than 4 MiB"));
        }
        let manifest = Self::parse(verifier.open(note)?)?;
        if manifest.feed != *feed || note_name(&feed.region) != verifier.name() {
            return Err(Malformed::new("feed", "must be the one that was asked for"));
        }
        Ok(manifest)
    }

    /// Reads the text of a manifest whose signature is checked elsewhere.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let lines = text.strip_prefix(FIRST_LINE).and_then(|rest| rest.strip_prefix('\n'));
        let lines = lines.ok_or_else(|| Malformed::new("manifest", "must begin with pratique/manifest/v1"))?;
        if !lines.ends_with('\n') {
            return Err(Malformed::new("manifest", "must end with a line feed"));
        }
        let mut read = Lines::default();
        lines.split_terminator('\n').try_for_each(|line| read.take(line))?;
        read.finish()
    }
}

/// What the lines have said so far.
#[derive(Default)]
struct Lines {
    feed: Option<Feed>,
    number: Option<u64>,
    time: Option<Timestamp>,
    keys: Vec<AnnouncedKey>,
    gateways: Vec<AnnouncedGateway>,
    bundles: Vec<ListedBundle>,
}

impl Lines {
    /// Takes one line. What it does not know, it skips: later versions may say more.
    fn take(&mut self, line: &str) -> Result<(), Malformed> {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["feed", ref rest @ ..] => {
                let feed = one("feed", rest)?.parse().map_err(|_| Malformed::new("feed", "must be a feed's path"));
                once(&mut self.feed, "feed", feed?)
            }
            ["number", ref rest @ ..] => once(&mut self.number, "number", number("number", one("number", rest)?)?),
            ["time", ref rest @ ..] => once(&mut self.time, "time", time("time", one("time", rest)?)?),
            ["key", ref rest @ ..] => {
                let key = AnnouncedKey::parse(rest)?;
                if self.keys.iter().any(|known| known.key == key.key) {
                    return Err(Malformed::new("key", "must be announced once"));
                }
                self.keys.push(key);
                Ok(())
            }
            ["gateway", ref rest @ ..] => self.take_gateway(rest),
            ["bundle", ref rest @ ..] => {
                self.bundles.push(ListedBundle::parse(rest)?);
                Ok(())
            }
            [""] => Err(Malformed::new("manifest", "must have no empty line")),
            _ => Ok(()),
        }
    }

    fn take_gateway(&mut self, words: &[&str]) -> Result<(), Malformed> {
        let Some(gateway) = AnnouncedGateway::parse(words)? else { return Ok(()) };
        if self.gateways.contains(&gateway) {
            return Err(Malformed::new("gateway", "must be announced once"));
        }
        self.gateways.push(gateway);
        if self.gateways.iter().filter(|known| known.service == gateway.service).count() > MAX_GATEWAY_KEYS {
            return Err(Malformed::new("gateway", "must be one of at most 16 of its service"));
        }
        Ok(())
    }

    fn finish(self) -> Result<Manifest, Malformed> {
        let missing = |line| Malformed::new(line, "must be there");
        let feed = self.feed.ok_or_else(|| missing("feed"))?;
        let mut before = None;
        for bundle in &self.bundles {
            bundle.check(&feed, before)?;
            before = Some(bundle);
        }
        Ok(Manifest {
            feed,
            number: self.number.ok_or_else(|| missing("number"))?,
            time: self.time.ok_or_else(|| missing("time"))?,
            keys: self.keys,
            gateways: self.gateways,
            bundles: self.bundles,
        })
    }
}

fn one<'a>(line: &'static str, words: &[&'a str]) -> Result<&'a str, Malformed> {
    if let &[word] = words { Ok(word) } else { Err(Malformed::new(line, "must have one value")) }
}

fn once<T>(slot: &mut Option<T>, line: &'static str, value: T) -> Result<(), Malformed> {
    if slot.replace(value).is_some() { Err(Malformed::new(line, "must be there once")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::SigningKeyId;
    use crate::index::bundle_path;
    use crate::note::NoteSigner;
    use proptest::prelude::*;

    fn bundle(feed: &Feed, sequence: u64, start: i64, end: i64) -> ListedBundle {
        let (start, end) = (Timestamp::from_unix(start), Timestamp::from_unix(end));
        ListedBundle {
            sequence,
            from_sequence: sequence,
            start,
            end,
            count: 1_000,
            revised: 0,
            bytes: 17_900,
            zip_sha256: [1; 32],
            export_sha256: [0xAB; 32],
            format: 1,
            path: bundle_path(feed, start, end),
        }
    }

    fn manifest() -> Manifest {
        let feed: Feed = "NO/gaen".parse().expect("valid");
        let key = |usage, version| AnnouncedKey {
            usage,
            key: SigningKeyId::new("242", version).expect("valid"),
            spki: vec![0x30, 0x59, 0xFF],
            not_before: Timestamp::from_unix(1_600_000_000),
        };
        Manifest {
            number: 12,
            time: Timestamp::from_unix(1_600_010_000),
            keys: vec![key(KeyUse::Current, "v1"), key(KeyUse::Next, "v2")],
            gateways: vec![
                AnnouncedGateway { service: GatewayService::Server, sha256: [0xAB; 32] },
                AnnouncedGateway { service: GatewayService::Verification, sha256: [1; 32] },
            ],
            bundles: vec![
                bundle(&feed, 3, 1_600_000_000, 1_600_000_900),
                bundle(&feed, 4, 1_600_000_900, 1_600_001_800),
            ],
            feed,
        }
    }

    fn signer() -> NoteSigner {
        NoteSigner::new("pratique/NO", ed25519_dalek::SigningKey::from_bytes(&[7; 32])).expect("a good name")
    }

    #[test]
    fn a_manifest_reads_as_documented() {
        let (one, ab) = ("01".repeat(32), "ab".repeat(32));
        let expected = format!(
            "pratique/manifest/v1\nfeed NO/gaen\nnumber 12\ntime 1600010000\n\
             key current 242-v1 MFn/ 1600000000\nkey next 242-v2 MFn/ 1600000000\n\
             gateway server {ab}\ngateway verification {one}\n\
             bundle 3 3 1600000000 1600000900 1000 0 17900 {one} {ab} 1 NO/gaen/1600000000-1600000900-00001.zip\n\
             bundle 4 4 1600000900 1600001800 1000 0 17900 {one} {ab} 1 NO/gaen/1600000900-1600001800-00001.zip\n"
        );
        assert_eq!(manifest().render(), expected);
        assert_eq!(Manifest::parse(&expected), Ok(manifest()));
    }

    #[test]
    fn a_signed_manifest_opens_for_its_feed_alone() {
        let note = signer().sign(&manifest().render()).expect("clean text");
        let open = |feed: &str| Manifest::open(note.as_bytes(), &signer().verifier(), &feed.parse().expect("valid"));
        assert_eq!(open("NO/gaen"), Ok(manifest()));
        assert_eq!(open("NO/tcn").expect_err("another feed").field, "feed");
        assert_eq!(open("SE/gaen").expect_err("another region").field, "feed");
    }

    #[test]
    fn a_manifest_has_an_upper_limit() {
        let feed = manifest().feed;
        let refused = Manifest::open(&vec![b'a'; MAX_BYTES + 1], &signer().verifier(), &feed);
        assert_eq!(refused.expect_err("too large").field, "manifest");
    }

    #[test]
    fn lines_of_unknown_kinds_are_ignored() {
        let text = manifest().render().replace("number 12\n", "filler 3 what ever\nnumber 12\nweather\n");
        assert_eq!(Manifest::parse(&text), Ok(manifest()));
    }

    #[test]
    fn a_gateway_key_stands_once_among_those_of_its_service() {
        let listed = manifest();
        assert_eq!(listed.gateway_hashes(GatewayService::Server), [[0xAB; 32]]);
        assert_eq!(listed.gateway_hashes(GatewayService::Verification), [[1; 32]]);
        let mut both = manifest();
        both.gateways[1].sha256 = [0xAB; 32];
        assert_eq!(Manifest::parse(&both.render()), Ok(both.clone()), "two services may have one key");
        both.gateways[1].service = GatewayService::Server;
        assert_eq!(Manifest::parse(&both.render()).expect_err("twice").field, "gateway");
        let of = |count: u8| {
            let one = |number| AnnouncedGateway { service: GatewayService::Server, sha256: [number; 32] };
            Manifest { gateways: (0..count).map(one).collect(), ..manifest() }
        };
        assert_eq!(Manifest::parse(&of(16).render()), Ok(of(16)));
        assert_eq!(Manifest::parse(&of(17).render()).expect_err("too many").field, "gateway");
        // A service of later versions is nothing to readers of this one.
        let more = manifest()
            .render()
            .replace("gateway server", &format!("gateway other {}\ngateway server", "01".repeat(32)));
        assert_eq!(Manifest::parse(&more), Ok(manifest()));
    }

    #[test]
    fn a_recall_may_leave_a_gap() {
        let mut recalled = manifest();
        recalled.bundles[1] = bundle(&recalled.feed, 6, 1_600_002_000, 1_600_003_000);
        assert_eq!(Manifest::parse(&recalled.render()), Ok(recalled));
    }

    #[test]
    fn a_roll_up_touches_what_it_begins_after() {
        let mut rolled = manifest();
        rolled.bundles[1].sequence = 9;
        assert_eq!(Manifest::parse(&rolled.render()), Ok(rolled.clone()));
        rolled.bundles[1].from_sequence = 3;
        assert_eq!(Manifest::parse(&rolled.render()).expect_err("overlaps").field, "bundle");
    }

    #[test]
    fn a_line_that_does_not_hold_is_refused() {
        let whole = manifest().render();
        let cases = [
            ("manifest", "pratique/manifest/v1", "pratique/manifest/v2"),
            ("feed", "feed NO/gaen\n", ""),
            ("feed", "feed NO/gaen\n", "feed NO/gaen\nfeed NO/gaen\n"),
            ("feed", "feed NO/gaen\n", "feed no/gaen\n"),
            ("number", "number 12\n", ""),
            ("number", "number 12", "number 012"),
            ("number", "number 12", "number +12"),
            ("number", "number 12", "number -1"),
            ("number", "number 12", "number  12"),
            ("number", "number 12", "number 99999999999999999999"),
            ("time", "time 1600010000", "time 9223372036854775808"),
            ("time", "time 1600010000", "time 1 2"),
            ("key", "key next 242-v2", "key next 242-v1"),
            ("key", "key next", "key soon"),
            ("key", "242-v2", "242"),
            ("key", "MFn/", "MFn"),
            ("gateway", "gateway server", "gateway"),
            ("gateway", "gateway server abab", "gateway server ABAB"),
            ("gateway", "gateway server abab", "gateway server ab"),
            ("gateway", "gateway verification 0101", "gateway verification 0101 01"),
            ("manifest", "number 12\n", "number 12\n\n"),
            ("bundle", "bundle 3 3", "bundle 3 4"),
            ("bundle", "bundle 3 3", "bundle 0 0"),
            ("bundle", "bundle 3 3", "bundle 5 5"),
            ("bundle", "bundle 4 4 1600000900", "bundle 4 4 1600000901"),
            ("bundle", "1600000000-1600000900-00001.zip", "1600000000-1600000901-00001.zip"),
            ("bundle", "NO/gaen/1600000000-", "SE/gaen/1600000000-"),
            ("bundle", "01 abab", "01 ABAB"),
            ("bundle", " 17900 ", " "),
            ("bundle", " 1 NO/gaen", " 4294967296 NO/gaen"),
        ];
        for (field, from, to) in cases {
            let spoilt = whole.replacen(from, to, 1);
            assert_ne!(spoilt, whole, "{from}");
            assert_eq!(Manifest::parse(&spoilt).expect_err(to).field, field, "{from} -> {to}");
        }
        assert!(Manifest::parse(whole.trim_end()).is_err());
        assert!(Manifest::parse("").is_err());
    }

    proptest! {
        #[test]
        fn what_parses_renders_to_what_parses_the_same(number: u64, at in 0..=i64::MAX, spki in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut manifest = manifest();
            (manifest.number, manifest.time) = (number, Timestamp::from_unix(at));
            manifest.keys[0].spki = spki;
            let text = manifest.render();
            prop_assert_eq!(Manifest::parse(&text).map(|read| read.render()), Ok(text));
        }

        #[test]
        fn no_text_is_too_strange_to_refuse(text in "(feed|number|time|key|gateway|bundle|[0-9 \n-]){0,30}") {
            prop_assert!(Manifest::parse(&text).is_err());
            let _ = Manifest::parse(&format!("{FIRST_LINE}\n{text}\n"));
        }
    }
}
