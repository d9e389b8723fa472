//! The gateway of Oblivious HTTP (RFC 9458): `GET /ohttp-keys` and `POST /ohttp`.
//!
//! A relay carries a sealed request without reading it; the gateway opens it, has the same application answer it as if the phone had sent
//! it directly, and seals the answer. Whoever looks on, be it the relay or the machine that ends TLS before us, sees requests and replies
//! of one size and neither code, key nor path. We see the relay's address and not the phone's.
//!
//! A relay may send an envelope twice: each route for phones answers a repeat as it answered the first time, and nothing is stored twice. What
//! counts attempts counts each: wrong codes, reports by the hour.

mod key_ring;
mod stored_keys;

mod command;

mod gateway;
mod refusal;

mod door;
mod keys;

pub use command::{KeyCommand, KeyFile, Program, say_keys};
pub use door::door;
pub use gateway::{Gateway, HasGateway, Outside, SEALED_REPLY_BYTES};
pub use keys::keys;
pub use stored_keys::{KeyNote, Rotation, create, export, list, rotate};
