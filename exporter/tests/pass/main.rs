//! What a pass of the exporter promises, on a real database and real directories.

mod program;
mod world;

mod adopting;
mod amending;
mod auditing;
mod clocks;
mod coepi;
mod commands;
mod gateways;
mod inspection;
mod keys;
mod life;
mod postgres;
mod publishing;
mod read_replica;
mod readiness;
mod rederiving;
mod replicas;
mod restoring;
mod rotation;
mod safety;
mod scheduling;
mod signers;
mod status;
mod stopping;
