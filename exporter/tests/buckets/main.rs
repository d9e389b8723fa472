//! What every bucket promises, kept by a directory and by an object store (moto, over HTTP), and what an object store adds: conditions, headers, a
//! network that fails.

mod between;
mod conditions;
mod network;
mod program;
mod promises;
mod s3;
