//! Oblivious HTTP (RFC 9458): a request that is sealed to a gateway, so that a relay may carry it without reading it, and the gateway
//! answers it without knowing from where it came.
//!
//! What is sealed is one message of Binary HTTP (RFC 9292). The suite is HPKE (RFC 9180) with X25519, HKDF-SHA256, and AES-128-GCM or
//! ChaCha20-Poly1305. An envelope says nothing of when it was made: a relay may send it again. Whoever serves behind a gateway must answer
//! a repeat as it answered the first time, which every route for phones does.

mod suite;

mod key_config;
mod private_key;

mod request;
mod response;

mod message;

pub use key_config::{KEYS_MEDIA_TYPE, KeyConfig, decode_keys, encode_keys};
pub use message::{InnerReply, InnerRequest};
pub use private_key::PrivateKey;
pub use request::{Opened, REQUEST_MEDIA_TYPE, Unopened, open_request, seal_request};
pub use response::{RESPONSE_MEDIA_TYPE, ReplyOpener, ReplySealer};
pub use suite::Cipher;
