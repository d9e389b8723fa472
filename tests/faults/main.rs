//! Faults: programs that are killed, disks that fill, networks that break. What was acknowledged survives all of it.

mod scene;

mod adoption;
mod crash;
mod killed_service;
mod recall;
mod switching;
