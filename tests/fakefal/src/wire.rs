//! A connection that tells when everything that was written to it has left the process.
//!
//! An answer that breaks off takes along the bytes that the server has not handed on yet. An answer that must
//! break off at an exact byte therefore waits until all bytes before it are handed on.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// The connection.
pub(crate) struct Wire {
    stream: TcpStream,
    flushes: watch::Sender<u64>,
}

/// Tells when a connection has been flushed.
#[derive(Clone)]
pub(crate) struct Flushes(watch::Receiver<u64>);

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> (Self, Flushes) {
        let (flushes, told) = watch::channel(0);
        (Self { stream, flushes }, Flushes(told))
    }
}

impl Flushes {
    /// Waits for the next flush: everything written before has left by then.
    pub(crate) async fn next(&mut self) {
        self.0.mark_unchanged();
        // A connection that is gone has nothing left to flush.
        let _ = self.0.changed().await;
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Flushes the connection. The server calls this when it has nothing left of its own.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.flushes.send_modify(|flushes| *flushes += 1);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
