//! Results as JSON, to a file and back.

use crate::results::{FORMAT, Results};

/// Why a file holds no results.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableResults {
    /// It is not JSON of the documented shape.
    #[error("these are no results of a run: {0}")]
    Shape(#[from] serde_json::Error),
    /// It is of another version.
    #[error("the format is {0:?}, and this program reads {FORMAT}; use the program that wrote it")]
    Format(String),
    /// Its lists along the time do not belong together.
    #[error("series: each list of {0} must have one value for each point")]
    Series(String),
}

/// The results as JSON, with a newline at the end. One line: the lists along the time would fill tens of thousands of them.
pub fn to_json(results: &Results) -> String {
    // Numbers that are no numbers become null, and the keys of maps are texts: nothing here can fail.
    let mut text = serde_json::to_string(results).unwrap_or_default();
    text.push('\n');
    text
}

/// Reads results that [`to_json`] wrote.
///
/// # Errors
///
/// [`UnreadableResults`] if it is something else.
pub fn from_json(text: &str) -> Result<Results, UnreadableResults> {
    let results: Results = serde_json::from_str(text)?;
    if results.format != FORMAT {
        return Err(UnreadableResults::Format(results.format));
    }
    match results.series.uneven() {
        Some(name) => Err(UnreadableResults::Series(name.to_owned())),
        None => Ok(results),
    }
}
