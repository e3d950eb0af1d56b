//! Addresses of relays.

use std::fmt;
use std::str::FromStr;

use libp2p_core::multiaddr::{Multiaddr, Protocol};
use libp2p_identity::PeerId;

use crate::error::Error;

/// Where a relay listens, and who it is: `/ip4/127.0.0.1/tcp/9990/p2p/12D3…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RelayAddress {
    pub(crate) multiaddr: Multiaddr,
    pub(crate) peer_id: PeerId,
}

impl FromStr for RelayAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let error = |reason: String| Error::Address {
            address: text.chars().take(200).collect(),
            reason,
        };
        let multiaddr = Multiaddr::from_str(text.trim()).map_err(|e| error(e.to_string()))?;
        match multiaddr.iter().last() {
            Some(Protocol::P2p(peer_id)) => Ok(Self { multiaddr, peer_id }),
            _ => Err(error("it does not end in /p2p/ and the relay's peer id".to_owned())),
        }
    }
}

impl fmt::Display for RelayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.multiaddr.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB";

    #[test]
    fn tcp_websocket_and_names_are_addresses() {
        for begin in [
            "/ip4/127.0.0.1/tcp/9990",
            "/ip6/::1/tcp/9990/ws",
            "/dns4/node.example/tcp/9000/wss",
        ] {
            let address: RelayAddress = format!("{begin}/p2p/{PEER}").parse().unwrap();
            assert_eq!(address.peer_id.to_base58(), PEER);
            assert_eq!(address.to_string(), format!("{begin}/p2p/{PEER}"));
        }
    }

    #[test]
    fn what_is_no_address_is_named_with_the_reason() {
        for (text, reason) in [
            ("", "/p2p/"),
            ("/ip4/127.0.0.1/tcp/9990", "/p2p/"),
            ("localhost:9990", "invalid"),
            ("/ip4/300.0.0.1/tcp/1", "invalid"),
        ] {
            let error = text.parse::<RelayAddress>().unwrap_err().to_string();
            assert!(error.contains(text) && error.contains(reason), "{error}");
        }
    }
}
