//! What every bucket promises, kept by a directory and by an object store (moto, over HTTP), and what an object store adds: conditions, headers, a
//! network that fails.

mod between;
#[path = "../../../tests/src/nginx.rs"]
#[expect(dead_code, unreachable_pub, reason = "the tests of everything need more of it")]
mod nginx;
mod s3;
mod scene;
#[path = "../pass/world.rs"]
#[expect(dead_code, reason = "the other tests need more of a world")]
mod world;

mod conditions;
mod crashes;
mod network;
mod outages;
mod program;
mod promises;
mod replicas;
mod web_cache;
mod web_server;
