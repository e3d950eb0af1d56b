//! What nodes listen with: tcp and websockets, noise, yamux.

use libp2p_core::muxing::StreamMuxerBox;
use libp2p_core::transport::Boxed;
use libp2p_core::upgrade::Version;
use libp2p_core::Transport;
use libp2p_identity::{Keypair, PeerId};

use super::limits::{HANDSHAKE_TIME_MAX, WEBSOCKET_MESSAGE_MAX};

pub(super) fn transport(key: &Keypair) -> Result<Boxed<(PeerId, StreamMuxerBox)>, libp2p_noise::Error> {
    let tcp = || libp2p_tcp::tokio::Transport::new(libp2p_tcp::Config::default());
    let mut websocket = libp2p_websocket::Config::new(tcp());
    websocket.set_max_data_size(WEBSOCKET_MESSAGE_MAX);
    Ok(websocket
        .or_transport(tcp())
        .upgrade(Version::V1)
        .authenticate(libp2p_noise::Config::new(key)?)
        .multiplex(libp2p_yamux::Config::default())
        .timeout(HANDSHAKE_TIME_MAX)
        .boxed())
}
