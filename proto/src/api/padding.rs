//! Bodies of one size, so that a length tells nothing.

use serde::Serialize;

/// The size of every reply of a phone-facing route, in bytes.
pub const REPLY_BYTES: usize = 4_096;

/// A message with a `padding` field.
pub trait Padded: Serialize {
    /// The field that may hold anything.
    fn padding_mut(&mut self) -> &mut String;
}

/// Says of messages that their field `padding` is theirs.
macro_rules! padded {
    ($($message:ty),+) => {
        $(impl $crate::api::padding::Padded for $message {
            fn padding_mut(&mut self) -> &mut String {
                &mut self.padding
            }
        })+
    };
}
pub(super) use padded;

/// Serialises `message` to exactly `size` bytes by filling its padding, or to its own length if that is larger.
///
/// # Panics
/// Never: the shapes of this crate always serialise.
pub fn to_padded_json<M: Padded>(mut message: M, size: usize) -> Vec<u8> {
    message.padding_mut().clear();
    let bare = serde_json::to_vec(&message).expect("a struct of strings and numbers serialises");
    let missing = size.saturating_sub(bare.len());
    message.padding_mut().extend(std::iter::repeat_n('A', missing));
    serde_json::to_vec(&message).expect("a struct of strings and numbers serialises")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::publish::PublishReply;

    fn reply(text: &str) -> PublishReply {
        PublishReply {
            error: Some(text.to_owned()),
            padding: "what was here is replaced".to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn every_reply_has_one_size() {
        for text in ["", "short", "\"quoted\" and \u{e9}\n", &"long ".repeat(500)] {
            let body = to_padded_json(reply(text), REPLY_BYTES);
            assert_eq!(body.len(), REPLY_BYTES);
            let read: PublishReply = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(read.error.as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_larger_is_sent_whole() {
        let text = "long ".repeat(1_000);
        let body = to_padded_json(reply(&text), REPLY_BYTES);
        assert!(body.len() > REPLY_BYTES);
        assert_eq!(serde_json::from_slice::<PublishReply>(&body).expect("JSON").error, Some(text));
    }
}
