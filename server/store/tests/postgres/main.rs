//! What only PostgreSQL can show: migrations that race, roles that may do little, transactions that meet, what a dump tells.

mod clocks;
mod database;

mod migrations;
mod races;
mod replica;
mod roles;
mod rows;
mod tls;
mod withdrawals;
