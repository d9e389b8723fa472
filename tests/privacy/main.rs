//! Whoever has a full copy of both databases, byte by byte, finds nothing in it that a person was given, and cannot tell whose keys are whose.
//!
//! A thousand people come one after the other, a few seconds apart, and go the whole way from the code to the upload. What the authority says of
//! them is the same, since it is published with their keys anyway: only the databases could tell them apart. The attack knows which rows of the
//! verification database are one person's, and which rows of the key database are one key's. It lays everything beside everything: equal
//! values, and the ranks of rows by place, by transaction and by each column, coarse times among them; and it compares what it gets right with
//! what somebody gets right who guesses. Three tests hold the attack to account: it must succeed where there is something to find.
//!
//! Another attack looks at what everybody has: the published bundles. There, the places of keys must tell nothing that their metadata do not.

mod dump;
mod join;
mod order;
mod postgres;
mod published;
mod sqlite;
mod traces;

use dump::Dump;
use join::Verdict;
use tests::crowd::Crowd;
use tests::engine::Engine;

/// How many people come.
const PEOPLE: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn neither_secrets_nor_who_uploaded_what_are_found_on_sqlite() -> anyhow::Result<()> {
    neither_secrets_nor_who_uploaded_what_are_found(Engine::Sqlite).await
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_secrets_nor_who_uploaded_what_are_found_on_postgres() -> anyhow::Result<()> {
    neither_secrets_nor_who_uploaded_what_are_found(Engine::Postgres).await
}

async fn neither_secrets_nor_who_uploaded_what_are_found(engine: Engine) -> anyhow::Result<()> {
    let crowd = Crowd::play(engine, PEOPLE).await?;
    let waiting = Dump::of(&crowd).await?;
    crowd.system.export().await?;
    let sealed = Dump::of(&crowd).await?;
    for dump in [&waiting, &sealed] {
        traces::ensure_none(&crowd, &dump.bytes)?;
        dump.ensure_complete()?;
    }

    let verdict = join::attack(&sealed.people, &sealed.keys);
    assert!(verdict.is_chance(), "{verdict:?}");
    the_attack_finds_what_is_planted(&sealed);

    // Until its bundle is sealed, a key stands where it came to stand: the attack is no worse than this.
    let verdict = join::attack(&waiting.people, &waiting.keys);
    assert!(verdict.is_certain(), "{verdict:?}");
    Ok(())
}

/// One table of each database as it stands, with one column more.
fn the_attack_finds_what_is_planted(dump: &Dump) {
    // What only a person and their keys have in common.
    let common = |who: usize| format!("{:016x}", (who as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    // The hour in which they came, and an expiry that follows from it.
    let (hour, expiry) = (|who: usize| (who / 257).to_string(), |who: usize| (who / 257 + 24).to_string());
    let keys = |value: &dyn Fn(usize) -> String| dump.keys[0].with_column("planted", value);
    let people = |value: &dyn Fn(usize) -> String| dump.people[0].with_column("planted", value);
    let planted = [(people(&common), keys(&common)), (people(&hour), keys(&hour)), (people(&expiry), keys(&hour))];
    for (people, keys) in planted {
        let verdict: Verdict = join::attack(&[people], &[keys]);
        assert!(verdict.is_certain() && verdict.what.contains("planted"), "{verdict:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_key_stands_in_its_bundle_tells_nothing_about_the_upload_on_sqlite() -> anyhow::Result<()> {
    where_a_key_stands_tells_nothing(Engine::Sqlite).await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_key_stands_in_its_bundle_tells_nothing_about_the_upload_on_postgres() -> anyhow::Result<()> {
    where_a_key_stands_tells_nothing(Engine::Postgres).await
}

async fn where_a_key_stands_tells_nothing(engine: Engine) -> anyhow::Result<()> {
    let published = published::publish(engine).await?;
    let verdict = order::attack(&published);
    println!("{engine:?}: as published: {verdict:?}");
    assert!(verdict.is_chance(), "{verdict:?}");
    for (name, telling) in order::telling_orders(&published) {
        let verdict = order::attack(&telling);
        println!("{engine:?}: {name}: {verdict:?}");
        assert!(verdict.is_certain(), "{name}: {verdict:?}");
    }
    Ok(())
}
