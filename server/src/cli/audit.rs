//! `server audit`: what operators did.

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};
use server::{Settings, operator};
use service::say;
use store::RecordedAct;

use super::moment::moment;
use crate::open;

/// What to do with the audit.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List what operators did, oldest first: when, what, to what, what came of it, why, and who. Nobody changes or deletes what is written down;
    /// it is kept for as long as the database is.
    List {
        #[command(flatten)]
        settings: Settings,
        /// Only so many, the last ones.
        #[arg(long, value_name = "ACTS", default_value_t = 1_000)]
        last: u32,
    },
}

impl AuditCommand {
    /// Lists.
    pub(crate) async fn run(self, json: bool) -> anyhow::Result<()> {
        let Self::List { settings, last } = self;
        let state = open(&settings).await?;
        let acts = operator::acts(&state, last).await.context("the audit cannot be read")?;
        let text = if acts.is_empty() {
            "Nothing has been written down yet.".to_owned()
        } else {
            acts.iter().map(to_text).collect::<Vec<_>>().join("\n")
        };
        Ok(say(json, &Value::Array(acts.iter().map(to_json).collect()), &text)?)
    }
}

fn to_json(RecordedAct { number, act, database_user }: &RecordedAct) -> Value {
    // The table holds JSON alone; what were none would be shown as text.
    let parsed = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    json!({
        "number": number,
        "at": moment(act.at),
        "act": act.act,
        "subject": parsed(&act.subject),
        "outcome": parsed(&act.outcome),
        "reason": act.reason,
        "os_user": act.os_user,
        "database_user": database_user,
    })
}

fn to_text(RecordedAct { number, act, database_user }: &RecordedAct) -> String {
    let who = if database_user.is_empty() {
        act.os_user.clone()
    } else {
        format!("{}, in the database {database_user}", act.os_user)
    };
    let mut text = format!("{number}  {}  {}  by {who}\n   of {}", moment(act.at), act.act, act.subject);
    text += &format!("\n   result {}", act.outcome);
    if !act.reason.is_empty() {
        text += &format!("\n   because {}", act.reason);
    }
    text
}
