//! A bad network: a proxy that hands requests on and, when told to, loses the reply. The service has done its work; the phone never learns.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A proxy in front of one service. It ends with the test's runtime.
pub struct BadNetwork {
    address: SocketAddr,
    /// How many of the next replies to lose.
    to_lose: Arc<AtomicU32>,
    lost: Arc<AtomicU32>,
    carried: Carried,
}

/// All messages, in the order in which they came.
type Carried = Arc<Mutex<Vec<Vec<u8>>>>;

impl BadNetwork {
    /// Opens a proxy in front of `service`.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn before(service: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (to_lose, lost) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let counters = (Arc::clone(&to_lose), Arc::clone(&lost));
        let carried = Carried::default();
        let messages = Arc::clone(&carried);
        tokio::spawn(async move {
            while let Ok((phone, _)) = listener.accept().await {
                let (counters, messages) = (counters.clone(), Arc::clone(&messages));
                // A broken connection is what this is for: nobody needs to hear of it.
                tokio::spawn(async move { carry(phone, service, &counters, &messages).await.ok() });
            }
        });
        Ok(Self { address, to_lose, lost, carried })
    }

    /// Where phones connect to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Loses the next `count` replies.
    pub fn lose_replies(&self, count: u32) {
        self.to_lose.store(count, Ordering::SeqCst);
    }

    /// Every request and every reply that came this way, as they were sent.
    pub fn carried(&self) -> Vec<Vec<u8>> {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many replies were lost so far: a test that expects a loss checks that there was one.
    pub fn lost(&self) -> u32 {
        self.lost.load(Ordering::SeqCst)
    }
}

/// Carries requests of one connection until either side hangs up.
async fn carry(
    mut phone: TcpStream,
    service: SocketAddr,
    (to_lose, lost): &(Arc<AtomicU32>, Arc<AtomicU32>),
    carried: &Carried,
) -> std::io::Result<()> {
    let note = |message: &[u8]| carried.lock().unwrap_or_else(PoisonError::into_inner).push(message.to_vec());
    let mut upstream = TcpStream::connect(service).await?;
    loop {
        let request = read_message(&mut phone).await?;
        note(&request);
        upstream.write_all(&request).await?;
        let reply = read_message(&mut upstream).await?;
        note(&reply);
        let lose = to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if lose {
            lost.fetch_add(1, Ordering::SeqCst);
            return Ok(());
        }
        phone.write_all(&reply).await?;
    }
}

/// Reads one message whose length stands in its header, as all of ours does.
async fn read_message(from: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    let mut chunk = [0; 4_096];
    loop {
        let read = from.read(&mut chunk).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        message.extend_from_slice(&chunk[..read]);
        if whole_length(&message).is_some_and(|length| message.len() >= length) {
            return Ok(message);
        }
    }
}

fn whole_length(message: &[u8]) -> Option<usize> {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&message[..end]).to_ascii_lowercase();
    let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length: ").map(str::to_owned));
    Some(end + length.and_then(|digits| digits.trim().parse::<usize>().ok()).unwrap_or_default())
}
