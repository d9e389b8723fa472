//! The program `server` among callers who hold its connections: real phones are served, and its memory stays within bounds.

#[path = "../service/authority.rs"]
#[allow(dead_code, reason = "shared with the tests of the service, which need more of it")]
mod authority;
#[path = "../service/phone.rs"]
#[allow(dead_code, reason = "shared with the tests of the service, which need more of it")]
mod phone;

mod callers;
mod program;

mod crowd;
mod patience;
