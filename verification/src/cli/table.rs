//! Tables and moments for people.

use proto::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Rows under a heading, in columns as wide as they need to be, with two spaces between them.
pub(crate) fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let heading = heading.map(str::to_owned);
    let lines = || std::iter::once(&heading).chain(rows);
    let widths: [usize; N] =
        std::array::from_fn(|column| lines().map(|line| line[column].chars().count()).max().unwrap_or_default());
    let render = |line: &[String; N]| {
        let cells = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines().map(render).collect::<Vec<_>>().join("\n")
}

/// A moment as RFC 3339, UTC.
pub(crate) fn moment(at: Timestamp) -> String {
    let time = OffsetDateTime::from_unix_timestamp(at.unix()).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| at.unix().to_string())
}

/// A moment that need not come, or a dash.
pub(crate) fn moment_or_dash(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["å", "b"], ["long", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(table(["A", "BB"], &rows), "A     BB\nå     b\nlong");
    }

    #[test]
    fn a_moment_is_read_by_people() {
        assert_eq!(moment(Timestamp::from_unix(1_800_000_000)), "2027-01-15T08:00:00Z");
        assert_eq!(moment_or_dash(None), "-");
    }
}
