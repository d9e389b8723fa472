//! Undoing abuse: somebody has stolen the key with which an authority signs.

use std::collections::BTreeSet;

use exporter::inspect::inspect;
use proto::api::base64;
use proto::api::publish::{ExposureKey, PublishRequest, ReportsRequest};
use proto::bundle::{BundleKey, Entries};
use proto::certificate::{CertificateSigner, Claims};
use proto::commitment::{Commitment, HmacKey, KeySegment};
use proto::gaen::TemporaryExposureKey;
use proto::tcn::SignedReport;
use proto::{Interval, Kind, ReportType, Timestamp};
use serde_json::Value;
use server::withdrawal::{self, WithdrawalCounts, WithdrawalOrder};
use store::{FeedTally, WithdrawalKind};
use tests::authority::Authority;
use tests::engine::Engine;
use tests::phone::Phone;
use tests::system::{NOON, System};
use tests::wire::{Reply, Request};

on_both_engines! {
    a_thiefs_keys_are_undone_and_no_repeat_brings_them_back,
    a_thiefs_reports_are_undone_and_no_phone_is_alarmed_any_more,
}

/// Under what the thief commits to what they upload.
const HMAC_KEY: [u8; 32] = [9; 32];

/// Somebody who signs as an authority.
struct Thief<'a> {
    system: &'a System,
    authority: &'a Authority,
    signer: CertificateSigner,
}

impl<'a> Thief<'a> {
    /// One whose key the server believes.
    async fn of(system: &'a System, authority: &'a Authority) -> anyhow::Result<Self> {
        let signer = CertificateSigner::new(ed25519_dalek::SigningKey::from_bytes(&[66; 32]));
        let state = system.server_state();
        let standing = server::admin::authorities(state).await?.remove(0);
        let keys = [standing.keys, vec![signer.public_key().into()]].concat();
        let change = server::admin::AuthorityChange { keys: Some(keys), ..Default::default() };
        server::admin::update_authority(state, &authority.id, change).await?;
        Ok(Self { system, authority, signer })
    }

    fn kid(&self) -> String {
        self.signer.public_key().kid()
    }

    fn certify(&self, commitment: Commitment) -> String {
        let now = self.system.clock.now();
        self.signer.sign(&Claims {
            issuer: self.authority.id.clone(),
            audience: "pratique".to_owned(),
            issued_at: now,
            expires_at: now.plus(900),
            report_type: ReportType::Confirmed,
            symptom_onset: None,
            commitment,
        })
    }

    async fn upload_keys(&self, keys: &[TemporaryExposureKey]) -> anyhow::Result<Reply> {
        let encoded: Vec<String> = keys.iter().map(|key| base64::encode(key.data())).collect();
        let sent = keys.iter().zip(&encoded).map(|(key, encoded)| ExposureKey {
            key: encoded.clone(),
            rolling_start_number: key.rolling_start().number().into(),
            rolling_period: key.rolling_period().into(),
            transmission_risk: 3,
        });
        let sent: Vec<_> = sent.collect();
        let segments = sent.iter().map(KeySegment::from);
        let commitment = HmacKey::new(&HMAC_KEY)?.commit_keys(&segments.collect::<Vec<_>>());
        let request = PublishRequest {
            temporary_exposure_keys: sent,
            health_authority_id: self.authority.id.clone(),
            verification_payload: self.certify(commitment),
            hmac_key: base64::encode(&HMAC_KEY),
            ..PublishRequest::default()
        };
        Request::post_json("/v1/publish", serde_json::to_vec(&request)?).send(self.system.server.address()).await
    }

    async fn upload_reports(&self, reports: &[SignedReport]) -> anyhow::Result<Reply> {
        let reports: Vec<String> = reports.iter().map(|report| base64::encode(report.as_bytes())).collect();
        let sent: Vec<&str> = reports.iter().map(String::as_str).collect();
        let commitment = HmacKey::new(&HMAC_KEY)?.commit_reports(&sent);
        let request = ReportsRequest {
            health_authority_id: self.authority.id.clone(),
            verification_payload: self.certify(commitment),
            hmac_key: base64::encode(&HMAC_KEY),
            reports,
            padding: String::new(),
        };
        Request::post_json("/v1/reports", serde_json::to_vec(&request)?).send(self.system.server.address()).await
    }

    /// What the operator does about it; what was done.
    async fn withdraw(&self) -> anyhow::Result<WithdrawalCounts> {
        let order = WithdrawalOrder {
            authority: self.authority.id.clone(),
            kid: Some(self.kid()),
            days: None,
            kinds: WithdrawalKind::ALL.to_vec(),
        };
        let state = self.system.server_state();
        let plan = withdrawal::plan(state, order).await?;
        let done = plan.apply(state, &"their key was stolen".parse()?, |_, _| ()).await?;
        assert_eq!(&done, plan.counts(), "what is done is what was foreseen");
        Ok(done)
    }
}

/// All that a reply says but for what is drawn anew each time: the padding, and the token that is sealed with a nonce of its own.
fn said(reply: &Reply) -> anyhow::Result<(u16, Vec<String>, usize, Value)> {
    let mut value: Value = serde_json::from_slice(&reply.body)?;
    for drawn in ["padding", "revisionToken"] {
        if let Some(text) = value.get_mut(drawn) {
            *text = Value::from(text.as_str().map_or(0, |text| if drawn == "padding" { 1 } else { text.len() }));
        }
    }
    let names = reply.headers.iter().map(|(name, _)| name.clone()).collect();
    Ok((reply.status, names, reply.body.len(), value))
}

fn identities(keys: &[TemporaryExposureKey]) -> BTreeSet<[u8; 16]> {
    keys.iter().map(|key| *key.data()).collect()
}

/// The next quarter of an hour, at which what was written now is released.
fn wait(system: &System, minutes: i64) {
    system.set_time(system.clock.now().plus(minutes * 60));
}

/// The public key of bundles of a kind.
fn bundle_key(system: &System, authority: &Authority, kind: Kind) -> anyhow::Result<BundleKey> {
    let purpose = exporter::keys::KeyPurpose::Bundle(kind);
    let path = exporter::keys::public_file(&system.keys_directory(), &authority.regions[0], purpose);
    Ok(BundleKey::from_pem(&std::fs::read_to_string(path)?)?)
}

async fn a_thiefs_keys_are_undone_and_no_repeat_brings_them_back(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let (thief, feed) = (Thief::of(&system, &authority).await?, authority.feed(Kind::Gaen));
    let invented: Vec<Phone> = (100..120).map(|seed| system.phone(seed, &authority)).collect::<Result<_, _>>()?;
    let invented: Vec<&[TemporaryExposureKey]> = invented.iter().map(|phone| phone.past_keys(10)).collect();
    let (sealed, waiting) = (invented[..8].concat(), invented[8..].concat());
    assert_eq!((sealed.len(), waiting.len()), (80, 120), "200 keys of people who do not exist");

    // A contact has heard what the thief broadcasts from a phone in a busy street; another has heard somebody who is really ill.
    let (planted, mut honest) = (system.phone(100, &authority)?, system.phone(1, &authority)?);
    let (mut alarmed, mut warned) = (system.phone(2, &authority)?, system.phone(3, &authority)?);
    alarmed.hears(&planted, Interval::containing(NOON.plus(-16 * 3_600)), 20);
    warned.hears(&honest, Interval::containing(NOON.plus(-16 * 3_600)), 20);
    let honest_keys = honest.past_keys(14).to_vec();
    honest.report_keys(&authority.issue(ReportType::Confirmed, "").await?.code, &honest_keys).await?;
    for keys in &invented[..8] {
        assert_eq!(thief.upload_keys(keys).await?.status, 200);
    }
    system.export().await?;
    let (mut of_alarmed, mut of_warned) = (system.follower(&feed)?, system.follower(&feed)?);
    alarmed.poll(&mut of_alarmed).await?;
    warned.poll(&mut of_warned).await?;
    assert!(of_alarmed.is_warned() && of_warned.is_warned());

    let mut answers = Vec::new();
    for keys in &invented[8..] {
        answers.push(said(&thief.upload_keys(keys).await?)?);
    }
    let mut later = system.phone(4, &authority)?;
    let later_keys = later.past_keys(14).to_vec();
    later.report_keys(&authority.issue(ReportType::Confirmed, "").await?.code, &later_keys).await?;
    let before = said(&thief.upload_keys(invented[0]).await?)?;

    let done = thief.withdraw().await?;
    let of_feed = done[&WithdrawalKind::Gaen].tally.feeds[&feed];
    assert_eq!(of_feed, FeedTally { waiting: 120, sealed: 80, revoked: 0 });
    // Nobody can tell from an answer that anything was withdrawn, whatever they send again.
    assert_eq!(said(&thief.upload_keys(invented[0]).await?)?, before);
    for (keys, answer) in invented[8..].iter().zip(&answers) {
        assert_eq!(&said(&thief.upload_keys(keys).await?)?, answer);
    }
    let new = system.phone(200, &authority)?;
    assert_eq!(said(&thief.upload_keys(new.past_keys(10)).await?)?, before, "nor does what is new get another answer");

    wait(&system, 15);
    system.export().await?;
    let checked = system.outside_reader().check(&feed)?;
    let Entries::Gaen { keys, revised } = &checked.bundles[1].entries else { panic!("a feed of keys") };
    let published: BTreeSet<_> = keys.iter().map(|entry| *entry.key.data()).collect();
    assert_eq!(published, identities(&[&later_keys, new.past_keys(10)].concat()), "nothing that waited");
    assert!(revised.iter().all(|entry| entry.report_type == Some(ReportType::Negative)));
    let revoked: BTreeSet<_> = revised.iter().map(|entry| *entry.key.data()).collect();
    assert_eq!((revised.len(), &revoked), (80, &identities(&sealed)), "each once");
    assert!(revoked.is_disjoint(&identities(&honest_keys)) && published.is_disjoint(&identities(&waiting)));
    let key = bundle_key(&system, &authority, Kind::Gaen)?;
    let inspected = inspect(&checked.zips[1], &[key]);
    assert_eq!(inspected.exit_code(), 0, "{inspected:?}");
    let content = inspected.content.expect("it can be read");
    assert_eq!((content.revised, content.report_types["negative"]), (80, 80));

    alarmed.poll(&mut of_alarmed).await?;
    warned.poll(&mut of_warned).await?;
    assert!(!of_alarmed.is_warned(), "it was a false alarm");
    assert!(of_warned.is_warned(), "and this was none");
    nothing_comes_back(&thief, &invented, &feed).await
}

/// Sends all of it once more, withdraws once more, and exports: only what was new meanwhile is withdrawn.
async fn nothing_comes_back(
    thief: &Thief<'_>,
    invented: &[&[TemporaryExposureKey]],
    feed: &proto::Feed,
) -> anyhow::Result<()> {
    for keys in invented {
        assert_eq!(thief.upload_keys(keys).await?.status, 200);
    }
    let done = thief.withdraw().await?;
    let count = &done[&WithdrawalKind::Gaen];
    assert_eq!(count.tally.feeds[feed], FeedTally { waiting: 0, sealed: 10, revoked: 80 });
    assert_eq!((count.selected, count.tally.tombstones), (210, 120));
    let acts = server::operator::acts(thief.system.server_state(), 10).await?;
    let names: Vec<&str> = acts.iter().map(|act| act.act.act.as_str()).collect();
    assert_eq!(names, ["withdraw begun", "withdraw done", "withdraw begun", "withdraw done"]);
    assert!(acts.iter().all(|act| act.act.reason == "their key was stolen" && !act.act.os_user.is_empty()));

    wait(thief.system, 15);
    thief.system.export().await?;
    let checked = thief.system.outside_reader().check(feed)?;
    assert_eq!(checked.bundles.len(), 2, "ten revocations alone are held");
    Ok(())
}

/// Numbers that a report covers.
const LAST: u16 = 24;

async fn a_thiefs_reports_are_undone_and_no_phone_is_alarmed_any_more(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let (thief, feed) = (Thief::of(&system, &authority).await?, authority.feed(Kind::Tcn));
    let phones: Vec<Phone> = (100..130).map(|seed| system.phone(seed, &authority)).collect::<Result<_, _>>()?;
    let reports: Vec<SignedReport> = phones.iter().map(|phone| phone.signed_report(LAST)).collect::<Result<_, _>>()?;
    let (mut honest, mut later) = (system.phone(1, &authority)?, system.phone(4, &authority)?);
    let (mut alarmed, mut warned) = (system.phone(2, &authority)?, system.phone(3, &authority)?);
    let evening: Timestamp = NOON.plus(-16 * 3_600);
    alarmed.hears(&phones[0], Interval::containing(evening), 20);
    alarmed.hears(&phones[29], Interval::containing(evening), 20);
    warned.hears(&honest, Interval::containing(evening), 20);

    let report = honest.signed_report(LAST)?;
    honest.report_numbers(&authority.issue(ReportType::Confirmed, "").await?.code, &[report]).await?;
    assert_eq!(thief.upload_reports(&reports[..10]).await?.status, 200);
    wait(&system, 15);
    system.export().await?;
    let (mut of_alarmed, mut of_warned) = (system.follower(&feed)?, system.follower(&feed)?);
    alarmed.poll(&mut of_alarmed).await?;
    warned.poll(&mut of_warned).await?;
    assert!(of_alarmed.is_warned() && of_warned.is_warned());
    let first = std::fs::read(system.tree().join(&system.outside_reader().check(&feed)?.manifest.bundles[0].path))?;

    let answer = said(&thief.upload_reports(&reports[10..]).await?)?;
    let report = later.signed_report(LAST)?;
    later
        .report_numbers(&authority.issue(ReportType::Confirmed, "").await?.code, std::slice::from_ref(&report))
        .await?;
    let done = thief.withdraw().await?;
    let of_feed = done[&WithdrawalKind::Tcn].tally.feeds[&feed];
    assert_eq!(of_feed, FeedTally { waiting: 20, sealed: 10, revoked: 0 });
    assert_eq!(said(&thief.upload_reports(&reports[10..]).await?)?, answer);
    assert_eq!(thief.upload_reports(&reports[..10]).await?.status, 200);

    wait(&system, 15);
    system.export().await?;
    let checked = system.outside_reader().check(&feed)?;
    let Entries::Tcn { reports: published, withdrawn } = &checked.bundles[1].entries else { panic!("reports") };
    assert_eq!(published.iter().map(|entry| entry.report.clone()).collect::<Vec<_>>(), [report]);
    let digest = |report: &SignedReport| <[u8; 32]>::from(<sha2::Sha256 as sha2::Digest>::digest(report.as_bytes()));
    let expected: BTreeSet<_> = reports[..10].iter().map(digest).collect();
    assert_eq!(withdrawn.to_vec(), expected.into_iter().collect::<Vec<_>>());
    assert_eq!(checked.zips[0], first, "what was published stays byte for byte what it was");
    let inspected = inspect(&checked.zips[1], &[bundle_key(&system, &authority, Kind::Tcn)?]);
    assert_eq!(inspected.exit_code(), 0, "{inspected:?}");
    assert_eq!(inspected.content.map(|content| (content.keys, content.revised)), Some((1, 10)));

    alarmed.poll(&mut of_alarmed).await?;
    warned.poll(&mut of_warned).await?;
    assert!(!of_alarmed.is_warned() && of_warned.is_warned());
    // Whoever comes late reads the first bundle after the second, or both at once.
    let mut late = system.follower(&feed)?;
    alarmed.poll(&mut late).await?;
    assert!(!late.is_warned());
    Ok(())
}
