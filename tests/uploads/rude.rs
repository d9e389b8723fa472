//! The ways in which a phone's connection ends.

use std::net::SocketAddr;

use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How a phone sends a request and what it does then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Manner {
    /// It waits for the answer and reads it.
    Polite,
    /// It is gone as soon as the request is on its way.
    HangsUp,
    /// The same, and tells the network to forget the connection: what is under way may be lost.
    Resets,
    /// It is gone in the middle of its request.
    BreaksOff,
    /// It says that it has no more to say, and reads what comes.
    HalfCloses,
    /// It sees that an answer comes, and is gone before it has read it.
    IgnoresTheAnswer,
    /// The same, and resets the connection.
    ResetsAtTheAnswer,
}

/// What a phone knows after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// All keys are taken.
    Acknowledged,
    /// Nothing: they may be stored or not.
    Unknown,
}

impl Manner {
    pub(crate) const ALL: [Self; 7] = [
        Self::Polite,
        Self::HangsUp,
        Self::Resets,
        Self::BreaksOff,
        Self::HalfCloses,
        Self::IgnoresTheAnswer,
        Self::ResetsAtTheAnswer,
    ];

    /// Half of the time polite.
    pub(crate) fn draw(rng: &mut StdRng) -> Self {
        if rng.random_bool(0.5) { Self::Polite } else { Self::ALL[rng.random_range(1..Self::ALL.len())] }
    }

    /// Sends a request on a connection of its own.
    ///
    /// # Errors
    /// If nobody listens, or an answer came that is none to a good upload. A connection that fails otherwise is what this is for.
    pub(crate) async fn send(self, to: SocketAddr, request: &[u8]) -> anyhow::Result<Outcome> {
        let stream = TcpStream::connect(to).await?;
        match self.talk(stream, request).await {
            Ok(Some(reply)) => acknowledged(&reply),
            Ok(None) | Err(_) => Ok(Outcome::Unknown),
        }
    }

    /// The whole reply, if it was waited for.
    async fn talk(self, mut stream: TcpStream, request: &[u8]) -> std::io::Result<Option<Vec<u8>>> {
        let sent = if self == Self::BreaksOff { &request[..request.len() / 2] } else { request };
        stream.write_all(sent).await?;
        match self {
            Self::HangsUp | Self::BreaksOff => return Ok(None),
            Self::Resets => {
                stream.set_zero_linger()?;
                return Ok(None);
            }
            Self::HalfCloses => stream.shutdown().await?,
            Self::Polite | Self::IgnoresTheAnswer | Self::ResetsAtTheAnswer => {}
        }
        let mut reply = vec![0; 1];
        stream.read_exact(&mut reply).await?;
        if self == Self::ResetsAtTheAnswer {
            stream.set_zero_linger()?;
        }
        if matches!(self, Self::IgnoresTheAnswer | Self::ResetsAtTheAnswer) {
            return Ok(None);
        }
        stream.read_to_end(&mut reply).await?;
        Ok(Some(reply))
    }
}

/// Whether a reply says that all keys were taken. A reply that was cut short says nothing.
fn acknowledged(reply: &[u8]) -> anyhow::Result<Outcome> {
    let text = String::from_utf8_lossy(reply);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return Ok(Outcome::Unknown) };
    if body.len() < proto::api::padding::REPLY_BYTES {
        return Ok(Outcome::Unknown);
    }
    let taken = format!("\"insertedExposures\":{}", crate::upload::KEYS);
    anyhow::ensure!(head.starts_with("HTTP/1.1 200") && body.contains(&taken), "{head}\n{}", &body[..200]);
    Ok(Outcome::Acknowledged)
}
