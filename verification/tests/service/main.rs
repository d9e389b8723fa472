//! The service as the outside sees it: over real HTTP, on its disk, and as a program.

mod http;
mod link;
mod service;

mod administering;
mod desk;
mod draining;
mod dying;
mod guessing;
mod program;
mod provider;
mod racing;
mod restarting;
mod rotating;
mod self_reporting;
mod streaming;
mod texting;
mod traces;
