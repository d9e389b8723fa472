//! The story, chapter by chapter. Each one acts, then says what travelled.

use client::{Certificate, KeyUpload, ReportUpload, Secret};
use proto::commitment::Commitment;
use proto::gaen::TemporaryExposureKey;
use proto::{Interval, Timestamp};
use store::{chance, is_replayable, release_at, report_release_at};

use crate::demo::audit::audit;
use crate::demo::authority::{Issued, issue};
use crate::demo::cast::{Memory, Reporter};
use crate::demo::narrator::{bytes, count, date, grouped, moment};
use crate::demo::phone::Phone;
use crate::demo::stage::Stage;
use crate::error::StandaloneError;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Tells the whole story.
///
/// # Errors
/// Whatever stands in its way, and [`StandaloneError::Story`] if it does not end well.
pub(crate) async fn tell(stage: &Stage<'_>) -> Result<(), StandaloneError> {
    introduce(stage);
    let mut rng = chance::source();
    let reporter = Reporter::draw(stage.now, &mut rng)?;
    let others = |rng: &mut _| Memory::of_others(reporter.met_at, rng);
    let mut alma = Phone::new("Alma", others(&mut rng), stage)?;
    let mut bruno = Phone::new("Bruno", Memory::of_a_contact(&reporter, &mut rng)?, stage)?;
    let mut chiara = Phone::new("Chiara", others(&mut rng), stage)?;

    meeting(stage, &reporter, [&bruno, &chiara]);
    report_keys(stage, &alma, &reporter).await?;
    report_numbers(stage, &alma, &reporter).await?;
    export(stage).await?;
    inspection(stage)?;
    warning(stage, [&mut alma, &mut bruno, &mut chiara]).await?;
    held_back(stage, &alma, &reporter.keys)?;
    quiet(stage, &mut bruno).await?;
    verdict(&alma, &bruno, &chiara)
}

/// Who plays which part.
fn introduce(stage: &Stage<'_>) {
    let Stage { narrator, listening, .. } = stage;
    narrator.title("Pratique: from a code to a warning, over real HTTP on this machine");
    narrator.fact("verification", format!("{}  codes, tokens, certificates", listening.verification));
    narrator.fact("server", format!("{}  takes keys and reports", listening.server));
    narrator.fact("cdn", format!("{}  signed, static files", listening.cdn));
}

/// What happened before anybody was ill. Only here do we look into memories: no service ever does.
fn meeting(stage: &Stage<'_>, reporter: &Reporter, phones: [&Phone; 2]) {
    let narrator = &stage.narrator;
    narrator.chapter(1, "Alma meets Bruno; Chiara is elsewhere");
    narrator.say(format!("{}. Phones broadcast random bytes and remember what they hear.", moment(reporter.met_at)));
    for phone in phones {
        let (identifiers, numbers) = phone.memory.heard();
        let (near, near_numbers) = phone.memory.from_reporter;
        let heard = format!("{identifiers} GAEN identifiers ({near} Alma's), {numbers} TCN numbers ({near_numbers})");
        narrator.fact(&format!("{} heard", phone.name), heard);
    }
    narrator.say("None of it leaves these phones, now or later.");
}

/// GAEN: code, token, certificate, upload.
async fn report_keys(stage: &Stage<'_>, alma: &Phone, reporter: &Reporter) -> Result<(), StandaloneError> {
    let narrator = &stage.narrator;
    narrator.chapter(2, "Alma's test is positive: her GAEN app uploads its keys");
    let onset = stage.now.plus(-DAY);
    let issued = issue_code(stage, onset).await?;
    narrator.say(format!("The authority reads {} out to her; it expires at {}.", issued.0, issued.1));

    let keys: Vec<_> = reporter.keys.iter().map(|key| (*key, 0)).collect();
    let onset = Some(Interval::containing(onset).midnight());
    let upload = KeyUpload::new(&stage.plan.authority, &keys, onset, Secret::draw(&mut chance::source()));
    let upload = upload.map_err(|error| StandaloneError::Call("choosing keys", error))?;

    let certificate = certify(stage, alma, &issued.0, &upload.commitment()).await?;
    let before = alma.traffic();
    let receipt = alma.server.publish(&upload, &certificate).await;
    let receipt = receipt.map_err(|error| StandaloneError::Call("uploading keys", error))?;
    narrator.call("POST /v1/publish", alma.travelled_since(before));

    expect(receipt.accepted == keys.len(), "the server did not take all keys")?;
    let certificate = bytes(certificate.as_str().len() as u64);
    narrator.say(format!("The code became a token, the token a certificate ({certificate}) over a 32-byte commitment"));
    narrator
        .say(format!("to exactly these {}. The server believed it without asking anybody.", count(keys.len(), "key")));
    Ok(())
}

/// TCN: the same walk with another code, since it is another app.
async fn report_numbers(stage: &Stage<'_>, alma: &Phone, reporter: &Reporter) -> Result<(), StandaloneError> {
    let narrator = &stage.narrator;
    narrator.chapter(3, "The same in her TCN app, with signed reports");
    let issued = issue_code(stage, stage.now.plus(-DAY)).await?;
    let reports = reporter.reports()?;
    let upload = ReportUpload::new(&stage.plan.authority, &reports, Secret::draw(&mut chance::source()));
    let upload = upload.map_err(|error| StandaloneError::Call("choosing reports", error))?;

    let certificate = certify(stage, alma, &issued.0, &upload.commitment()).await?;
    let before = alma.traffic();
    let receipt = alma.server.report(&upload, &certificate).await;
    let receipt = receipt.map_err(|error| StandaloneError::Call("uploading reports", error))?;
    narrator.call("POST /v1/reports", alma.travelled_since(before));

    expect(receipt.accepted == reports.len(), "the server did not take all reports")?;
    let size = bytes(reports[0].as_bytes().len() as u64);
    let (reports, span) = (count(reports.len(), "report"), reports[0].span());
    narrator.say(format!(
        "{reports} of {size} stand for {span} numbers each. Every request of a phone is 16 KiB, whatever"
    ));
    narrator.say("it says, and every reply body is 4,096 B: a length tells nothing.");
    Ok(())
}

/// From a code to a certificate over what will be uploaded.
async fn certify(
    stage: &Stage<'_>,
    alma: &Phone,
    code: &str,
    commitment: &Commitment,
) -> Result<Certificate, StandaloneError> {
    // An app would store nonce and upload first, so that a lost reply costs nothing; this phone lives for a second.
    let nonce = Secret::draw(&mut chance::source());
    let before = alma.traffic();
    let verified = alma.claim(code, &nonce).await?;
    stage.narrator.call("POST /api/verify", alma.travelled_since(before));
    let before = alma.traffic();
    let certificate = alma.certify(&verified, commitment).await?;
    stage.narrator.call("POST /api/certificate", alma.travelled_since(before));
    Ok(certificate)
}

/// The authority's part: a code, and when it expires.
async fn issue_code(stage: &Stage<'_>, onset: Timestamp) -> Result<(String, String), StandaloneError> {
    let Issued { code, expires_at, travelled } =
        issue(&stage.listening.verification, &stage.api_keys.admin, &date(onset)).await?;
    stage.narrator.call("POST /api/issue (bodies)", travelled);
    Ok((code, moment(Timestamp::from_unix(expires_at))))
}

/// One pass of the exporter. A failure in any feed or bucket ends the story, although the next pass would repair it.
async fn export(stage: &Stage<'_>) -> Result<(), StandaloneError> {
    let narrator = &stage.narrator;
    narrator.chapter(4, "The exporter seals what may be released, signs it, publishes it");
    let (now, quarter) = (stage.clock.now(), report_release_at(stage.clock.now()));
    // Nobody wants to watch a clock, so this one is set: the only place outside tests.
    stage.clock.set_offset(stage.clock.offset() + quarter.unix() - now.unix());
    narrator.say(format!(
        "Nothing is out before the next quarter of an hour; the demo sets its clock to {}.",
        moment(quarter)
    ));
    let report = stage.system.exporter().once().await?;
    if let Some(failure) = report.failures().next() {
        return Err(StandaloneError::Story(format!("the export failed: {failure}")));
    }
    for feed in report.feeds {
        let feed_path = feed.feed;
        for bundle in feed.sealed {
            narrator.fact(&feed_path, format!("bundle {}, {} entries", bundle.sequence, grouped(bundle.count)));
        }
    }
    narrator.say("Bundles first, then manifest and index. Sorted by content, so nobody's keys stand together.");
    Ok(())
}

/// What an outside reader with the public keys would say.
fn inspection(stage: &Stage<'_>) -> Result<(), StandaloneError> {
    let narrator = &stage.narrator;
    narrator.chapter(5, "Every bundle is inspected as the strictest phone would");
    let audited = audit(stage.layout)?;
    expect(!audited.is_empty(), "nothing was published")?;
    for bundle in &audited {
        narrator.say(format!("  {:<50}{:>10}", bundle.path, bytes(bundle.inspection.bytes)));
    }
    narrator.say("For each: a phone would accept it, it is canonical byte for byte, its signature verifies.");
    Ok(())
}

/// Everybody downloads the same; the comparison happens on each phone.
async fn warning(stage: &Stage<'_>, phones: [&mut Phone; 3]) -> Result<(), StandaloneError> {
    let narrator = &stage.narrator;
    narrator.chapter(6, "Three phones poll, verify, and compare for themselves");
    for phone in phones {
        let poll = phone.poll().await?;
        let what = format!("{}: {}", phone.name, count(poll.bundles, "bundle"));
        narrator.call(&what, poll.travelled);
        for near in phone.keys_near.iter() {
            let (at, minutes) = (moment(near.matches[0].heard.start()), near.matches.len() * 10);
            narrator.say(format!("  WARNED by GAEN: near somebody who reported, {at}, {minutes} minutes"));
        }
        for near in phone.reports_near.iter() {
            narrator.say(format!("  WARNED by TCN: heard {} of a report", count(near.numbers.len(), "number")));
        }
    }
    narrator.say("The same files for everyone; who was warned, only the phone knows.");
    Ok(())
}

/// A key that is still valid could be replayed by whoever reads it, so it must not be out yet; all others must.
fn held_back(stage: &Stage<'_>, alma: &Phone, keys: &[TemporaryExposureKey]) -> Result<(), StandaloneError> {
    let narrator = &stage.narrator;
    narrator.chapter(7, "What is not published yet");
    let release = |key: &TemporaryExposureKey| release_at(key.validity_end(), stage.now);
    // What falls due while the story is told may be out or not.
    let released: Vec<_> = keys.iter().filter(|key| !is_replayable(key, stage.now)).collect();
    let held: Vec<_> = keys.iter().filter(|key| release(key) > stage.clock.now()).collect();
    let is_out = |key: &&&TemporaryExposureKey| alma.published.contains(key.data());
    expect(released.iter().filter(is_out).count() == released.len(), "a key of an earlier day was not published")?;
    expect(held.iter().filter(is_out).count() == 0, "a key was published before it could not be replayed any more")?;
    let (out, of) = (count(released.len(), "key"), keys.len());
    narrator.say(format!("{out} of Alma's {of} are out. The rest could still be replayed, and waits:"));
    for key in held {
        let (day, at) = (date(key.rolling_start().start()), moment(release(key)));
        narrator.fact(&format!("the key of {day}"), format!("is released at {at}, 2 h after its validity ends"));
    }
    Ok(())
}

/// A poll without news costs four short answers.
async fn quiet(stage: &Stage<'_>, phone: &mut Phone) -> Result<(), StandaloneError> {
    stage.narrator.chapter(8, "Nothing new is cheap");
    let poll = phone.poll().await?;
    expect(poll.bundles == 0, "a phone fetched a bundle twice")?;
    stage.narrator.call(&format!("{} polls again", phone.name), poll.travelled);
    stage.narrator.say(format!("{}, all answered 304.", count(poll.travelled.requests as usize, "request")));
    Ok(())
}

/// Whether the story ended well.
fn verdict(alma: &Phone, bruno: &Phone, chiara: &Phone) -> Result<(), StandaloneError> {
    let warned = |phone: &Phone| (phone.keys_near.iter().count(), phone.reports_near.iter().count());
    expect(warned(bruno) == (1, 1), "the contact was not warned once by each protocol")?;
    expect(warned(chiara) == (0, 0), "the stranger was warned")?;
    expect(warned(alma) == (0, 0), "the reporter was warned of herself")
}

fn expect(holds: bool, otherwise: &str) -> Result<(), StandaloneError> {
    if holds { Ok(()) } else { Err(StandaloneError::Story(otherwise.to_owned())) }
}
