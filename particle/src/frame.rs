//! Messages on a stream: each after its length.

use futures_util::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::decode::{decode, DecodeError};
use crate::encode::encode;
use crate::limits::Limits;
use crate::particle::Particle;

/// Why nothing more can be read from a stream.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot read: {0}")]
    Io(#[from] std::io::Error),
    #[error("the length of the message is not an unsigned varint of at most 5 bytes in its shortest form")]
    Length,
    #[error("the stream ends within a message")]
    CutOff,
    #[error("{0}")]
    Message(#[from] DecodeError),
}

/// The next message, undecoded, or `None` where the stream ends. Memory is taken as the bytes come in, not on the
/// word of the sender.
pub async fn read_frame<S: AsyncRead + Unpin>(stream: &mut S, limits: &Limits) -> Result<Option<Vec<u8>>, ReadError> {
    let Some(len) = read_len(stream).await? else {
        return Ok(None);
    };
    let max = limits.message_len_max();
    let expected = usize::try_from(len).unwrap_or(usize::MAX);
    if expected > max {
        return Err(DecodeError::MessageTooLong { len: expected, max }.into());
    }
    let mut message = Vec::new();
    stream.take(len).read_to_end(&mut message).await?;
    if message.len() < expected {
        return Err(ReadError::CutOff);
    }
    Ok(Some(message))
}

/// The next particle, or `None` where the stream ends. Its signature is not verified yet.
pub async fn read_particle<S: AsyncRead + Unpin>(
    stream: &mut S,
    limits: &Limits,
) -> Result<Option<Particle>, ReadError> {
    match read_frame(stream, limits).await? {
        Some(message) => Ok(Some(decode(&message, limits)?)),
        None => Ok(None),
    }
}

/// Writes a particle and flushes. The stream stays open.
pub async fn write_particle<S: AsyncWrite + Unpin>(stream: &mut S, particle: &Particle) -> std::io::Result<()> {
    let message = encode(particle);
    let mut buffer = unsigned_varint::encode::usize_buffer();
    let len = unsigned_varint::encode::usize(message.len(), &mut buffer);
    stream.write_all(len).await?;
    stream.write_all(&message).await?;
    stream.flush().await
}

/// At most five bytes: a longer length is beyond any limit.
async fn read_len<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Option<u64>, ReadError> {
    let mut bytes = [0; 5];
    for at in 0..bytes.len() {
        if stream.read(&mut bytes[at..=at]).await? == 0 {
            return if at == 0 { Ok(None) } else { Err(ReadError::CutOff) };
        }
        if unsigned_varint::decode::is_last(bytes[at]) {
            let decoded = unsigned_varint::decode::u64(&bytes[..=at]);
            let (len, _) = decoded.map_err(|_| ReadError::Length)?;
            return Ok(Some(len));
        }
    }
    Err(ReadError::Length)
}
