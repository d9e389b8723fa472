//! What the tests share: the simulated people and machines of a journey, and the fuzz targets.
//!
//! Nothing here is a mock of our own code: authorities, phones, the network and outside readers are simulated, everything between them is
//! real, on real files and real loopback ports.

pub mod nginx;
pub mod service;
pub mod wire;

pub mod network;

pub mod bucket;
pub mod outside_reader;
pub mod restless;
pub mod stepping;
pub mod texting;

pub mod authority;
pub mod phone;

pub mod engine;
pub mod system;

pub mod crowd;
pub mod search;

pub mod fixtures;

pub mod fuzz;
