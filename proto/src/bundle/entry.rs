//! What a bundle is made of: one published key or report, and the order in which they stand.

use std::io;

use crate::feed::Kind;
use crate::gaen::TemporaryExposureKey;
use crate::report_type::ReportType;
use crate::tcn::SignedReport;

/// An entry of a bundle of one kind.
pub trait Entry: Sized {
    /// Which kind of bundle it stands in.
    const KIND: Kind;

    /// The metadata class: bundles are ordered by class and then by [`order_bytes`](Self::order_bytes), which depends on content
    /// alone and so tells nothing about who uploaded what.
    fn class(&self) -> i64;

    /// The bytes that order entries of one class.
    fn order_bytes(&self) -> &[u8];

    /// Appends the entry as a field of `export.bin`: an ordinary one (field 7), or a revised one (field 8).
    ///
    /// # Errors
    /// Those of `out`.
    fn encode(&self, revised: bool, out: &mut Vec<u8>) -> io::Result<()>;
}

/// A key as published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GaenEntry {
    /// The key.
    pub key: TemporaryExposureKey,
    /// `transmission_risk_level`, 0 to 8.
    pub transmission_risk: u8,
    /// `report_type`. Ours always have one; bundles of others may leave it out, or hold one that we do not publish (UNKNOWN, RECURSIVE).
    pub report_type: Option<ReportType>,
    /// `days_since_onset_of_symptoms`, -14 to 14; bundles of others may leave it out.
    pub days_since_onset: Option<i8>,
}

/// Whose word stands behind a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum TcnClass {
    /// Certified by a health authority.
    Verified = 1,
    /// The person's own word.
    SelfReported = 2,
}

/// A report as published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcnEntry {
    /// The report.
    pub report: SignedReport,
    /// What the authority says.
    pub report_type: ReportType,
    /// Whose word it is.
    pub class: TcnClass,
}

impl Entry for GaenEntry {
    const KIND: Kind = Kind::Gaen;

    fn class(&self) -> i64 {
        todo!()
    }

    fn order_bytes(&self) -> &[u8] {
        self.key.data()
    }

    fn encode(&self, _revised: bool, _out: &mut Vec<u8>) -> io::Result<()> {
        todo!()
    }
}

impl Entry for TcnEntry {
    const KIND: Kind = Kind::Tcn;

    fn class(&self) -> i64 {
        todo!()
    }

    fn order_bytes(&self) -> &[u8] {
        self.report.as_bytes()
    }

    fn encode(&self, _revised: bool, _out: &mut Vec<u8>) -> io::Result<()> {
        todo!()
    }
}
