//! Writing a message.

use rmp::encode::{write_bin, write_map_len, write_str, write_u32, write_u64};

use crate::particle::Particle;
use crate::{ACTION, PREFIX};

/// The message without its length. Signature and data are written as `bin`, which every peer reads.
#[must_use]
pub fn encode(particle: &Particle) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + particle.script.len() + particle.data.len());
    out.extend_from_slice(&PREFIX);
    write_fields(&mut out, particle).expect("a vector takes any bytes");
    out
}

fn write_fields(out: &mut Vec<u8>, particle: &Particle) -> Result<(), rmp::encode::ValueWriteError> {
    write_map_len(out, 8)?;
    write_str(out, "action")?;
    write_str(out, ACTION)?;
    write_str(out, "id")?;
    write_str(out, &particle.id)?;
    write_str(out, "init_peer_id")?;
    write_str(out, &particle.init_peer_id)?;
    write_str(out, "timestamp")?;
    write_u64(out, particle.timestamp)?;
    write_str(out, "ttl")?;
    write_u32(out, particle.ttl)?;
    write_str(out, "script")?;
    write_str(out, &particle.script)?;
    write_str(out, "signature")?;
    write_bin(out, &particle.signature)?;
    write_str(out, "data")?;
    write_bin(out, &particle.data)
}
