//! What makes a GAEN key fit for publication.

use std::collections::HashSet;

use proto::api::base64;
use proto::api::publish::{ExposureKey, PublishRequest};
use proto::bundle::GaenEntry;
use proto::certificate::Claims;
use proto::commitment::HmacKey;
use proto::gaen::TemporaryExposureKey;
use proto::revision::RevisionToken;
use proto::{Interval, Malformed, ReportType, Timestamp};
use store::{AcceptedKey, KEPT_FOR, LISTED_FOR, REPLAY_GUARD, RawKey, RevisionProof, release_at};

use super::onset::Onset;
use super::verdict::{Refusal, Refused, Verdict};

/// The list in which keys stand, as in the request.
const LIST: &str = "temporaryExposureKeys";
/// A key is accepted while its validity ended at most this many seconds ago: 15 days.
const MAX_AGE: i64 = 15 * 86_400;
// A key is known for as long as it is accepted, so that none is published a second time: it is sealed no earlier than two hours after its validity,
// and from then on its bundle lives for 15 days. Between the two there must be time for clocks that differ by ten minutes, and for the ten minutes
// of the interval in which its time ends.
const _: () = assert!(MAX_AGE + 600 + 600 < REPLAY_GUARD + LISTED_FOR + KEPT_FOR);
/// The highest transmission risk level of the export format.
const MAX_RISK: u8 = 8;
/// A phone may replace the key of the day when it reports, but not all the time.
const MAX_SAME_START: usize = 3;

/// Judges every key of an upload.
///
/// # Errors
/// If the upload as a whole cannot be true: good keys that overlap without sharing their start, more than three with one start, or not a
/// single key that is not bad.
pub(crate) fn judge_keys(
    request: &PublishRequest,
    grounds: &Grounds<'_>,
    now: Timestamp,
) -> Result<Verdict<AcceptedKey>, Refusal> {
    let claims = grounds.claims;
    let onset = Onset::decide(request.symptom_onset_interval, claims.symptom_onset, now);
    let mut verdict = Verdict::new();
    let good = sort_out_bad(&request.temporary_exposure_keys, grounds.before, &mut verdict, now);
    refuse_overlap(&good)?;
    for Candidate { position, key, risk } in good {
        let Some(days_since_onset) = onset.days_until(&key) else {
            verdict.warnings.push(format!("{LIST}[{position}] is more than 14 days from the onset and was dropped"));
            continue;
        };
        let raw = RawKey {
            transmission_risk: risk,
            report_type: claims.report_type,
            onset: onset.day,
            onset_source: onset.source,
            proof: grounds.proof(&key),
        };
        let published = GaenEntry {
            key,
            transmission_risk: published_risk(risk, claims.report_type),
            report_type: Some(claims.report_type),
            days_since_onset: Some(days_since_onset),
        };
        verdict.accepted.push(AcceptedKey { raw, published, release_at: release_at(key.validity_end(), now) });
    }
    verdict.unless_all_bad()
}

/// What an upload stands on.
#[derive(Clone, Copy)]
pub(crate) struct Grounds<'a> {
    /// What its certificate says.
    pub(crate) claims: &'a Claims,
    /// Under what it was committed to.
    pub(crate) hmac_key: &'a HmacKey,
    /// What its revision token says of earlier ones; nothing without a token.
    pub(crate) before: &'a RevisionToken,
}

impl Grounds<'_> {
    /// Who may revise a key: whoever uploaded it first, and the token remembers that.
    fn proof(&self, key: &TemporaryExposureKey) -> RevisionProof {
        let known = self.before.entry(key.data()).map(|entry| entry.proof);
        RevisionProof(known.unwrap_or_else(|| self.hmac_key.prove(key.data())))
    }
}

/// A key that is not bad in itself.
struct Candidate {
    position: usize,
    key: TemporaryExposureKey,
    risk: u8,
}

/// Notes the bad keys in the verdict and returns the others. The second of two keys with the same 16 bytes is a bad one: a key has one start
/// and one period.
fn sort_out_bad(
    sent: &[ExposureKey],
    before: &RevisionToken,
    verdict: &mut Verdict<AcceptedKey>,
    now: Timestamp,
) -> Vec<Candidate> {
    let mut seen = HashSet::new();
    let mut good = Vec::with_capacity(sent.len());
    for (position, sent) in sent.iter().enumerate() {
        let read = read(sent, now).and_then(|(key, risk)| {
            refuse_another(&key, before)?;
            if seen.insert(*key.data()) {
                Ok(Candidate { position, key, risk })
            } else {
                Err(Malformed::new("key", "stands in this upload already"))
            }
        });
        match read {
            Ok(candidate) => good.push(candidate),
            Err(why) => verdict.refused.push(Refused { list: LIST, position, why }),
        }
    }
    good
}

/// Reads one key and checks what can be said of it alone.
fn read(sent: &ExposureKey, now: Timestamp) -> Result<(TemporaryExposureKey, u8), Malformed> {
    let data = base64::decode("key", &sent.key)?;
    let key = TemporaryExposureKey::new(&data, sent.rolling_start_number, sent.rolling_period)?;
    if key.validity_end() < Interval::containing(now.plus(-MAX_AGE)) {
        return Err(Malformed::new("rollingStartNumber", "must not end its period more than 15 days ago"));
    }
    if key.rolling_start() > Interval::containing(now) {
        return Err(Malformed::new("rollingStartNumber", "must not lie in the future"));
    }
    let risk = u8::try_from(sent.transmission_risk).ok().filter(|risk| *risk <= MAX_RISK);
    let risk = risk.ok_or_else(|| Malformed::new("transmissionRisk", "must be 0 to 8"))?;
    Ok((key, risk))
}

/// A key never changes its start and period: not to those of the upload that a revision token stands for either.
fn refuse_another(key: &TemporaryExposureKey, before: &RevisionToken) -> Result<(), Malformed> {
    let Some(known) = before.entry(key.data()).map(|entry| entry.key) else { return Ok(()) };
    if known.rolling_start() != key.rolling_start() {
        return Err(Malformed::new("rollingStartNumber", "must be the one in the revision token"));
    }
    if known.rolling_period() != key.rolling_period() {
        return Err(Malformed::new("rollingPeriod", "must be the one in the revision token"));
    }
    Ok(())
}

/// A phone broadcasts one key at a time. Only when it reports does it start a new key in a period that has begun, with the same start.
fn refuse_overlap(keys: &[Candidate]) -> Result<(), Malformed> {
    let mut spans: Vec<_> = keys.iter().map(|c| (c.key.rolling_start(), c.key.validity_end())).collect();
    spans.sort_unstable();
    for same_start in spans.chunk_by(|a, b| a.0 == b.0) {
        if same_start.len() > MAX_SAME_START {
            return Err(Malformed::new(LIST, "must not hold more than 3 keys with one rollingStartNumber"));
        }
    }
    // Sorted by start and then by end: between neighbours of different start, the first is the longest of its start.
    let overlap = spans.windows(2).any(|pair| pair[0].0 != pair[1].0 && pair[0].1 > pair[1].0);
    if overlap {
        return Err(Malformed::new(LIST, "must not overlap unless they share their rollingStartNumber"));
    }
    Ok(())
}

/// Risk 0 is "not set": phones would ignore it, so it is filled in by report type. A person's own report is left at 0: no level is
/// customary for it, and phones judge it by its report type.
const fn published_risk(risk: u8, report_type: ReportType) -> u8 {
    match (risk, report_type) {
        (0, ReportType::Confirmed) => 2,
        (0, ReportType::Likely) => 4,
        (0, ReportType::Negative) => 6,
        _ => risk,
    }
}

#[cfg(test)]
mod tests {
    use proto::commitment::Commitment;
    use proto::revision::RevisionEntry;
    use store::OnsetSource;

    use super::*;

    /// 2026-11-21, at half past ten; intervals of that day begin at `TODAY`.
    const NOW: Timestamp = Timestamp::from_unix(20_778 * 86_400 + 37_800);
    const TODAY: i64 = 20_778 * 144;

    fn claims(report_type: ReportType) -> Claims {
        Claims {
            issuer: "example".to_owned(),
            audience: "pratique".to_owned(),
            issued_at: NOW,
            expires_at: NOW.plus(900),
            report_type,
            symptom_onset: None,
            commitment: Commitment::new(&[0; 32]).expect("32 bytes"),
        }
    }

    /// A key of the day that began at `start`.
    fn key(byte: u8, start: i64) -> ExposureKey {
        let key = base64::encode(&[byte; 16]);
        ExposureKey { key, rolling_start_number: start, rolling_period: 144, transmission_risk: 3 }
    }

    fn judge(keys: Vec<ExposureKey>, onset: Option<i64>) -> Result<Verdict<AcceptedKey>, Refusal> {
        let request = PublishRequest {
            temporary_exposure_keys: keys,
            symptom_onset_interval: onset,
            ..PublishRequest::default()
        };
        judge_after(&request, &RevisionToken::default())
    }

    fn judge_after(request: &PublishRequest, before: &RevisionToken) -> Result<Verdict<AcceptedKey>, Refusal> {
        let (claims, hmac_key) = (claims(ReportType::Confirmed), HmacKey::new(&[6; 16]).expect("16 bytes"));
        judge_keys(request, &Grounds { claims: &claims, hmac_key: &hmac_key, before }, NOW)
    }

    #[test]
    fn a_key_in_the_revision_token_keeps_its_start_its_period_and_its_proof() {
        let known = TemporaryExposureKey::new(&[1; 16], TODAY - 288, 144).expect("a key");
        let (report_type, revised, proof) = (ReportType::Likely, false, [7; 8]);
        let before = RevisionToken::new([RevisionEntry { key: known, report_type, revised, proof }]);
        let judge = |first: ExposureKey| {
            let temporary_exposure_keys = vec![first, key(2, TODAY)];
            judge_after(&PublishRequest { temporary_exposure_keys, ..PublishRequest::default() }, &before)
        };
        let good = judge(key(1, TODAY - 288)).expect("good");
        let proofs: Vec<_> = good.accepted.iter().map(|key| key.raw.proof).collect();
        let fresh = HmacKey::new(&[6; 16]).expect("16 bytes").prove(&[2; 16]);
        assert_eq!(proofs, [RevisionProof([7; 8]), RevisionProof(fresh)]);
        for (other, field) in [
            (key(1, TODAY - 289), "rollingStartNumber"),
            (ExposureKey { rolling_period: 143, ..key(1, TODAY - 288) }, "rollingPeriod"),
        ] {
            let verdict = judge(other).expect("the other key is good");
            let complaint = format!("temporaryExposureKeys[0].{field}: must be the one in the revision token");
            assert_eq!((verdict.accepted.len(), verdict.complaint()), (1, Some(complaint)));
        }
    }

    /// Why a key is refused that is sent between two good ones, which are not.
    fn complaint(bad: ExposureKey) -> Option<String> {
        let keys = vec![key(1, TODAY - 288), bad, key(2, TODAY - 144)];
        let verdict = judge(keys, None).expect("one bad key does not sink the others");
        if verdict.refused.is_empty() {
            return None;
        }
        assert_eq!(verdict.accepted.len(), 2);
        verdict.complaint()
    }

    #[test]
    fn each_bad_key_is_refused_by_position_field_and_reason() {
        let good = key(9, TODAY - 432);
        let refused = |change: &dyn Fn(&mut ExposureKey)| {
            let mut key = good.clone();
            change(&mut key);
            complaint(key).expect("refused")
        };
        let at = "temporaryExposureKeys[1]";
        assert_eq!(refused(&|k| k.key = "!".to_owned()), format!("{at}.key: must be base64"));
        assert_eq!(refused(&|k| k.key = base64::encode(&[9; 15])), format!("{at}.key: must be 16 bytes"));
        assert_eq!(refused(&|k| k.key = base64::encode(&[9; 17])), format!("{at}.key: must be 16 bytes"));
        assert_eq!(refused(&|k| k.key = key(1, 0).key), format!("{at}.key: stands in this upload already"));
        for period in [0, 145, -1, i64::MIN, i64::MAX] {
            assert_eq!(refused(&|k| k.rolling_period = period), format!("{at}.rollingPeriod: must be 1 to 144"));
        }
        for start in [-1, i64::MIN, i64::MAX] {
            let reason = format!("{at}.rollingStartNumber: must be 0 to 2147483647");
            assert_eq!(refused(&|k| k.rolling_start_number = start), reason);
        }
        for risk in [-1, 9, i64::MAX] {
            assert_eq!(refused(&|k| k.transmission_risk = risk), format!("{at}.transmissionRisk: must be 0 to 8"));
        }
    }

    #[test]
    fn a_key_is_accepted_from_its_first_interval_until_15_days_after_its_last() {
        let now = i64::from(Interval::containing(NOW).number());
        assert!(complaint(ExposureKey { rolling_period: 1, ..key(9, now) }).is_none(), "begins now");
        let ahead = complaint(ExposureKey { rolling_period: 1, ..key(9, now + 1) }).expect("refused");
        assert!(ahead.ends_with("rollingStartNumber: must not lie in the future"), "{ahead}");
        let oldest = now - 15 * 144 - 144;
        assert!(complaint(key(9, oldest)).is_none(), "ended 15 days ago");
        let stale = complaint(key(9, oldest - 1)).expect("refused");
        assert!(stale.ends_with("rollingStartNumber: must not end its period more than 15 days ago"), "{stale}");
    }

    #[test]
    fn keys_overlap_only_if_they_share_their_start_and_then_at_most_three_do() {
        let short = |byte, start, period| ExposureKey { rolling_period: period, ..key(byte, start) };
        let refused = |keys| judge(keys, None).err().map(|Refusal(sentence)| sentence);
        let same_day = vec![short(1, TODAY, 50), short(2, TODAY, 63), short(3, TODAY, 10), key(4, TODAY - 144)];
        assert_eq!(refused(same_day.clone()), None);
        let four = [same_day, vec![short(5, TODAY, 11)]].concat();
        let too_many = "temporaryExposureKeys: must not hold more than 3 keys with one rollingStartNumber";
        assert_eq!(refused(four), Some(too_many.to_owned()));
        let overlap = "temporaryExposureKeys: must not overlap unless they share their rollingStartNumber";
        assert_eq!(refused(vec![key(1, TODAY - 144), key(2, TODAY - 1)]), Some(overlap.to_owned()));
        let hidden = vec![key(1, TODAY - 144), short(2, TODAY - 144, 10), key(3, TODAY - 100)];
        assert_eq!(refused(hidden), Some(overlap.to_owned()), "the longest of one start counts");
    }

    #[test]
    fn a_key_far_from_the_onset_is_dropped_with_a_warning_and_is_not_bad() {
        let keys = vec![key(1, TODAY), key(2, TODAY - 15 * 144)];
        let verdict = judge(keys.clone(), Some(TODAY - 28 * 144)).expect("none is bad");
        assert_eq!(verdict.accepted.len(), 1);
        assert_eq!(verdict.warnings, ["temporaryExposureKeys[0] is more than 14 days from the onset and was dropped"]);
        let none_left = judge(keys[..1].to_vec(), Some(TODAY - 28 * 144)).expect("nor is it bad alone");
        assert_eq!((none_left.accepted.len(), none_left.complaint()), (0, None));
    }

    #[test]
    fn days_since_onset_count_from_the_onset_to_the_key_and_not_the_other_way() {
        let verdict = judge(vec![key(1, TODAY), key(2, TODAY - 5 * 144)], Some(TODAY - 3 * 144)).expect("good");
        let days: Vec<_> = verdict.accepted.iter().map(|key| key.published.days_since_onset).collect();
        assert_eq!(days, [Some(3), Some(-2)]);
        assert_eq!(verdict.accepted[0].raw.onset, Interval::new((TODAY - 3 * 144) as u32));
        assert_eq!(verdict.accepted[0].raw.onset_source, OnsetSource::Request);
    }

    #[test]
    fn risk_0_is_filled_in_by_report_type_and_any_other_is_kept() {
        let filled = ReportType::ALL.map(|report_type| published_risk(0, report_type));
        assert_eq!(filled, [2, 4, 0, 6], "confirmed, likely, user-report, negative");
        for report_type in ReportType::ALL {
            assert_eq!(
                (1..=8).map(|risk| published_risk(risk, report_type)).collect::<Vec<_>>(),
                Vec::from_iter(1..=8)
            );
        }
        let unset = ExposureKey { transmission_risk: 0, ..key(1, TODAY) };
        let verdict = judge(vec![unset], None).expect("good");
        let accepted = &verdict.accepted[0];
        assert_eq!((accepted.raw.transmission_risk, accepted.published.transmission_risk), (0, 2));
        assert_eq!(accepted.published.report_type, Some(ReportType::Confirmed));
    }

    #[test]
    fn a_key_that_is_still_valid_waits_until_two_hours_after_its_end() {
        let verdict = judge(vec![key(1, TODAY), key(2, TODAY - 144)], None).expect("good");
        let release: Vec<_> = verdict.accepted.iter().map(|key| key.release_at).collect();
        assert_eq!(release[0], Interval::new((TODAY + 144) as u32).start().plus(7_200));
        assert_eq!(release[1], NOW.ceil(900), "ended ten hours ago, so it waits for the quarter of an hour alone");
    }

    #[test]
    fn an_upload_of_bad_keys_alone_is_refused_and_names_each() {
        let bad = ExposureKey { rolling_period: 0, ..key(1, TODAY) };
        let Refusal(sentence) = judge(vec![bad.clone(), bad], None).expect_err("refused");
        let reason = "rollingPeriod: must be 1 to 144";
        assert_eq!(sentence, format!("temporaryExposureKeys[0].{reason}; temporaryExposureKeys[1].{reason}"));
    }
}
