//! Where objects go. The only part of Pratique that talks to object storage.

mod contract;
mod headers;
mod path;

mod directory;
mod directory_files;
mod directory_root;
mod memory;
mod patient;

#[cfg(feature = "s3")]
mod s3;
#[cfg(feature = "s3")]
mod s3_clock;
#[cfg(feature = "s3")]
mod s3_connect;
#[cfg(feature = "s3")]
mod s3_failure;
mod s3_place;

pub use contract::{Bucket, Object, Put, Replaced, Version};
pub use directory::DirectoryBucket;
pub use headers::Headers;
pub use memory::MemoryBucket;
pub use path::ObjectPath;
pub(crate) use patient::PatientBucket;
#[cfg(feature = "s3")]
pub use s3::S3Bucket;
#[cfg(feature = "s3")]
pub use s3_connect::Patience;
pub use s3_place::S3Place;
