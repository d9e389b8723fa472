//! `server feed`: what feeds take.

use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use proto::Feed;
use serde_json::{Value, json};
use server::{Settings, admin};
use service::say;
use store::FeedPolicy;

use crate::open;

/// What to do with feeds.
#[derive(Debug, Subcommand)]
pub(crate) enum FeedCommand {
    /// List the feeds, and whether they take the keys of travellers. `authority add` makes those of an authority's regions.
    List {
        #[command(flatten)]
        settings: Settings,
    },
    /// Change what a feed takes, from the next upload on; a server that runs on the same database needs no restart.
    Set {
        #[command(flatten)]
        settings: Settings,
        /// Which feed: REGION/gaen.
        feed: Feed,
        /// Whether it also takes the keys of people who say that they travelled ("traveler": true), whichever region their authority is responsible
        /// for. Feeds take none unless this is set. Keys that are known already reach no further feed.
        #[arg(long, value_enum, value_name = "WHETHER")]
        travellers: Whether,
    },
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Whether {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// Does it, and says what came of it.
pub(crate) async fn run(command: FeedCommand, json: bool) -> anyhow::Result<()> {
    let settings = match &command {
        FeedCommand::List { settings } => settings,
        FeedCommand::Set { settings, feed, travellers } => {
            let travellers = *travellers == Whether::Yes;
            admin::set_travellers(&open(settings).await?, feed, travellers)
                .await
                .context("the feed was not changed")?;
            settings
        }
    };
    let policies = admin::feed_policies(&open(settings).await?).await?;
    let text = if policies.is_empty() {
        "There are no feeds yet; see server authority add --help.".to_owned()
    } else {
        policies.iter().map(to_text).collect::<Vec<_>>().join("\n")
    };
    Ok(say(json, &Value::Array(policies.iter().map(to_json).collect()), &text)?)
}

fn to_json(policy: &FeedPolicy) -> Value {
    json!({ "feed": policy.feed.to_string(), "travellers": policy.travellers })
}

fn to_text(policy: &FeedPolicy) -> String {
    let travellers = if policy.travellers { "  takes travellers" } else { "" };
    format!("{}{travellers}", policy.feed)
}
