//! What an upload changes of what was said before.
//!
//! `missing_revision_token`, which the Exposure Notifications API has as well, is never answered: whether keys were uploaded before, and so would need
//! a token, stands in the store alone, and answers do not depend on it. Without a token every key is taken for a new one; one that is known
//! keeps what was said first.

use proto::ReportType;
use proto::revision::{RevisionEntry, RevisionToken};
use store::{AcceptedKey, RevisedKey};

/// What becomes of the good keys of an upload.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Those that were not uploaded before, as far as the phone says, and those of which the same is said again. None if the report is negative: there
    /// is nothing that a first report could take back.
    pub(crate) new: Vec<AcceptedKey>,
    /// Those of which something else is said now.
    pub(crate) revised: Vec<RevisedKey>,
    /// What a later revision must present.
    pub(crate) token: RevisionToken,
}

/// Why nothing else may be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unrevisable {
    /// Something else was said already: once is all.
    #[error("revisionToken: stands for keys that have been revised before")]
    Already,
    /// Not from there to here.
    #[error("verificationPayload: its report type cannot follow that of the earlier upload")]
    Transition,
}

/// Plans what to do with the good keys of an upload, `before` being what its revision token says; the report type is that of its certificate.
///
/// A key that stands in the token and has another report type there is revised; every other key is new. The new token stands for what is accepted
/// now and, as far as there is room, for the rest of the old one. What a negative report says of new keys is not stored, so nobody can revise it:
/// a later positive test finds no obstacle.
///
/// # Errors
/// [`Unrevisable`], if that holds for any key. It is not looked for among keys that are not sent again.
pub(crate) fn plan(accepted: &[AcceptedKey], before: &RevisionToken, says: ReportType) -> Result<Plan, Unrevisable> {
    let (mut new, mut revised, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    for key in accepted {
        let entry = RevisionEntry { key: key.published.key, report_type: says, revised: false, proof: key.raw.proof.0 };
        match before.entry(key.published.key.data()) {
            Some(known) if known.report_type == says => {
                entries.push(*known);
                new.push(key.clone());
            }
            Some(known) => {
                check(known, says)?;
                entries.push(RevisionEntry { revised: true, ..entry });
                revised.push(RevisedKey { key: key.clone(), from: known.report_type });
            }
            None if says == ReportType::Negative => {}
            None => {
                entries.push(entry);
                new.push(key.clone());
            }
        }
    }
    if says == ReportType::Negative {
        new.clear();
    }
    Ok(Plan { new, revised, token: RevisionToken::new(entries.into_iter().chain(before.entries().copied())) })
}

/// Whether this may be said of a key now.
fn check(known: &RevisionEntry, says: ReportType) -> Result<(), Unrevisable> {
    use ReportType::{Confirmed, Likely, Negative, UserReport};
    match (known.report_type, says) {
        _ if known.revised => Err(Unrevisable::Already),
        (Likely, Confirmed | Negative) | (UserReport, Confirmed | Likely | Negative) => Ok(()),
        _ => Err(Unrevisable::Transition),
    }
}

#[cfg(test)]
mod tests {
    use proto::bundle::GaenEntry;
    use proto::gaen::TemporaryExposureKey;
    use proto::{Interval, Timestamp};
    use store::{OnsetSource, RawKey, RevisionProof};

    use super::*;
    use ReportType::{Confirmed, Likely, Negative, UserReport};

    fn key(number: u8, says: ReportType) -> AcceptedKey {
        let proof = RevisionProof([number; 8]);
        let (onset, onset_source) = (Interval::new(144), OnsetSource::Assumed);
        let key = TemporaryExposureKey::new(&[number; 16], 2_650_000, 144).expect("a key");
        AcceptedKey {
            raw: RawKey { transmission_risk: 0, report_type: says, onset, onset_source, proof },
            published: GaenEntry { key, transmission_risk: 2, report_type: Some(says), days_since_onset: Some(0) },
            release_at: Timestamp::from_unix(0),
        }
    }

    fn keys(numbers: std::ops::Range<u8>, says: ReportType) -> Vec<AcceptedKey> {
        numbers.map(|number| key(number, says)).collect()
    }

    fn first(numbers: std::ops::Range<u8>, says: ReportType) -> Plan {
        plan(&keys(numbers, says), &RevisionToken::default(), says).expect("nothing is revised")
    }

    fn numbers(keys: &[AcceptedKey]) -> Vec<u8> {
        keys.iter().map(|key| key.published.key.data()[0]).collect()
    }

    #[test]
    fn the_allowed_transitions_are_five_and_no_others() {
        for from in ReportType::ALL {
            for to in ReportType::ALL {
                // A token that says so, whether or not anybody gives one out.
                let entries = keys(0..3, from).into_iter().map(|key| RevisionEntry {
                    key: key.published.key,
                    report_type: from,
                    revised: false,
                    proof: [0; 8],
                });
                let planned = plan(&keys(0..3, to), &RevisionToken::new(entries), to);
                let allowed = [
                    (Likely, Confirmed),
                    (Likely, Negative),
                    (UserReport, Confirmed),
                    (UserReport, Likely),
                    (UserReport, Negative),
                ];
                match planned {
                    Ok(plan) if allowed.contains(&(from, to)) => assert_eq!(plan.revised.len(), 3, "{from} {to}"),
                    Ok(plan) => assert!(from == to && plan.revised.is_empty(), "{from} {to}"),
                    Err(why) => assert!(from != to && why == Unrevisable::Transition, "{from} {to}"),
                }
            }
        }
    }

    #[test]
    fn a_key_is_revised_once_and_its_revision_may_be_repeated() {
        let token = first(0..3, UserReport).token;
        let revised = plan(&keys(0..3, Likely), &token, Likely).expect("allowed");
        assert_eq!(revised.revised.iter().map(|revised| revised.from).collect::<Vec<_>>(), [UserReport; 3]);
        let again = plan(&keys(0..3, Likely), &token, Likely).expect("the same with the first token");
        assert_eq!((again.revised.len(), &again.token), (3, &revised.token));
        let repeat = plan(&keys(0..3, Likely), &revised.token, Likely).expect("the same with the second");
        assert_eq!((repeat.revised.len(), &repeat.token), (0, &revised.token));
        for other in [Confirmed, Negative, UserReport] {
            assert_eq!(plan(&keys(2..3, other), &revised.token, other).err(), Some(Unrevisable::Already), "{other}");
        }
    }

    #[test]
    fn keys_that_are_not_in_the_token_are_new() {
        let token = first(0..3, Likely).token;
        let plan = plan(&keys(1..5, Confirmed), &token, Confirmed).expect("allowed");
        assert_eq!(numbers(&plan.new), [3, 4]);
        assert_eq!(plan.revised.len(), 2);
        let told: Vec<_> = plan.token.entries().map(|entry| (entry.report_type, entry.revised)).collect();
        let (old, revised, new) = ((Likely, false), (Confirmed, true), (Confirmed, false));
        assert_eq!(told, [old, revised, revised, new, new], "what was not sent again may be revised later");
    }

    #[test]
    fn the_same_report_type_revises_nothing_and_keeps_the_first_proofs() {
        let token = first(0..3, Likely).token;
        let mut again = keys(0..4, Likely);
        again.iter_mut().for_each(|key| key.raw.proof = RevisionProof([99; 8]));
        let plan = plan(&again, &token, Likely).expect("nothing is revised");
        assert_eq!((numbers(&plan.new), plan.revised.len()), (vec![0, 1, 2, 3], 0));
        let proofs: Vec<_> = plan.token.entries().map(|entry| entry.proof[0]).collect();
        assert_eq!(proofs, [0, 1, 2, 99]);
    }

    #[test]
    fn a_negative_first_report_stores_nothing_and_stands_in_nobodys_way() {
        let negative = first(0..3, Negative);
        assert_eq!((negative.new.len(), negative.revised.len()), (0, 0));
        let positive = plan(&keys(0..3, Confirmed), &negative.token, Confirmed).expect("all are new");
        assert_eq!((positive.new.len(), positive.revised.len()), (3, 0));
        // Said of keys that are known it takes back those, and of the others nothing.
        let plan = plan(&keys(0..4, Negative), &first(0..3, Likely).token, Negative).expect("allowed");
        assert_eq!((plan.new.len(), plan.revised.len(), plan.token.entries().count()), (0, 3, 3));
    }

    #[test]
    fn a_token_has_room_for_what_is_said_now_before_what_was_said() {
        let token = first(0..30, Likely).token;
        let plan = plan(&keys(25..55, Likely), &token, Likely).expect("nothing is revised");
        let held: Vec<_> = plan.token.entries().map(|entry| entry.key.data()[0]).collect();
        assert_eq!(held, (25..55).collect::<Vec<_>>());
    }
}
