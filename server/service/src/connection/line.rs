//! A connection, read as its watch says and written with patience that ends.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

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
            // An end without a word: whoever has not asked for anything in time is not answered.
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
            line.watch.next_step();
            line.poll_head(context);
            return Poll::Pending;
        }
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(most));
        let read = Pin::new(&mut line.stream).poll_read(context, &mut part);
        let bytes = part.filled().len();
        buffer.advance(bytes);
        line.watch.count(bytes);
        if read.is_pending() {
            line.watch.next_step();
            line.poll_head(context);
        }
        read
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
