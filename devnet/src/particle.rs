pub use particle::Particle;

/// The bytes that travel: everything a peer has to receive. The framing of a real transport is left out.
pub(crate) fn wire_len(particle: &Particle) -> usize {
    const TIMESTAMP_AND_TTL: usize = 8 + 4;
    particle.id.len()
        + particle.init_peer_id.len()
        + TIMESTAMP_AND_TTL
        + particle.script.len()
        + particle.signature.len()
        + particle.data.len()
}
