//! What the tables of keys and those of reports differ in, for statements that are written once for both.

/// The names in one kind's tables.
pub(crate) struct EntryTables {
    /// How the names of the tables begin.
    kind: &'static str,
    /// The table of what is known of sealed entries.
    known: &'static str,
    /// The column of identities.
    id: &'static str,
    /// The columns that are published, in the order of the waiting table.
    columns: &'static str,
    /// The first moment at which the rule of release lets an entry go, by these columns.
    earliest: &'static str,
    /// Whether nobody could upload a known entry again, its validity having ended at the moment in place of `{old}`.
    outlived: &'static str,
    /// What a fresh entry says that was taken back.
    disproved: &'static str,
}

/// Those of keys.
pub(crate) const KEYS: EntryTables = EntryTables {
    kind: "gaen",
    known: "gaen_key",
    id: "key",
    columns: "rolling_start, rolling_period, transmission_risk, report_type, days_since_onset",
    earliest: "((rolling_start + rolling_period) * 600 + 7200 + 899) / 900 * 900",
    outlived: "(rolling_start + rolling_period) * 600 <= {old}",
    disproved: "raw_report_type = 5",
};

/// Those of reports. A report bears no date.
pub(crate) const REPORTS: EntryTables = EntryTables {
    kind: "tcn",
    known: "tcn_report",
    id: "rvk",
    columns: "signed_report, report_type, report_class",
    earliest: "0",
    outlived: "{old} IS NOT NULL",
    disproved: "raw_report_type = 5",
};

impl EntryTables {
    /// A statement over these tables: `{kind}`, `{known}`, `{id}`, `{columns}`, `{earliest}`, `{outlived}` and `{disproved}` are replaced.
    pub(crate) fn statement(&self, template: &str) -> String {
        let parts = [
            ("{kind}", self.kind),
            ("{known}", self.known),
            ("{id}", self.id),
            ("{columns}", self.columns),
            ("{earliest}", self.earliest),
            ("{outlived}", self.outlived),
            ("{disproved}", self.disproved),
        ];
        parts.into_iter().fold(template.to_owned(), |sql, (name, part)| sql.replace(name, part))
    }
}
