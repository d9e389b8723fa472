//! An issued code, on its way to its person.

use proto::Timestamp;
use proto::api::verification::IssueReply;

use crate::code::Code;
use crate::dates;
use crate::delivery::Sent;
use crate::uuid::Uuid;

/// A code for its person.
pub(crate) struct Issued {
    /// The authority's name for it.
    pub(crate) uuid: Uuid,
    /// The name of the message that carries it, for whoever sends it: the same as long as its row is.
    pub(crate) message_id: String,
    /// What to type.
    pub(crate) short: Text,
    /// What to put into a link. Codes that were issued before there were long ones have none.
    pub(crate) long: Option<Text>,
    /// The text message that carries it; none if nobody asked for one.
    pub(crate) sent: Option<Sent>,
}

/// One form of it.
pub(crate) struct Text {
    /// The code itself.
    pub(crate) code: Code,
    /// When it can no longer be claimed.
    pub(crate) expires_at: Timestamp,
}

impl Issued {
    /// When none of its forms can be claimed any more.
    pub(crate) fn long_expires_at(&self) -> Timestamp {
        self.long.as_ref().unwrap_or(&self.short).expires_at
    }

    /// What is known of the message that was sent; none if none was.
    pub(crate) fn sms_status(&self) -> Option<&'static str> {
        if let Some(Sent::Known(delivery)) = &self.sent { Some(delivery.as_str()) } else { None }
    }

    /// The message that was written and not sent; none if none was.
    pub(crate) fn generated_sms(&self) -> Option<String> {
        if let Some(Sent::Generated(text)) = &self.sent { Some(text.to_string()) } else { None }
    }
}

impl From<Issued> for IssueReply {
    /// The long code has no field here: it travels in the text message alone.
    fn from(issued: Issued) -> Self {
        let (expires_at, long_expires_at) = (issued.short.expires_at, issued.long_expires_at());
        Self {
            uuid: issued.uuid.to_string(),
            code: issued.short.code.as_str().to_owned(),
            expires_at: dates::rfc1123(expires_at),
            expires_at_timestamp: expires_at.unix(),
            long_expires_at: dates::rfc1123(long_expires_at),
            long_expires_at_timestamp: long_expires_at.unix(),
            sms_status: issued.sms_status().map(str::to_owned),
            generated_sms: issued.generated_sms(),
            ..Self::default()
        }
    }
}
