//! Connections that are watched: how long the head of a request may take, how much of it is read ahead, how long an answer may lie unread.
//!
//! The web framework times the first head of a connection and the pause after an answer, and nothing else: whoever begins a second head, or does not
//! read what is answered, could stay for ever, and it reads up to 128 KiB ahead of the request that it works on. So its connections are wrapped.
//! What one takes of our memory: 16 KiB for its two buffers while nothing is read, 4 KiB more of a head, and what the limits allow for a body.

mod line;
mod watch;

pub(crate) use line::Line;
pub(crate) use watch::{Watch, watched};
