//! How an authority is shown to people and to programs.

use proto::{Region, Timestamp};
use serde_json::{Value, json};
use store::{
    AuthorityKey, DEFAULT_MEMO_BYTES, FetchedKey, KEY_OVERLAP, KEY_SET_KEPT, KeySetStanding, RegisteredAuthority,
};

use super::moment::moment;

/// A key, and how it stands with it.
struct Shown<'a> {
    key: &'a AuthorityKey,
    fetched: Option<&'a FetchedKey>,
    denied_since: Option<Timestamp>,
    /// Whether it is believed now, as long as its authority is.
    believed: bool,
}

/// Public halves stay in the database: their ids are what operators compare.
pub(crate) fn to_json(registered: &RegisteredAuthority, now: Timestamp) -> Value {
    let RegisteredAuthority { authority, disabled_at, key_set, denied } = registered;
    let regions: Vec<_> = authority.regions.iter().map(Region::as_str).collect();
    let denied: Vec<_> =
        denied.iter().map(|key| json!({ "kid": key.kid, "denied_since": moment(key.denied_since) })).collect();
    json!({
        "id": authority.id,
        "issuer": authority.issuer,
        "audience": authority.audience,
        "regions": regions,
        "self_reports": authority.self_reports.as_str(),
        "self_reports_per_hour": authority.self_reports.per_hour(),
        "memo_bytes": authority.memo_bytes,
        "policy_version": authority.policy_version,
        "disabled_at": disabled_at.map(moment),
        "keys": shown(registered, now).iter().map(key_json).collect::<Vec<_>>(),
        "denied_keys": denied,
        "jwks": key_set.as_ref().map(|set| json!({
            "url": set.url,
            "fetched_at": set.fetched_at.map(moment),
            "age_seconds": set.fetched_at.map(|at| now.unix() - at.unix()),
            "failing_since": set.failing_since.map(moment),
        })),
    })
}

/// Some lines about an authority.
pub(crate) fn to_text(registered: &RegisteredAuthority, now: Timestamp) -> String {
    let RegisteredAuthority { authority, disabled_at, key_set, denied } = registered;
    let regions: Vec<_> = authority.regions.iter().map(Region::as_str).collect();
    let mut text = format!("{}  regions {}", authority.id, regions.join(", "));
    if let Some(at) = disabled_at {
        text += &format!("\n  disabled since {}: nothing of it is believed", moment(*at));
    }
    text += &format!("\n  issuer {}, audience {}", authority.issuer, authority.audience);
    text += &format!("\n  reports without a certificate: {}", authority.self_reports.as_str());
    if let Some(per_hour) = authority.self_reports.per_hour() {
        text += &format!(", {per_hour} an hour");
    }
    if authority.memo_bytes != DEFAULT_MEMO_BYTES {
        text += &format!("\n  memos of certified reports may have {} bytes", authority.memo_bytes);
    }
    text += &key_set.as_ref().map(|set| set_text(set, now)).unwrap_or_default();
    for key in shown(registered, now) {
        text += &key_text(&key, now);
    }
    for key in denied.iter().filter(|key| !registered.knows(&key.kid)) {
        text += &format!("\n  key {} (not known): {}", key.kid, denied_text(key.denied_since, now));
    }
    text
}

/// Keys from files first, then those of the set.
fn shown(registered: &RegisteredAuthority, now: Timestamp) -> Vec<Shown<'_>> {
    let set = registered.key_set.as_ref();
    let current = set.and_then(|set| set.fetched_at).is_some_and(|at| at.plus(KEY_SET_KEPT) > now);
    let from_files = registered.authority.keys.iter().map(|key| (key, None));
    let from_set = set.into_iter().flat_map(|set| &set.keys).map(|fetched| (&fetched.key, Some(fetched)));
    let all = from_files.chain(from_set);
    all.map(|(key, fetched): (&AuthorityKey, Option<&FetchedKey>)| {
        let denied_since = registered.denied_since(&key.kid);
        let denied = denied_since.is_some_and(|since| since <= now);
        let gone = |fetched: &FetchedKey| fetched.gone_since.is_some_and(|gone| gone.plus(KEY_OVERLAP) <= now);
        let there = fetched.is_none_or(|fetched| current && !gone(fetched));
        Shown { key, fetched, denied_since, believed: there && !denied }
    })
    .collect()
}

fn key_json(shown: &Shown<'_>) -> Value {
    let Shown { key, fetched, denied_since, believed } = shown;
    json!({
        "kid": key.kid,
        "algorithm": key.key.algorithm(),
        "source": if fetched.is_some() { "jwks" } else { "file" },
        "believed": believed,
        "denied_since": denied_since.map(moment),
        "seen_since": fetched.map(|fetched| moment(fetched.seen_since)),
        "last_seen": fetched.map(|fetched| moment(fetched.seen_at)),
        "gone_since": fetched.and_then(|fetched| fetched.gone_since).map(moment),
    })
}

fn key_text(shown: &Shown<'_>, now: Timestamp) -> String {
    let Shown { key, fetched, denied_since, believed } = shown;
    let source = fetched.map(|fetched| format!(", from the JWKS, last seen {}", moment(fetched.seen_at)));
    let mut text = format!("\n  key {} ({}{})", key.kid, key.key.algorithm(), source.unwrap_or_default());
    match (denied_since, fetched.and_then(|fetched| fetched.gone_since)) {
        (Some(since), _) => text += &format!(": {}", denied_text(*since, now)),
        (None, Some(gone)) if *believed => {
            text += &format!(": gone from the JWKS, believed until {}", moment(gone.plus(KEY_OVERLAP)));
        }
        (None, _) if !believed => text += ": believed no more",
        (None, _) => {}
    }
    text
}

fn denied_text(since: Timestamp, now: Timestamp) -> String {
    let tense = if since <= now { "denied since" } else { "will be denied from" };
    format!("{tense} {}", moment(since))
}

fn set_text(set: &KeySetStanding, now: Timestamp) -> String {
    let mut text = format!("\n  JWKS {}", set.url);
    text += &match set.fetched_at {
        Some(at) => format!(", fetched {} s ago", now.unix() - at.unix()),
        None => ", not fetched yet".to_owned(),
    };
    if let Some(since) = set.failing_since {
        text += &format!(", failing since {}", moment(since));
        if let Some(at) = set.fetched_at {
            text += &format!("; its keys are believed until {}", moment(at.plus(KEY_SET_KEPT)));
        }
    }
    text
}
