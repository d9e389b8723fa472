//! Several servers on one PostgreSQL: what the operator says is in force on all of them.

use std::process::{Child, Stdio};

use cluster::Database;
use proto::ReportType::Confirmed;
use store::Clock;

use crate::authority::NORTH;
use crate::phone;
use crate::program::{ADD, Desk, serve, signal};
use crate::wire::{exchange, request};

/// Two running servers, and the operator's desk.
struct Instances {
    desk: Desk,
    running: [(Child, String); 2],
    /// Dropped last.
    _database: Database,
}

impl Instances {
    async fn start() -> Self {
        let database = Database::empty().await.expect("a database");
        let desk = Desk::on(database.url());
        desk.json("migrate --json");
        desk.json(&format!("{ADD} --json"));
        let running = [(); 2].map(|()| serve(&desk, Stdio::null()));
        Self { desk, running, _database: database }
    }

    /// What each of them says to a good upload of keys that nobody has sent before.
    fn publish(&self, person: u8) -> [(u16, String); 2] {
        let now = Clock::system().now();
        let mut number = person;
        self.running.each_ref().map(|(_, address)| {
            number += 1;
            let keys = phone::keys(now, number, 3);
            let certificate = NORTH.certify(phone::commit(&keys), Confirmed, now);
            let body = serde_json::to_vec(&phone::upload(keys, &NORTH, certificate)).expect("JSON");
            let sent = request("POST", "/v1/publish", Some("application/json"), &body);
            let reply = exchange(address.parse().expect("an address"), &sent);
            (reply.status, reply.code())
        })
    }
}

impl Drop for Instances {
    fn drop(&mut self) {
        for (child, _) in &mut self.running {
            signal(child, "-TERM");
            let _ = child.wait();
        }
    }
}

/// Whoever denies or disables must not have to wait: the very next upload is refused, through whichever server. A minute would be allowed.
#[actix_web::test]
async fn what_the_operator_says_is_in_force_on_all_servers_with_the_next_upload() {
    let instances = Instances::start().await;
    let good = || [(200, String::new()), (200, String::new())];
    let refused = |code: &str| [(401, code.to_owned()), (401, code.to_owned())];
    assert_eq!(instances.publish(10), good());
    instances.desk.json("authority disable --id north --json");
    assert_eq!(instances.publish(20), refused("unknown_health_authority_id"));
    instances.desk.json("authority enable --id north --json");
    assert_eq!(instances.publish(30), good());
    let kid = NORTH.public_key().kid();
    instances.desk.json(&format!("deny-key --authority north --kid {kid} --json"));
    assert_eq!(instances.publish(40), refused("health_authority_verification_certificate_invalid"));
    instances.desk.json(&format!("{ADD} --json"));
    assert_eq!(instances.publish(50), refused("health_authority_verification_certificate_invalid"));
}
