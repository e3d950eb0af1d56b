//! What one client may take of a network.

use std::time::Duration;

use particle::Limits;

/// What a frame may hold.
pub(super) const FRAME: Limits = Limits {
    script_len_max: 1 << 20,
    data_len_max: 4 << 20,
};
/// A frame that has begun must be there after this long, and a frame for a client must be taken.
pub(super) const FRAME_TIME_MAX: Duration = Duration::from_secs(10);
/// A stream that carries nothing for this long is closed.
pub(super) const STREAM_IDLE_MAX: Duration = Duration::from_secs(60);
/// Streams that one connection may have open in each direction.
pub(super) const STREAMS_MAX: usize = 256;
/// Particles of one connection that are read or wait for their turn. The others wait in the client.
pub(super) const UNDER_WAY_PER_CONNECTION: usize = 4;
/// Particles of all clients that wait for their turn.
pub(super) const UNDER_WAY: usize = 64;
/// Particles that wait for one client to take them. With more it is cut off.
pub(super) const OUTBOX_MAX: usize = 128;
/// Connections of one node.
pub(super) const CONNECTIONS_MAX: u32 = 512;
/// Connections of one client with one node.
pub(super) const CONNECTIONS_PER_PEER_MAX: u32 = 4;
/// Connections of one node that have not told yet who they are.
pub(super) const HANDSHAKES_MAX: u32 = 128;
/// How long a handshake may take.
pub(super) const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of one websocket message.
pub(super) const WEBSOCKET_MESSAGE_MAX: usize = 16 << 20;
/// How often clients are pinged.
pub(super) const PING_INTERVAL: Duration = Duration::from_secs(20);
/// How long a client may take to answer a ping.
pub(super) const PING_TIME_MAX: Duration = Duration::from_secs(30);
/// What tasks hand to the engine, until it has taken it.
pub(super) const INBOX_MAX: usize = 256;
