//! What every bucket promises, kept by a directory and by an object store (moto, over HTTP), and what an object store adds: conditions, headers, a
//! network that fails.

#[path = "../../benches/cdn/drive.rs"]
mod drive;
#[path = "../../../proto/benches/generator.rs"]
mod generator;
#[path = "../../../tests/src/nginx.rs"]
#[expect(unreachable_pub, reason = "it is part of a library, too")]
mod nginx;
#[path = "../../benches/cdn/published.rs"]
mod published;
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
mod throughput;
mod web_cache;
mod web_server;
