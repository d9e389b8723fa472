//! Which tables belong to which kind of feed.

use proto::Kind;

use super::tables::Tables;
use super::{gaen, tcn};

/// The statements of a kind.
pub(super) fn tables(kind: Kind) -> &'static Tables {
    match kind {
        Kind::Gaen => &gaen::TABLES,
        Kind::Tcn => &tcn::TABLES,
    }
}
