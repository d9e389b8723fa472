//! What the tests share: the simulated people and machines of a journey, and the fuzz targets.
//!
//! Nothing here is a mock of our own code: authorities, phones and outside readers are simulated, everything between them is real.

pub mod fixtures;

pub mod fuzz;
