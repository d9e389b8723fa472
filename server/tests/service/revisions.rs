//! `POST /v1/publish` with a revision token: what may be said, what becomes of it, and that answers do not tell what is stored.

use proto::ReportType::{self, Confirmed, Likely, Negative, UserReport};
use proto::api::base64;
use proto::api::publish::{ExposureKey, PublishRequest};
use proto::{Feed, Kind};
use server::admin::set_travellers;
use store::{Member, SealOutcome, SealPolicy};

use crate::authority::{NORTH, SOUTH};
use crate::phone::{self, commit};
use crate::system::System;
use crate::wire::Reply;

/// The feeds of the north.
const NORTHERN: [&str; 2] = ["NO/gaen", "SE/gaen"];

/// Both engines, one after the other.
async fn on_both_engines() -> [System; 2] {
    [System::start().await, System::start_on_postgres().await]
}

async fn seal(system: &System) {
    system.wait_for_the_quarter();
    let policy = SealPolicy { max_entries: 100, max_bytes: 1 << 20, ..SealPolicy::default() };
    for feed in NORTHERN.map(|feed| feed.parse::<Feed>().expect("a feed")) {
        let sealed = system.store.seal(&feed, &policy).await.expect("sealed");
        assert!(matches!(sealed, SealOutcome::Sealed(_)), "{sealed:?}");
    }
}

/// What a reply hands out for a revision.
fn token(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.error());
    reply.json().revision_token.expect("every believed upload is answered with a token")
}

/// An upload of these keys to the north, after another.
fn after(system: &System, token: &str, keys: Vec<ExposureKey>, says: ReportType) -> PublishRequest {
    PublishRequest { revision_token: Some(token.to_owned()), ..system.upload(keys, says) }
}

/// What was published of a person's keys in NO, bundle by bundle: report type and whether it revises.
async fn told(system: &System, person: u8) -> Vec<(ReportType, bool)> {
    let (feed, mut told) = (NORTHERN[0].parse().expect("a feed"), Vec::new());
    for sequence in 1.. {
        if system.store.bundle(&feed, sequence).await.expect("read").is_none() {
            break;
        }
        for (revised, member) in system.store.members(&feed, sequence, None, 100).await.expect("read").members {
            let Member::Gaen(entry) = member else { panic!("a report among keys") };
            if entry.key.data()[0] == person {
                told.push((entry.report_type.expect("a type"), revised));
            }
        }
    }
    told
}

/// What has become of the keys when they are revised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    Nothing,
    Waiting,
    Sealed,
    RevisedWaiting,
    RevisedSealed,
    WithdrawnWaiting,
    WithdrawnSealed,
}

impl Stored {
    const ALL: [Self; 7] = [
        Self::Nothing,
        Self::Waiting,
        Self::Sealed,
        Self::RevisedWaiting,
        Self::RevisedSealed,
        Self::WithdrawnWaiting,
        Self::WithdrawnSealed,
    ];

    /// Brings a person's keys into this state, in the time that all the others take.
    async fn prepare(self, system: &System, first: &PublishRequest, revision: &PublishRequest) {
        if self != Self::Nothing {
            system.publish(first).await;
        }
        if matches!(self, Self::Sealed | Self::RevisedSealed | Self::WithdrawnSealed) {
            seal(system).await;
        } else {
            system.wait_for_the_quarter();
        }
        if matches!(self, Self::RevisedWaiting | Self::RevisedSealed) {
            system.publish(revision).await;
        }
        if matches!(self, Self::WithdrawnWaiting | Self::WithdrawnSealed) {
            let identities: Vec<_> = first
                .temporary_exposure_keys
                .iter()
                .map(|key| base64::decode("key", &key.key).expect("base64"))
                .filter(|key| key.len() == 16)
                .collect();
            system.store.withdraw(Kind::Gaen, &identities).await.expect("withdrawn");
        }
    }
}

#[actix_web::test]
async fn a_revision_is_answered_byte_for_byte_alike_whatever_is_stored() {
    let mut answers: Vec<(ReportType, Reply)> = Vec::new();
    let scratch = System::start().await;
    // One phone, one set of keys with a bad one among them, sent to servers that know different things.
    let mut keys = scratch.keys(1, 5);
    keys[3].transmission_risk = 9;
    let first = scratch.upload(keys.clone(), Likely);
    let token = token(&scratch.publish(&first).await);
    let later = scratch.now().plus(store::RELEASE_GRAIN);
    for says in [Confirmed, Negative] {
        let certificate = NORTH.certify(commit(&keys), says, later);
        let upload = scratch.upload_with(keys.clone(), certificate);
        let revision = PublishRequest { revision_token: Some(token.clone()), ..upload };
        for stored in Stored::ALL {
            for system in on_both_engines().await {
                stored.prepare(&system, &first, &revision).await;
                for _ in 0..2 {
                    let reply = system.publish(&revision).await;
                    assert_eq!((reply.status, reply.code().as_str()), (200, "partial_failure"), "{stored:?}");
                    let known = answers.iter().find(|(said, _)| *said == says);
                    assert!(known.is_none_or(|(_, known)| *known == reply), "{stored:?} {says}");
                    answers.push((says, reply));
                }
            }
        }
    }
}

#[actix_web::test]
async fn what_is_revised_is_published_as_it_is_said_last() {
    for system in on_both_engines().await {
        // Before it is sealed: person 1 is confirmed, person 2 disproved; after: person 3 confirmed, person 4 disproved.
        let mut tokens = Vec::new();
        for person in 1..=4 {
            tokens.push(token(&system.publish(&system.upload(system.keys(person, 2), Likely)).await));
        }
        let revise = async |person: u8, says| {
            let revision = after(&system, &tokens[usize::from(person) - 1], system.keys(person, 2), says);
            assert_eq!(system.publish(&revision).await.json().inserted_exposures, Some(2));
        };
        revise(1, Confirmed).await;
        revise(2, Negative).await;
        seal(&system).await;
        revise(3, Confirmed).await;
        revise(4, Negative).await;
        // Once is all, whoever keeps the first token.
        revise(1, Negative).await;
        revise(3, Negative).await;
        system.publish(&system.upload(system.keys(9, 1), Confirmed)).await;
        seal(&system).await;
        let (before, twice) = ((Likely, false), |one| vec![one; 2]);
        assert_eq!(told(&system, 1).await, twice((Confirmed, false)));
        assert_eq!(told(&system, 2).await, []);
        assert_eq!(told(&system, 3).await, [twice(before), twice((Confirmed, true))].concat());
        assert_eq!(told(&system, 4).await, [twice(before), twice((Negative, true))].concat());
        assert_eq!(system.stored().await, [], "nothing else waits");
    }
}

#[actix_web::test]
async fn nobody_revises_what_somebody_else_uploaded() {
    for system in on_both_engines().await {
        system.publish(&system.upload(system.keys(1, 2), Likely)).await;
        seal(&system).await;
        // The keys are public now. Somebody uploads them as their own, with a certificate of their own, and gets a token for them.
        let with_another_key = |says| {
            let keys = system.keys(1, 2);
            let hmac_key = proto::commitment::HmacKey::new(&[66; 16]).expect("16 bytes");
            let commitment = hmac_key.commit_keys(&phone::segments(&keys));
            let certificate = NORTH.certify(commitment, says, system.now());
            PublishRequest { hmac_key: base64::encode(&[66; 16]), ..system.upload_with(keys, certificate) }
        };
        let stolen = token(&system.publish(&with_another_key(Likely)).await);
        let revoke = PublishRequest { revision_token: Some(stolen), ..with_another_key(Negative) };
        assert_eq!(system.publish(&revoke).await.json().inserted_exposures, Some(2), "it looks like success");
        assert_eq!(system.stored().await, [], "and nothing happens");
    }
}

#[actix_web::test]
async fn every_believed_upload_is_answered_with_a_token_of_one_length() {
    let system = System::start().await;
    let mut partial = system.keys(3, 30);
    partial[7].rolling_period = 0;
    let uploads = [
        system.upload(system.keys(1, 1), Confirmed),
        system.upload(system.keys(1, 14), Negative),
        system.upload(system.keys(2, 30), UserReport),
        system.upload(partial, Likely),
    ];
    for upload in &uploads {
        let reply = system.publish(upload).await;
        assert_eq!((token(&reply).len(), reply.body.len()), (1_258, 4_096));
        assert_eq!(system.publish(upload).await, reply, "a repeat gets the same");
    }
    // Even where every key but one is complained about at length, nothing of it is cut.
    let mut long = system.keys(4, 30);
    long.iter_mut().skip(1).for_each(|key| key.rolling_start_number = 1);
    let reply = system.publish(&system.upload(long, Confirmed)).await;
    assert!(reply.error().contains("temporaryExposureKeys[29].rollingStartNumber: "), "{}", reply.error());
    assert!(!reply.error().ends_with("...") && token(&reply).len() == 1_258);
}

#[actix_web::test]
async fn a_token_that_was_not_given_out_for_this_authority_is_refused() {
    let system = System::start().await;
    let keys = system.keys(1, 3);
    let certificate = SOUTH.certify(commit(&keys), Likely, system.now());
    let southern = token(&system.publish(&phone::upload(keys, &SOUTH, certificate)).await);
    let stored = system.stored().await;
    for bad in [southern.as_str(), &southern[1..], "AAAA", "no token", &"A".repeat(1_258)] {
        let reply = system.publish(&after(&system, bad, system.keys(1, 3), Confirmed)).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "invalid_revision_token"), "{bad}");
        assert_eq!((reply.body.len(), system.stored().await), (4_096, stored.clone()));
    }
    let none = system.publish(&after(&system, "", system.keys(2, 3), Confirmed)).await;
    assert_eq!(none.json().inserted_exposures, Some(3), "an empty token is none");
}

#[actix_web::test]
async fn what_cannot_follow_is_refused_and_nothing_is_stored() {
    let system = System::start().await;
    let first = token(&system.publish(&system.upload(system.keys(1, 2), Confirmed)).await);
    let user = token(&system.publish(&system.upload(system.keys(2, 2), UserReport)).await);
    let revised = token(&system.publish(&after(&system, &user, system.keys(2, 2), Likely)).await);
    let stored = system.stored().await;
    let refused = async |person, token: &str, says, code: &str| {
        // A key that nobody knows comes along: it is not stored either.
        let keys = [system.keys(person, 2), system.keys(5, 4).split_off(3)].concat();
        let reply = system.publish(&after(&system, token, keys, says)).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, code), "{says}");
        assert_eq!(reply.json().revision_token, None);
        assert_eq!((reply.body.len(), system.stored().await), (4_096, stored.clone()));
    };
    for says in [Likely, UserReport, Negative] {
        refused(1, &first, says, "invalid_report_type_transition").await;
    }
    for says in [Confirmed, UserReport, Negative] {
        refused(2, &revised, says, "key_already_revised").await;
    }
    let same = system.publish(&after(&system, &revised, system.keys(2, 2), Likely)).await;
    assert_eq!(token(&same), revised, "the same may be said again");
}

#[actix_web::test]
async fn a_key_that_changes_its_period_or_start_is_a_bad_one() {
    let system = System::start().await;
    let first = token(&system.publish(&system.upload(system.keys(1, 3), Likely)).await);
    let mut keys = system.keys(1, 3);
    keys[0].rolling_period = 143;
    keys[2].rolling_start_number -= 1;
    let reply = system.publish(&after(&system, &first, keys, Confirmed)).await;
    assert_eq!((reply.status, reply.code().as_str()), (200, "partial_failure"));
    assert_eq!(
        reply.error(),
        "temporaryExposureKeys[0].rollingPeriod: must be the one in the revision token; \
         temporaryExposureKeys[2].rollingStartNumber: must be the one in the revision token"
    );
    seal(&system).await;
    assert_eq!(told(&system, 1).await.iter().filter(|(says, _)| *says == Confirmed).count(), 1);
}

#[actix_web::test]
async fn the_keys_of_travellers_reach_the_feeds_that_take_them() {
    for system in on_both_engines().await {
        let travelled = |person| PublishRequest { traveler: true, ..system.upload(system.keys(person, 2), Confirmed) };
        let at_home = system.publish(&travelled(1)).await;
        let waiting = |counts: &[(&str, u64)]| {
            counts.iter().map(|(feed, count)| ((*feed).to_owned(), *count)).collect::<Vec<_>>()
        };
        assert_eq!(system.stored().await, waiting(&[("NO/gaen", 2), ("SE/gaen", 2)]), "feeds take none of themselves");
        let denmark: Feed = "DK/gaen".parse().expect("a feed");
        set_travellers(&system.operator, &denmark, true).await.expect("set");
        let abroad = system.publish(&travelled(2)).await;
        assert_eq!(system.stored().await, waiting(&[("DK/gaen", 2), ("NO/gaen", 4), ("SE/gaen", 4)]));
        // First values win: who says so later, or not any more, changes nothing.
        system.publish(&travelled(1)).await;
        system.publish(&system.upload(system.keys(2, 2), Confirmed)).await;
        system.publish(&system.upload(system.keys(3, 2), Confirmed)).await;
        assert_eq!(system.stored().await, waiting(&[("DK/gaen", 2), ("NO/gaen", 6), ("SE/gaen", 6)]));
        set_travellers(&system.operator, &denmark, false).await.expect("set");
        system.publish(&travelled(4)).await;
        assert_eq!(system.stored().await[0], ("DK/gaen".to_owned(), 2));
        assert_eq!(at_home.json().inserted_exposures, abroad.json().inserted_exposures);
        let reports = "DK/tcn".parse().expect("a feed");
        assert!(set_travellers(&system.operator, &reports, true).await.is_err());
        let unknown = "XX/gaen".parse().expect("a feed");
        assert!(set_travellers(&system.operator, &unknown, true).await.is_err());
    }
}
