//! What chaff writes: rows that mean nothing, in a table of their own, so that a request that carries nothing costs what a real one costs.

use async_trait::async_trait;

use crate::error::StoreError;

/// How many blocks the ring has.
pub const CHAFF_BLOCKS: u32 = 256;
/// How many rows a block has room for: an upload of 56 reports writes two rows for each.
pub const CHAFF_BLOCK_ROWS: u32 = 128;
/// The length of a row, in bytes: about that of a key with what is said of it.
pub const CHAFF_ROW: usize = 128;

/// What one chaff request writes.
#[derive(Debug, Clone)]
pub struct Scratch {
    /// Which block of the ring it writes over, modulo [`CHAFF_BLOCKS`]. Whoever counts on from block to block waits for nobody.
    pub block: u32,
    /// Random bytes; at most [`CHAFF_BLOCK_ROWS`] rows, what is more is left out.
    pub rows: Vec<[u8; CHAFF_ROW]>,
}

/// Writes what means nothing.
#[async_trait]
pub trait Chaff: Send + Sync {
    /// Writes the rows over those that stood in the block, in one transaction. The table never has more than [`CHAFF_BLOCKS`] times
    /// [`CHAFF_BLOCK_ROWS`] rows, 4 MiB.
    async fn scribble(&self, scratch: &Scratch) -> Result<(), StoreError>;
}

impl Scratch {
    /// The rows with their places in the ring, in the order of these: of two that write over one block, one waits for the other and never do both.
    pub(crate) fn placed(&self) -> impl Iterator<Item = (i32, &[u8])> {
        let first = self.block % CHAFF_BLOCKS * CHAFF_BLOCK_ROWS;
        let places = (first..first + CHAFF_BLOCK_ROWS).map(|place| i32::try_from(place).unwrap_or(0));
        places.zip(self.rows.iter().map(<[u8; CHAFF_ROW]>::as_slice))
    }
}
