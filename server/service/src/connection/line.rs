//! A connection, read as its watch says and written with patience that ends.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::watch::{Room, Watch};

/// How long whoever was answered may take nothing of the answer, once what the system keeps for it is full.
const UNREAD: Duration = Duration::from_secs(15);

/// A connection.
pub(crate) struct Line {
    stream: TcpStream,
    watch: Rc<Watch>,
    /// When the head is overdue; set anew when it rings.
    head: Pin<Box<Sleep>>,
    /// When an answer has lain unread for too long, while one does.
    unread: Option<Pin<Box<Sleep>>>,
}

impl Line {
    /// A new one.
    pub(crate) fn new(stream: TcpStream) -> Self {
        let watch = Rc::new(Watch::new());
        let deadline = watch.deadline().unwrap_or_else(Instant::now);
        Self { stream, watch, head: Box::pin(sleep_until(deadline)), unread: None }
    }

    /// What requests say to it.
    pub(crate) fn watch(&self) -> Rc<Watch> {
        Rc::clone(&self.watch)
    }

    /// Nothing is there to be read. What was read before is looked at first; then it is waited for more, unless the head is overdue: whoever has not
    /// asked for anything in time is not answered.
    fn poll_nothing(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Where many come at once, the runtime may hear of the time before it hears of the bytes.
        if self.watch.is_overdue() && !self.has_come() {
            return Poll::Ready(Ok(()));
        }
        self.watch.next_step();
        self.poll_head(context);
        Poll::Pending
    }

    /// Whether bytes are there, as the system says itself.
    fn has_come(&self) -> bool {
        SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]).is_ok_and(|bytes| bytes > 0)
    }

    /// Sees that whoever reads is woken when the head is overdue.
    fn poll_head(&mut self, context: &mut Context<'_>) {
        if let Some(deadline) = self.watch.deadline() {
            if self.head.deadline() != deadline {
                self.head.as_mut().reset(deadline);
            }
            if self.head.as_mut().poll(context).is_ready() {
                context.waker().wake_by_ref();
            }
        }
    }

    /// Nothing was taken of the answer: for how long already?
    fn poll_unread(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let unread = self.unread.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + UNREAD)));
        ready!(unread.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let line = self.get_mut();
        let most = match line.watch.room() {
            Room::Bytes(most) => most.min(buffer.remaining()),
            // An end without a word, as for whoever is too slow.
            Room::Over => return Poll::Ready(Ok(())),
            Room::AfterThis => {
                line.watch.next_step();
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Room::AfterAnswer => {
                line.watch.wake_later(context.waker());
                return Poll::Pending;
            }
        };
        // Nothing is prepared before there is something to read: a connection that only waits touches no memory.
        if line.stream.poll_read_ready(context)?.is_pending() {
            return line.poll_nothing(context);
        }
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(most));
        let read = Pin::new(&mut line.stream).poll_read(context, &mut part);
        let bytes = part.filled().len();
        buffer.advance(bytes);
        line.watch.count(bytes);
        if read.is_pending() { line.poll_nothing(context) } else { read }
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let line = self.get_mut();
        match Pin::new(&mut line.stream).poll_write(context, bytes) {
            Poll::Pending => line.poll_unread(context),
            written => {
                line.unread = None;
                written
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Write as _;
    use std::net::TcpListener;

    use tokio::time::{advance, timeout};

    use super::*;

    /// Longer than the head of a request may take.
    const LONG: Duration = Duration::from_secs(20);

    /// A line, and whoever is at its other end.
    fn line() -> (Line, std::net::TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let caller = std::net::TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
        let (stream, _) = listener.accept().expect("a caller");
        stream.set_nonblocking(true).expect("a socket");
        (Line::new(TcpStream::from_std(stream).expect("a stream")), caller)
    }

    /// Sends this, and waits until it is there.
    fn send(caller: &mut std::net::TcpStream, text: &[u8], line: &Line) {
        caller.write_all(text).expect("sent");
        while !line.has_come() {
            std::thread::yield_now();
        }
    }

    /// What is read next; nothing at the end.
    async fn read(line: &mut Line) -> Vec<u8> {
        let mut bytes = [0; 64];
        let mut buffer = ReadBuf::new(&mut bytes);
        poll_fn(|context| Pin::new(&mut *line).poll_read(context, &mut buffer)).await.expect("read");
        buffer.filled().to_vec()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_there_is_read_however_late_and_nothing_is_waited_for_after_the_time_of_a_head() {
        let (mut line, mut caller) = line();
        send(&mut caller, b"GET / HTTP/1.1", &line);
        // The machine stands still, and then the deadline is seen before anything was read.
        advance(LONG).await;
        assert_eq!(read(&mut line).await, b"GET / HTTP/1.1");
        // It was no whole head, and nothing more comes.
        assert_eq!(read(&mut line).await, b"");
    }

    #[tokio::test(start_paused = true)]
    async fn who_drips_is_hung_up_on_at_the_end_of_the_time() {
        let (mut line, mut caller) = line();
        for _ in 0..2 {
            send(&mut caller, b"G", &line);
            assert_eq!(read(&mut line).await, b"G");
            assert!(timeout(Duration::from_secs(5), read(&mut line)).await.is_err(), "there is time left");
        }
        assert!(timeout(Duration::from_secs(4), read(&mut line)).await.is_err(), "there is time left");
        assert_eq!(read(&mut line).await, b"");
    }
}
