//! `verification issue --csv`: a list of people in, a list of codes out, in the same order.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use verification::desk::{self, IssueRequest, IssuedCode};
use verification::{State, VerificationError};

use super::codes;

/// The columns that a list of people may have.
const COLUMNS: [&str; 9] = [
    "testType",
    "symptomDate",
    "testDate",
    "tzOffset",
    "uuid",
    "externalIssuerID",
    "phone",
    "smsTemplateLabel",
    "onlyGenerateSMS",
];
/// Those that a list of codes has; a row has either a code or an error.
const RESULTS: [&str; 9] = [
    "uuid",
    "code",
    "expires_at",
    "long_code",
    "long_expires_at",
    "sms_status",
    "generated_sms",
    "error_code",
    "error",
];

/// The code of a failure that is ours.
const INTERNAL: &str = "internal_error";

/// Where from and where to.
pub(super) struct Lists {
    /// The list of people.
    pub(super) input: PathBuf,
    /// The list of codes; stdout if none.
    pub(super) output: Option<PathBuf>,
    /// One JSON object a line instead of CSV.
    pub(super) json: bool,
}

/// Issues a code for each person, whatever becomes of the others. Fails at the end if any was refused.
pub(super) async fn run(state: &State, authority: &str, lists: &Lists) -> anyhow::Result<()> {
    let requests = read(&lists.input)?;
    let mut out = Results::create(lists)?;
    let (bar, mut refused) = (progress(requests.len()), 0);
    for request in &requests {
        let uuid = &request.uuid;
        match desk::issue(state, authority, request.clone()).await {
            Ok(issued) => out.issued(&issued)?,
            Err(VerificationError::Refused { code, text }) if code != INTERNAL => {
                refused += 1;
                out.refused(uuid, code, &text)?;
            }
            // The next one would fare no better.
            Err(error) => return Err(error).context("stopped; what was issued so far is written"),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    eprintln!("Codes issued: {}. Rows refused: {refused}.", requests.len() - refused);
    if refused > 0 { bail!("not every row has a code; error_code says why") } else { Ok(()) }
}

/// Reads all of it first, so that a list that cannot be read to its end issues nothing.
fn read(path: &Path) -> anyhow::Result<Vec<IssueRequest>> {
    let unreadable = || format!("cannot read {}", path.display());
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).with_context(unreadable)?;
    let columns = reader.headers().with_context(unreadable)?;
    if columns.iter().any(|column| !COLUMNS.contains(&column)) || !columns.iter().any(|column| column == COLUMNS[0]) {
        bail!("the first row of {} must name testType and may name {}", path.display(), COLUMNS[1..].join(", "));
    }
    let requests: Result<Vec<_>, _> = reader.deserialize().collect();
    requests.with_context(|| format!("{} was not read to its end, so no code was issued", path.display()))
}

/// Draws on stderr, and only if that is a terminal.
fn progress(rows: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos} of {len} codes, {eta} to go");
    ProgressBar::new(rows as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The list of codes, written row by row, so that a run that is cut short leaves what it has issued.
enum Results {
    Csv(Box<csv::Writer<Box<dyn Write>>>),
    Json(Box<dyn Write>),
}

impl Results {
    fn create(lists: &Lists) -> anyhow::Result<Self> {
        let out: Box<dyn Write> = match &lists.output {
            None => Box::new(io::stdout()),
            Some(path) => Box::new(create(path).with_context(|| format!("cannot write {}", path.display()))?),
        };
        if lists.json {
            return Ok(Self::Json(out));
        }
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(RESULTS)?;
        Ok(Self::Csv(Box::new(writer)))
    }

    fn issued(&mut self, issued: &IssuedCode) -> anyhow::Result<()> {
        match self {
            Self::Json(out) => writeln!(out, "{}", codes::to_json(issued))?,
            Self::Csv(out) => {
                let (expires_at, long_expires_at) = (issued.expires_at.unix(), issued.long_expires_at.unix());
                let (expires_at, long_expires_at) = (expires_at.to_string(), long_expires_at.to_string());
                let long = issued.long_code.as_deref().unwrap_or_default();
                let (status, text) = (issued.sms_status.unwrap_or_default(), issued.generated_sms.as_deref());
                let (text, none) = (text.unwrap_or_default(), "");
                let code = [&issued.uuid, &issued.code, &expires_at, long, &long_expires_at];
                out.write_record(code.into_iter().chain([status, text, none, none]))?;
            }
        }
        self.flush()
    }

    fn refused(&mut self, uuid: &str, code: &str, text: &str) -> anyhow::Result<()> {
        match self {
            Self::Json(out) => writeln!(out, "{}", json!({ "uuid": uuid, "error_code": code, "error": text }))?,
            Self::Csv(out) => out.write_record([uuid, "", "", "", "", "", "", code, text])?,
        }
        self.flush()
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Csv(out) => out.flush()?,
            Self::Json(out) => out.flush()?,
        }
        Ok(())
    }
}

/// A new file for codes, which are secrets until they are claimed.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
