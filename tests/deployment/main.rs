//! What stands under `deploy/` is right: each file is read by the program that it is for, and each command in the runbook does what it says.

mod page;
mod script;
mod stand;

mod apps;
mod edge;
mod grafana;
mod metrics_page;
mod prometheus;
mod runbook;
mod systemd;
mod units;

mod programs;
mod tools;

mod refusals;
mod samples;
mod scripts;
mod standby;

mod docker;

mod compose;
mod database_log;
mod kubernetes;
mod kubernetes_page;
mod reachability;
mod roles;
