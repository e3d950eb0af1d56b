//! HTTP/1.1 on a connection: as much of it as an API and a page need, and strict. What could be read in two ways, by a proxy in one and here in
//! the other, is refused: bodies have one `Content-Length` and no other coding.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::StreamExt;
use http::{header, HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::error::HttpError;
use super::request::{Content, Request, Response};

/// Bytes of a head.
const HEAD_LEN_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 100;
/// How long a head may take, the rest between two requests included.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);
/// A value of 4,096 bytes has six times as many in JSON at worst.
pub(super) const BODY_LEN_MAX: usize = 64 << 10;
const BODY_TIME_MAX: Duration = Duration::from_secs(10);
/// A reader that takes nothing for this long is cut off.
const WRITE_TIME_MAX: Duration = Duration::from_secs(30);
/// Of what was refused so much is still read, so that its sender reads why.
const DRAINED_MAX: usize = 1 << 20;
const DRAINED_WITHIN: Duration = Duration::from_secs(2);

/// Why a connection ends.
#[derive(Debug)]
pub(super) enum End {
    /// The other side has closed it, or takes or sends nothing any more.
    Gone,
    /// It is told so.
    Refused(HttpError),
}

impl From<std::io::Error> for End {
    fn from(_: std::io::Error) -> Self {
        Self::Gone
    }
}

impl From<tokio::time::error::Elapsed> for End {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self::Gone
    }
}

#[derive(Debug)]
pub(super) struct Connection<S> {
    stream: S,
    /// What has been read and not yet taken.
    buffer: Vec<u8>,
}

/// A request, and whether the connection stays open after it.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) request: Request,
    pub(super) stays: bool,
}

#[derive(Debug)]
struct Head {
    len: usize,
    request: Request,
    body_len: usize,
    stays: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    pub(super) async fn receive(&mut self) -> Result<Received, End> {
        let head = timeout(HEAD_TIME_MAX, self.head()).await??;
        self.buffer.drain(..head.len);
        if head.body_len > BODY_LEN_MAX {
            let message = format!(
                "the body has {} bytes: at most {BODY_LEN_MAX} are possible",
                head.body_len
            );
            return Err(refused(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message));
        }
        let mut request = head.request;
        let expects = request.headers.get(header::EXPECT);
        if expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let read = timeout(BODY_TIME_MAX, self.fill(head.body_len)).await;
        read.map_err(|_| {
            let message = format!("the body was not whole after {} s", BODY_TIME_MAX.as_secs());
            refused(StatusCode::REQUEST_TIMEOUT, "too_slow", message)
        })??;
        request.body = self.buffer.drain(..head.body_len).collect();
        Ok(Received {
            request,
            stays: head.stays,
        })
    }

    async fn head(&mut self) -> Result<Head, End> {
        loop {
            if let Some(head) = parse(&self.buffer).map_err(End::Refused)? {
                return Ok(head);
            }
            if self.buffer.len() >= HEAD_LEN_MAX {
                let message = format!("the head has more than {HEAD_LEN_MAX} bytes");
                return Err(refused(StatusCode::BAD_REQUEST, "bad_request", message));
            }
            self.read().await?;
        }
    }

    async fn fill(&mut self, len: usize) -> Result<(), End> {
        while self.buffer.len() < len {
            self.read().await?;
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), End> {
        let mut part = [0; 4_096];
        match self.stream.read(&mut part).await? {
            0 => Err(End::Gone),
            len => {
                self.buffer.extend_from_slice(&part[..len]);
                Ok(())
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), End> {
        timeout(WRITE_TIME_MAX, self.stream.write_all(bytes)).await??;
        Ok(())
    }

    /// Sends a response, of `HEAD` without its content. Whether the connection is still of use.
    pub(super) async fn send(&mut self, response: Response, method: &Method, stays: bool) -> Result<bool, End> {
        let (parts, content) = response.into_parts();
        let is_stream = matches!(content, Content::Stream(_));
        let stays = stays && !is_stream;
        let mut head = Vec::with_capacity(1_024);
        let reason = parts.status.canonical_reason().unwrap_or("Other");
        head.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", parts.status.as_u16()).as_bytes());
        for (name, value) in &parts.headers {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        if let Content::Whole(bytes) = &content {
            head.extend_from_slice(format!("content-length: {}\r\n", bytes.len()).as_bytes());
        }
        if !stays {
            head.extend_from_slice(b"connection: close\r\n");
        }
        head.extend_from_slice(b"\r\n");
        match content {
            _ if method == Method::HEAD => self.write(&head).await?,
            Content::Whole(bytes) => {
                head.extend_from_slice(&bytes);
                self.write(&head).await?;
            }
            Content::Stream(mut parts) => {
                self.write(&head).await?;
                while let Some(part) = self.next_part(&mut parts).await? {
                    self.write(&part).await?;
                }
            }
        }
        Ok(stays)
    }

    /// The next part of a stream. A reader that closes, or says more, has read enough.
    async fn next_part(&mut self, parts: &mut BoxStream<'static, Bytes>) -> Result<Option<Bytes>, End> {
        let mut byte = [0];
        tokio::select! {
            part = parts.next() => Ok(part),
            _ = self.stream.read(&mut byte) => Err(End::Gone),
        }
    }

    /// Closes it, and reads on for a moment: who is still sending would else not read the last answer.
    pub(super) async fn close(mut self) {
        let drain = async {
            self.stream.shutdown().await?;
            let mut part = [0; 4_096];
            let mut drained = 0;
            while drained < DRAINED_MAX {
                match self.stream.read(&mut part).await? {
                    0 => break,
                    len => drained += len,
                }
            }
            Ok::<_, std::io::Error>(())
        };
        let _ = timeout(DRAINED_WITHIN, drain).await;
    }
}

fn refused(status: StatusCode, code: &'static str, message: impl ToString) -> End {
    End::Refused(HttpError::new(status, code, message))
}

/// The head that a connection begins with; none while it is not whole.
fn parse(buffer: &[u8]) -> Result<Option<Head>, HttpError> {
    let bad = |what: &dyn std::fmt::Display| HttpError::bad_request(format!("this is no HTTP/1.1 request: {what}"));
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    let len = match parsed.parse(buffer) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(bad(&error)),
    };
    let method = Method::from_bytes(parsed.method.unwrap_or_default().as_bytes()).map_err(|error| bad(&error))?;
    let target = parsed.path.unwrap_or_default();
    if !target.starts_with('/') {
        return Err(bad(&format!("its target is {target:?}, which is no path")));
    }
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let mut map = HeaderMap::new();
    for header in parsed.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|error| bad(&error))?;
        let value = HeaderValue::from_bytes(header.value).map_err(|error| bad(&error))?;
        map.append(name, value);
    }
    if map.contains_key(header::TRANSFER_ENCODING) {
        return Err(bad(&"bodies have a Content-Length here, and no Transfer-Encoding"));
    }
    let lens: Vec<&HeaderValue> = map.get_all(header::CONTENT_LENGTH).iter().collect();
    let body_len = match lens[..] {
        [] => 0,
        [len] => body_len(len).ok_or_else(|| bad(&"its Content-Length is no number"))?,
        _ => return Err(bad(&"it has more than one Content-Length")),
    };
    let closes = |value: &HeaderValue| {
        let tokens = value.to_str().unwrap_or("close").split(',');
        tokens.map(str::trim).any(|token| token.eq_ignore_ascii_case("close"))
    };
    let stays = parsed.version == Some(1) && !map.get_all(header::CONNECTION).iter().any(closes);
    Ok(Some(Head {
        len,
        body_len,
        stays,
        request: Request {
            method,
            path: path.to_owned(),
            query,
            headers: map,
            body: Vec::new(),
            parameters: Vec::new(),
        },
    }))
}

/// Digits alone: `+1` is a number elsewhere.
fn body_len(value: &HeaderValue) -> Option<usize> {
    let text = value.to_str().ok()?;
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    fn head(text: &str) -> Option<Head> {
        parse(text.as_bytes()).unwrap()
    }

    fn why_not(text: &str) -> String {
        format!("{:?}", parse(text.as_bytes()).expect_err(text))
    }

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        let text = "POST /a%2Fb?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{}x";
        for len in 0..text.len() - 3 {
            assert!(head(&text[..len]).is_none(), "{len}");
        }
        let head = head(text).unwrap();
        assert_eq!((head.len, head.body_len, head.stays), (text.len() - 3, 3, true));
        let request = head.request;
        assert_eq!((request.method, request.path.as_str()), (Method::POST, "/a%2Fb"));
        assert_eq!(request.query.as_deref(), Some("c=d"));
        assert_eq!(request.headers["host"], "x");
    }

    #[test]
    fn connections_close_where_either_side_wants_it() {
        for (text, stays) in [
            ("GET / HTTP/1.1\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nConnection: x, CLOSE\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false),
        ] {
            assert_eq!(head(text).unwrap().stays, stays, "{text}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (text, why) in [
            ("nonsense\r\n\r\n", "no HTTP"),
            ("GET / HTTP/2\r\n\r\n", "no HTTP"),
            ("GET http://x/ HTTP/1.1\r\n\r\n", "no path"),
            ("OPTIONS * HTTP/1.1\r\n\r\n", "no path"),
            ("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "no HTTP"),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                "Transfer-Encoding",
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                "Transfer-Encoding",
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
                "more than one",
            ),
            ("POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", "no number"),
            ("POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", "no number"),
            ("POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", "no number"),
        ] {
            assert!(why_not(text).contains(why), "{text}: {}", why_not(text));
        }
        let huge = "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n";
        assert_eq!(head(huge).unwrap().body_len, usize::MAX);
    }

    #[tokio::test]
    async fn requests_follow_each_other_on_one_connection() {
        let (mut client, server) = duplex(1 << 20);
        let mut connection = Connection::new(server);
        let two = "POST /1 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}GET /2 HTTP/1.1\r\n\r\n";
        client.write_all(two.as_bytes()).await.unwrap();
        let first = connection.receive().await.unwrap();
        assert_eq!(
            (first.request.path.as_str(), &*first.request.body, first.stays),
            ("/1", &b"{}"[..], true)
        );
        assert_eq!(connection.receive().await.unwrap().request.path, "/2");
        drop(client);
        assert!(matches!(connection.receive().await, Err(End::Gone)));
    }

    #[tokio::test]
    async fn what_is_too_long_is_refused_before_it_is_read() {
        let (mut client, server) = duplex(1 << 20);
        let mut connection = Connection::new(server);
        let len = BODY_LEN_MAX + 1;
        let head = format!("POST / HTTP/1.1\r\nContent-Length: {len}\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        let Err(End::Refused(error)) = connection.receive().await else {
            panic!("it was taken");
        };
        assert!(format!("{error:?}").contains("too_large"));

        let (mut client, server) = duplex(1 << 20);
        let mut connection = Connection::new(server);
        let head = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(HEAD_LEN_MAX));
        client.write_all(head.as_bytes()).await.unwrap();
        assert!(matches!(connection.receive().await, Err(End::Refused(_))));
    }
}
