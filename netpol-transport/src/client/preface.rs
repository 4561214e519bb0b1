//! Looks at a server's first answer before the connection counts as up.
//!
//! An HTTP/2 library reports a connection as soon as its own side has begun, and later failures without their cause. So
//! the client's preface (RFC 9113, section 3.4) is sent here, the server's answer is awaited, and only then is the
//! connection handed over. That tells a port which speaks TLS from one that does not, and whether a server accepts our
//! certificate: in TLS 1.3 it says so after our side of the handshake is done.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A frame's header: length (3), type, flags, stream (4).
const FRAME_HEADER: usize = 9;
const SETTINGS: u8 = 4;
/// First byte of a TLS alert record, with which a TLS server answers plain text.
const TLS_ALERT: u8 = 21;

/// What answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Http2,
    Tls,
    Other,
}

/// A connection whose preface is on its way and whose first answer has been read.
pub(super) struct Prefaced<S> {
    stream: S,
    /// Of the preface that the library writes: it is sent already.
    to_swallow: usize,
    answer: io::Cursor<Vec<u8>>,
}

/// Sends the preface and reads the first answer.
pub(super) async fn exchange<S>(mut stream: S) -> io::Result<(Answer, Prefaced<S>)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // A server that has closed already may have said why.
    let sent = async {
        stream.write_all(PREFACE).await?;
        stream.flush().await
    }
    .await;
    let mut answer = Vec::with_capacity(FRAME_HEADER);
    while answer.len() < FRAME_HEADER && kind(&answer) != Answer::Tls {
        match stream.read_buf(&mut answer).await {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if answer.is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    if answer.is_empty() {
        sent?;
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the server closed the connection without an answer",
        ));
    }
    let prefaced = Prefaced {
        stream,
        to_swallow: PREFACE.len(),
        answer: io::Cursor::new(answer),
    };
    Ok((kind(prefaced.answer.get_ref()), prefaced))
}

/// A server begins with SETTINGS on stream 0.
fn kind(answer: &[u8]) -> Answer {
    match answer {
        [TLS_ALERT, 3, ..] => Answer::Tls,
        [_, _, _, SETTINGS, _, 0, 0, 0, 0, ..] => Answer::Http2,
        _ => Answer::Other,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefaced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.answer).poll_read(context, buffer))?;
        if buffer.filled().len() > before || buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefaced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.to_swallow > 0 {
            let swallowed = data.len().min(self.to_swallow);
            self.to_swallow -= swallowed;
            return Poll::Ready(Ok(swallowed));
        }
        Pin::new(&mut self.stream).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
