//! A whole deployment for tests: PostgreSQL with a standby, an object store, nginx, the services and exporters, each a process of its own that can be
//! stopped, killed and started again.
//!
//! Nothing of it is a stand-in for what operators run, but for the object store (moto, behind somebody who can disturb it) and for the clock of
//! exporters: keys are released at the quarter of an hour after they came, and nobody wants to wait for that. So an exporter's clock may be ahead by that much
//! ([`Options::exporters`]). The programs are those that were built beside the test; `cargo build --workspace --bins` makes them.

mod guardian;
mod host;
mod http;
mod programs;

mod process;

mod disk;

mod between;
mod object_store;

mod options;

mod databases;

mod access;
mod authority;
mod cdn;
mod plans;

mod stack;

mod statements;

mod course;
mod watch;

mod trial;

pub use access::{Access, ApiKeys};
pub use between::{Between, Fate};
pub use course::{Course, DESCRIPTORS, GROWTH, Line, PART_OF_POSTGRES, POOLS, SCATTER};
pub use databases::Servers;
pub use disk::{Means, SmallDisk};
pub use http::{Answer, ask, get};
pub use object_store::{ObjectStore, REGION, SIGNATURE};
pub use options::{AHEAD, Bucket, Engine, Options};
pub use process::{Figures, Process};
pub use stack::Stack;
pub use statements::{Asked, Statement, forget_statements, statements};
pub use trial::{Outcome, Trial};
pub use watch::Watch;
