//! `verification authority`: register, change, list, disable.

use anyhow::Context;
use clap::ArgAction::Set;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use store::{Issuer, RegisteredIssuer, Spelling};
use verification::DatabaseSettings;
use verification::admin::{self, AuthorityChange, AuthoritySpec, CodeSpec};

use super::session::{no_authority, open, say};
use super::table::{moment, moment_or_dash, table};

/// What to do with authorities.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthorityCommand {
    /// Register an authority. The same again changes nothing.
    Create(CreateAuthority),
    /// Change what the flags name about an authority. Codes that are out keep their form and their life.
    Update(UpdateAuthority),
    /// List the authorities.
    List {
        #[command(flatten)]
        database: DatabaseSettings,
    },
    /// Refuse everything to an authority, its staff and its app, from now on (403 authority_disabled). Nothing of it is deleted; its keys
    /// stay published, so that certificates that were signed are believed to their end.
    Disable(NameAuthority),
    /// Let an authority take part again.
    Enable(NameAuthority),
}

/// Flags of `verification authority disable` and `enable`.
#[derive(Debug, Args)]
pub(crate) struct NameAuthority {
    #[command(flatten)]
    database: DatabaseSettings,
    /// Which authority.
    #[arg(long)]
    id: String,
}

/// Flags of `verification authority create`.
#[derive(Debug, Args)]
pub(crate) struct CreateAuthority {
    #[command(flatten)]
    database: DatabaseSettings,
    /// Its id, which phones send as healthAuthorityID: 1 to 64 characters of a to z, 0 to 9, '.', '_' and '-'.
    #[arg(long)]
    id: String,
    /// `iss` of its certificates, if that is not its id.
    #[arg(long)]
    issuer: Option<String>,
    /// `aud` of its certificates; the key server expects the same.
    #[arg(long, default_value = admin::DEFAULT_AUDIENCE)]
    audience: String,
    /// Issue no code without the date of onset or test.
    #[arg(long)]
    require_date: bool,
    /// Whether phones may ask for codes themselves, by text message to their own number, for what their owners say of themselves (testType
    /// user-report). Not unless it is said.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = Set)]
    user_reports: bool,
    /// How many codes it may issue in a UTC day, or none for as many as it likes; as many self-reports again.
    #[arg(long, value_name = "CODES", default_value = "none")]
    daily_quota: Quota,
    #[command(flatten)]
    codes: CodeFlags,
}

/// Flags of `verification authority update`.
#[derive(Debug, Args)]
pub(crate) struct UpdateAuthority {
    #[command(flatten)]
    database: DatabaseSettings,
    /// Which authority.
    #[arg(long)]
    id: String,
    /// `iss` of its certificates; tell the key server, too.
    #[arg(long)]
    issuer: Option<String>,
    /// `aud` of its certificates; the key server expects the same.
    #[arg(long)]
    audience: Option<String>,
    /// Whether to issue no code without the date of onset or test.
    #[arg(long, value_name = "BOOL")]
    require_date: Option<bool>,
    /// Whether phones may ask for codes themselves, by text message to their own number, for what their owners say of themselves (testType
    /// user-report).
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    user_reports: Option<bool>,
    /// How many codes it may issue in a UTC day, or none for as many as it likes; as many self-reports again. A number that is lower than
    /// what was issued today refuses until midnight UTC.
    #[arg(long, value_name = "CODES")]
    daily_quota: Option<Quota>,
    #[command(flatten)]
    codes: CodeFlags,
}

/// A number of codes, or `none`.
#[derive(Debug, Clone, Copy)]
struct Quota(Option<u32>);

impl std::str::FromStr for Quota {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self(None)),
            text => text.parse().map(|codes| Self(Some(codes))).map_err(|_| "must be a number of codes, or none"),
        }
    }
}

/// How the authority wants its codes.
#[derive(Debug, Args)]
struct CodeFlags {
    /// What short codes are written with: digits, as apps in the field expect (8 of them, for 15 minutes), or crockford (10 letters and
    /// digits that are not taken for one another, and a check character, for 24 hours). Eight digits by custom.
    #[arg(long, value_name = "FORM")]
    code_form: Option<Spelling>,
    /// How many characters a short code has: 8 to 12 digits; 10 to 16 crockford characters, the check character not counted.
    #[arg(long, value_name = "CHARACTERS")]
    code_length: Option<u8>,
    /// How long a short code can be claimed, in minutes: 5 to 60 of digits, 5 to 1440 of crockford characters.
    #[arg(long, value_name = "MINUTES")]
    code_minutes: Option<u32>,
    /// How long the long code of a link can be claimed, in hours: 1 to 24, no shorter than short codes; 24 by custom.
    #[arg(long, value_name = "HOURS")]
    long_code_hours: Option<u32>,
}

impl From<CodeFlags> for CodeSpec {
    fn from(flags: CodeFlags) -> Self {
        let CodeFlags { code_form, code_length, code_minutes, long_code_hours } = flags;
        Self { form: code_form, length: code_length, minutes: code_minutes, long_hours: long_code_hours }
    }
}

/// Runs one of them.
pub(crate) async fn run(command: AuthorityCommand, json: bool) -> anyhow::Result<()> {
    match command {
        AuthorityCommand::Create(flags) => create(flags, json).await,
        AuthorityCommand::Update(flags) => update(flags, json).await,
        AuthorityCommand::List { database } => list(&database, json).await,
        AuthorityCommand::Disable(flags) => disable(flags, json).await,
        AuthorityCommand::Enable(flags) => enable(flags, json).await,
    }
}

async fn create(flags: CreateAuthority, json: bool) -> anyhow::Result<()> {
    let CreateAuthority { database, id, issuer, audience, require_date, user_reports, daily_quota, codes } = flags;
    let spec = AuthoritySpec {
        id,
        issuer,
        audience: Some(audience),
        date_required: require_date,
        codes: codes.into(),
        user_reports,
        daily_quota: daily_quota.0,
    };
    let created = admin::create_authority(&open(&database).await?, spec).await;
    let authority =
        created.context("the authority was not created; verification authority update changes one that exists")?;
    let next = format!("Next: verification keys generate --authority {}", authority.id);
    say(json, to_json(&authority), &format!("{}\n{next}", to_text(&authority)))
}

async fn update(flags: UpdateAuthority, json: bool) -> anyhow::Result<()> {
    let UpdateAuthority { database, id, issuer, audience, require_date, user_reports, daily_quota, codes } = flags;
    let (codes, daily_quota) = (codes.into(), daily_quota.map(|quota| quota.0));
    let change = AuthorityChange { issuer, audience, date_required: require_date, codes, user_reports, daily_quota };
    let updated = admin::update_authority(&open(&database).await?, &id, change).await;
    let authority = updated.with_context(|| no_authority(&id))?;
    say(json, to_json(&authority), &to_text(&authority))
}

async fn list(database: &DatabaseSettings, json: bool) -> anyhow::Result<()> {
    let authorities = admin::authorities(&open(database).await?).await?;
    let text = if authorities.is_empty() {
        "There is no authority yet; see verification authority create --help.".to_owned()
    } else {
        let rows: Vec<_> = authorities.iter().map(row).collect();
        table(
            ["ID", "ISSUER", "AUDIENCE", "DATE", "CODES", "LINKS", "SELF-REPORTS", "QUOTA", "CREATED", "DISABLED"],
            &rows,
        )
    };
    let values = authorities.iter().map(|registered| {
        let mut value = to_json(&registered.issuer);
        value["created_at"] = json!(moment(registered.created_at));
        value["disabled_at"] = json!(registered.disabled_at.map(moment));
        value
    });
    say(json, values.collect(), &text)
}

async fn disable(flags: NameAuthority, json: bool) -> anyhow::Result<()> {
    let NameAuthority { database, id } = flags;
    admin::disable_authority(&open(&database).await?, &id).await.with_context(|| no_authority(&id))?;
    let text = format!(
        "Authority {id} is refused from now on. To let it take part again: verification authority enable --id {id}"
    );
    say(json, json!({ "id": id, "disabled": true }), &text)
}

async fn enable(flags: NameAuthority, json: bool) -> anyhow::Result<()> {
    let NameAuthority { database, id } = flags;
    admin::enable_authority(&open(&database).await?, &id).await.with_context(|| no_authority(&id))?;
    say(json, json!({ "id": id, "disabled": false }), &format!("Authority {id} takes part."))
}

/// A line of the list.
fn row(registered: &RegisteredIssuer) -> [String; 10] {
    let Issuer { id, issuer, audience, date_required, codes, user_reports, daily_quota } = &registered.issuer;
    let date = if *date_required { "required" } else { "optional" };
    [
        id.clone(),
        issuer.clone(),
        audience.clone(),
        date.to_owned(),
        format!("{} {}, {} min", codes.length, codes.spelling, codes.life / 60),
        format!("{} h", codes.long_life / 3_600),
        if *user_reports { "taken" } else { "refused" }.to_owned(),
        daily_quota.map_or_else(|| "-".to_owned(), |codes| format!("{codes} a day")),
        moment(registered.created_at),
        moment_or_dash(registered.disabled_at),
    ]
}

fn to_json(authority: &Issuer) -> Value {
    json!({
        "id": authority.id,
        "issuer": authority.issuer,
        "audience": authority.audience,
        "date_required": authority.date_required,
        "code_form": authority.codes.spelling.as_str(),
        "code_length": authority.codes.length,
        "code_minutes": authority.codes.life / 60,
        "long_code_hours": authority.codes.long_life / 3_600,
        "user_reports": authority.user_reports,
        "daily_quota": authority.daily_quota,
    })
}

fn to_text(authority: &Issuer) -> String {
    let Issuer { id, issuer, audience, date_required, codes, user_reports, daily_quota } = authority;
    let date = if *date_required { ", wants a date" } else { "" };
    let written = match codes.spelling {
        Spelling::Digits => "digits",
        Spelling::Crockford => "Crockford characters and a check character",
    };
    let (length, minutes, hours) = (codes.length, codes.life / 60, codes.long_life / 3_600);
    let codes = format!("codes of {length} {written} for {minutes} min, of links for {hours} h");
    let reports = if *user_reports { ", takes self-reports" } else { "" };
    let quota = daily_quota.map(|codes| format!(", {codes} a day at most")).unwrap_or_default();
    format!("{id}  issuer {issuer}, audience {audience}{date}, {codes}{quota}{reports}")
}
