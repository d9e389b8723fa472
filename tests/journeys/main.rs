//! Journeys: stories of people and their phones, played on the whole system. Each ends with a look at the public tree from outside.

/// Plays each of these journeys of a file on either engine.
macro_rules! on_both_engines {
    ($($journey:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $journey() -> anyhow::Result<()> {
                super::$journey(tests::engine::Engine::Sqlite).await
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $journey() -> anyhow::Result<()> {
                super::$journey(tests::engine::Engine::Postgres).await
            })*
        }
    };
}

mod apps;

mod stories;

mod old_apps;

mod lost_replies;
mod parallel_claims;
mod sealed;
mod self_reports;
mod uncertified;

mod guessing;
mod silence;

mod holding;
mod regions;
mod revisions;
mod rotation;
mod signing_keys;

mod key_sets;
mod life;
mod many_bundles;
mod recalls;

mod tampering;
mod withdrawal;
