//! Reading a message.

use rmp::decode::{read_array_len, read_bin_len, read_int, read_map_len, read_str_len};

use crate::limits::{Limits, ID_LEN_MAX, PEER_ID_LEN_MAX, SIGNATURE_LEN};
use crate::particle::{shortened, Particle};
use crate::{ACTION, PREFIX};

/// Why bytes are not a particle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the message has {len} bytes, at most {max} are allowed")]
    MessageTooLong { len: usize, max: usize },
    #[error("the message does not begin with the bytes 81 04, multicodec MessagePack")]
    Prefix,
    #[error("the message is not a map of 8 fields")]
    NotAMap,
    #[error("`{0}` is not a field of a particle")]
    UnknownField(String),
    #[error("field `{0}` comes twice")]
    Repeated(&'static str),
    #[error("field `{0}` is missing")]
    Missing(&'static str),
    #[error("field `{field}` is not {expected}, or is cut off")]
    Malformed {
        field: &'static str,
        expected: &'static str,
    },
    #[error("field `{field}` has {len} bytes, at most {max} are allowed")]
    TooLong {
        field: &'static str,
        len: usize,
        max: usize,
    },
    #[error("the action `{0}` is unknown, only `{ACTION}` is defined")]
    UnknownAction(String),
    #[error("{0} bytes follow the particle")]
    Trailing(usize),
}

/// Reads a message without its length. The order of the fields does not matter, signature and data are `bin` or arrays
/// of integers, and there may be nothing else.
pub fn decode(message: &[u8], limits: &Limits) -> Result<Particle, DecodeError> {
    let max = limits.message_len_max();
    if message.len() > max {
        let len = message.len();
        return Err(DecodeError::MessageTooLong { len, max });
    }
    let rest = message.strip_prefix(&PREFIX).ok_or(DecodeError::Prefix)?;
    let mut reader = Reader { rest };
    let particle = reader.particle(limits)?;
    match reader.rest.len() {
        0 => Ok(particle),
        len => Err(DecodeError::Trailing(len)),
    }
}

/// The fields as far as they have been read.
#[derive(Default)]
struct Fields<'a> {
    action: Option<&'a str>,
    id: Option<&'a str>,
    init_peer_id: Option<&'a str>,
    timestamp: Option<u64>,
    ttl: Option<u32>,
    script: Option<&'a str>,
    signature: Option<Vec<u8>>,
    data: Option<Vec<u8>>,
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn particle(&mut self, limits: &Limits) -> Result<Particle, DecodeError> {
        const NAME_LEN_MAX: usize = 32;
        if !matches!(read_map_len(&mut self.rest), Ok(8)) {
            return Err(DecodeError::NotAMap);
        }
        let mut fields = Fields::default();
        for _ in 0..8 {
            match self.text("a field's name", NAME_LEN_MAX)? {
                "action" => put("action", &mut fields.action, self.text("action", NAME_LEN_MAX)?)?,
                "id" => put("id", &mut fields.id, self.text("id", ID_LEN_MAX)?)?,
                "init_peer_id" => {
                    let peer_id = self.text("init_peer_id", PEER_ID_LEN_MAX)?;
                    put("init_peer_id", &mut fields.init_peer_id, peer_id)?;
                }
                "timestamp" => put("timestamp", &mut fields.timestamp, self.integer("timestamp")?)?,
                "ttl" => put("ttl", &mut fields.ttl, self.integer("ttl")?)?,
                "script" => put(
                    "script",
                    &mut fields.script,
                    self.text("script", limits.script_len_max)?,
                )?,
                "signature" => put(
                    "signature",
                    &mut fields.signature,
                    self.bytes("signature", SIGNATURE_LEN)?,
                )?,
                "data" => put("data", &mut fields.data, self.bytes("data", limits.data_len_max)?)?,
                other => return Err(DecodeError::UnknownField(shortened(other))),
            }
        }
        fields.into_particle()
    }

    fn text(&mut self, field: &'static str, max: usize) -> Result<&'a str, DecodeError> {
        let malformed = DecodeError::Malformed {
            field,
            expected: "a string",
        };
        let Ok(len) = read_str_len(&mut self.rest) else {
            return Err(malformed);
        };
        let bytes = self.take(field, len, max)?.ok_or_else(|| malformed.clone())?;
        std::str::from_utf8(bytes).map_err(|_| malformed)
    }

    fn integer<T: TryFrom<u64>>(&mut self, field: &'static str) -> Result<T, DecodeError> {
        let value = read_int(&mut self.rest)
            .ok()
            .and_then(|value: u64| T::try_from(value).ok());
        let expected = "an unsigned integer in range";
        value.ok_or(DecodeError::Malformed { field, expected })
    }

    fn bytes(&mut self, field: &'static str, max: usize) -> Result<Vec<u8>, DecodeError> {
        let malformed = DecodeError::Malformed {
            field,
            expected: "bytes or an array of integers from 0 to 255",
        };
        let mut ahead = self.rest;
        if let Ok(len) = read_bin_len(&mut ahead) {
            self.rest = ahead;
            return Ok(self.take(field, len, max)?.ok_or(malformed)?.to_vec());
        }
        let Ok(len) = read_array_len(&mut self.rest) else {
            return Err(malformed);
        };
        let len = checked_len(field, len, max)?;
        // Each integer takes at least a byte: nothing is allocated for those that cannot be there.
        if len > self.rest.len() {
            return Err(malformed);
        }
        let integers = (0..len).map(|_| read_int(&mut self.rest).ok());
        integers.collect::<Option<Vec<u8>>>().ok_or(malformed)
    }

    /// The next `len` bytes, if they are there.
    fn take(&mut self, field: &'static str, len: u32, max: usize) -> Result<Option<&'a [u8]>, DecodeError> {
        let len = checked_len(field, len, max)?;
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Ok(None);
        };
        self.rest = rest;
        Ok(Some(taken))
    }
}

impl Fields<'_> {
    fn into_particle(self) -> Result<Particle, DecodeError> {
        let action = self.action.ok_or(DecodeError::Missing("action"))?;
        if action != ACTION {
            return Err(DecodeError::UnknownAction(shortened(action)));
        }
        Ok(Particle {
            id: self.id.ok_or(DecodeError::Missing("id"))?.into(),
            init_peer_id: self.init_peer_id.ok_or(DecodeError::Missing("init_peer_id"))?.into(),
            timestamp: self.timestamp.ok_or(DecodeError::Missing("timestamp"))?,
            ttl: self.ttl.ok_or(DecodeError::Missing("ttl"))?,
            script: self.script.ok_or(DecodeError::Missing("script"))?.into(),
            signature: self.signature.ok_or(DecodeError::Missing("signature"))?.into(),
            data: self.data.ok_or(DecodeError::Missing("data"))?,
        })
    }
}

fn put<T>(field: &'static str, place: &mut Option<T>, value: T) -> Result<(), DecodeError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(DecodeError::Repeated(field)),
    }
}

fn checked_len(field: &'static str, len: u32, max: usize) -> Result<usize, DecodeError> {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    if len > max {
        return Err(DecodeError::TooLong { field, len, max });
    }
    Ok(len)
}
