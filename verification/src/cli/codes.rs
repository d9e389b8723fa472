//! `verification issue`, `status` and `expire`: the desk of an authority's staff, on the command line.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use verification::desk::{self, CodeStatus, IssueRequest, IssuedCode, moment};
use verification::{Budgets, DatabaseSettings, Settings, SharedBudgets};

use super::issue_many::{self, Lists};
use super::session::{open, open_service, say};

/// Flags of `verification issue`.
#[derive(Debug, Args)]
pub(crate) struct Issue {
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    budgets: SharedBudgets,
    /// The authority that issues.
    #[arg(long)]
    authority: String,
    /// What is said of the person: confirmed, likely or negative.
    #[arg(long, value_name = "TYPE", required_unless_present = "csv", conflicts_with = "csv")]
    test_type: Option<String>,
    /// The day of onset: 2026-03-09.
    #[arg(long, value_name = "DATE", default_value = "", hide_default_value = true, conflicts_with = "csv")]
    symptom_date: String,
    /// The day of the test.
    #[arg(long, value_name = "DATE", default_value = "", hide_default_value = true, conflicts_with = "csv")]
    test_date: String,
    /// How many minutes the person's clock is ahead of UTC: their today may be tomorrow here.
    #[arg(
        long,
        value_name = "MINUTES",
        default_value_t = 0,
        hide_default_value = true,
        allow_negative_numbers = true,
        conflicts_with = "csv"
    )]
    tz_offset: i32,
    /// Your name for this code: the same request under the same uuid gets the same code while it is unclaimed. Drawn if you have none.
    #[arg(long, default_value = "", hide_default_value = true, conflicts_with = "csv")]
    uuid: String,
    /// Your name for who issues, at most 255 characters.
    #[arg(
        long = "external-issuer-id",
        value_name = "ID",
        default_value = "",
        hide_default_value = true,
        conflicts_with = "csv"
    )]
    external_issuer_id: String,
    /// Send the code to this phone as a text message. Needs --delivery-dir with settings of the authority.
    #[arg(long, value_name = "NUMBER", default_value = "", hide_default_value = true, conflicts_with = "csv")]
    phone: String,
    /// Which of the authority's texts to send; the one labelled default if this is not said.
    #[arg(long, value_name = "LABEL", default_value = "", hide_default_value = true, requires = "phone")]
    sms_template_label: String,
    /// Write the text message for --phone and send nothing.
    #[arg(long = "only-generate-sms", requires = "phone")]
    only_generate_sms: bool,
    /// Issue a code for each row of this file instead. Its first row names the columns: testType, and any of symptomDate, testDate,
    /// tzOffset, uuid, externalIssuerID, phone, smsTemplateLabel and onlyGenerateSMS. With a uuid in each row a run that was cut short can be repeated.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write the codes into this new file, which only you may read, and not to stdout.
    #[arg(long, value_name = "FILE", requires = "csv")]
    output: Option<PathBuf>,
}

/// Flags of `verification status`.
#[derive(Debug, Args)]
pub(crate) struct Look {
    #[command(flatten)]
    database: DatabaseSettings,
    /// The authority that issued the code.
    #[arg(long)]
    authority: String,
    /// The name that it was issued under.
    #[arg(long)]
    uuid: String,
}

/// Flags of `verification expire`.
#[derive(Debug, Args)]
pub(crate) struct Expire {
    #[command(flatten)]
    database: DatabaseSettings,
    /// The authority that issued the code; with --all, the only one whose codes end.
    #[arg(long, required_unless_present = "all")]
    authority: Option<String>,
    /// The name that it was issued under.
    #[arg(long, required_unless_present = "all", conflicts_with = "all")]
    uuid: Option<String>,
    /// End every code that nobody has claimed, of every authority unless --authority names one. For a database that was restored from a copy: codes
    /// that were claimed after the copy could be claimed again. Do it before the service is started, since codes that are issued meanwhile
    /// may be among them. Tokens that codes became stay good.
    #[arg(long)]
    all: bool,
}

/// Issues one code, or one for each row of a file.
pub(crate) async fn issue(flags: Issue, json: bool) -> anyhow::Result<()> {
    let budgets = Budgets { shared: flags.budgets, ..Budgets::default() };
    let state = open_service(&flags.settings).await?.with_budgets(budgets);
    if let Some(input) = flags.csv {
        let lists = Lists { input, output: flags.output, json };
        return issue_many::run(&state, &flags.authority, &lists).await;
    }
    let request = IssueRequest {
        test_type: flags.test_type.unwrap_or_default(),
        symptom_date: flags.symptom_date,
        test_date: flags.test_date,
        tz_offset: flags.tz_offset,
        uuid: flags.uuid,
        external_issuer_id: flags.external_issuer_id,
        phone: flags.phone,
        sms_template_label: flags.sms_template_label,
        only_generate_sms: flags.only_generate_sms,
        ..IssueRequest::default()
    };
    let issued = desk::issue(&state, &flags.authority, request).await.context("no code was issued")?;
    say(json, to_json(&issued), &to_text(&issued))
}

/// Says what has become of a code.
pub(crate) async fn status(flags: Look, json: bool) -> anyhow::Result<()> {
    let status = desk::status(&open(&flags.database).await?, &flags.authority, &flags.uuid).await?;
    let text = if status.claimed { "Claimed.".to_owned() } else { format!("Not claimed. {}", expiries(&status)) };
    say(json, status_json(&flags.uuid, &status), &text)
}

/// Ends a code's life, or that of all that nobody has claimed.
pub(crate) async fn expire(flags: Expire, json: bool) -> anyhow::Result<()> {
    let registry = open(&flags.database).await?;
    let (Some(authority), Some(uuid)) = (&flags.authority, &flags.uuid) else {
        let expired = desk::expire_unclaimed(&registry, flags.authority.as_deref()).await;
        let expired = expired.context("not all codes were expired; the same command goes on")?;
        return say(
            json,
            json!({ "expired": expired }),
            &format!("Nobody can claim them any more: {}.", codes(expired)),
        );
    };
    let status = desk::expire(&registry, authority, uuid).await.context("the code was not expired")?;
    let text = format!("Nobody can claim it any more. {}", expiries(&status));
    say(json, status_json(uuid, &status), &text)
}

fn codes(count: u64) -> String {
    format!("{count} {}", if count == 1 { "code" } else { "codes" })
}

/// What the API says, and the long code.
pub(super) fn to_json(issued: &IssuedCode) -> Value {
    json!({
        "uuid": issued.uuid,
        "code": issued.code,
        "expires_at": issued.expires_at.unix(),
        "long_code": issued.long_code,
        "long_expires_at": issued.long_expires_at.unix(),
        "sms_status": issued.sms_status,
        "generated_sms": issued.generated_sms,
    })
}

fn to_text(issued: &IssuedCode) -> String {
    let short = format!("{}  until {}", in_groups(&issued.code), moment(issued.expires_at));
    let long = issued.long_code.as_ref().map(|long| format!("\n{long}  until {}", moment(issued.long_expires_at)));
    let message = match (issued.sms_status, &issued.generated_sms) {
        (Some("unknown"), _) => {
            "\nNobody knows whether the text message was sent. The same command with this --uuid sends it again."
                .to_owned()
        }
        (Some(_), _) => "\nThe text message was sent.".to_owned(),
        (None, Some(text)) => format!("\n\n{text}\n"),
        (None, None) => String::new(),
    };
    format!("{short}{}\nuuid {}{message}", long.unwrap_or_default(), issued.uuid)
}

/// Groups of four, as people read codes aloud; hyphens do not count when a code is typed.
fn in_groups(code: &str) -> String {
    let groups: Vec<String> = code.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into()).collect();
    groups.join("-")
}

fn expiries(status: &CodeStatus) -> String {
    let (short, long) = (moment(status.expires_at), moment(status.long_expires_at));
    format!("The short code ends {short}, the long one {long}.")
}

fn status_json(uuid: &str, status: &CodeStatus) -> Value {
    json!({
        "uuid": uuid,
        "claimed": status.claimed,
        "expires_at": status.expires_at.unix(),
        "long_expires_at": status.long_expires_at.unix(),
    })
}
