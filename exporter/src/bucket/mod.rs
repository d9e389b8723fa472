//! Where objects go. The only part of Pratique that talks to object storage.

mod contract;
mod directory;
mod memory;
mod path;

pub use contract::{Bucket, Object, Put, Replaced, Version};
pub use directory::DirectoryBucket;
pub use memory::MemoryBucket;
pub use path::ObjectPath;
