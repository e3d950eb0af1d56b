//! Which peers a key belongs to: the closest ones, by the distances that Kademlia has on every node.

use sha2::{Digest, Sha256};

use super::limits::{NEIGHBOURHOOD_MAX, PEER_ID_LEN_MAX};
use super::{Here, KeyId};

/// The code of sha2-256, under which nodes wrap a key's text.
const SHA2_256: u8 = 0x12;

/// The closest among `peers` and this node, closest first, each once: the order of `kad.neighborhood`, which leaves
/// out the node that is asked. What is no base58, or longer than a peer id can be, is no peer: base58 of megabytes takes
/// minutes to decode.
pub fn neighbourhood(key_id: &KeyId, peers: Vec<String>, here: &Here) -> Vec<String> {
    let text = key_id.to_string();
    let target: [u8; 32] = Sha256::new()
        .chain_update([SHA2_256, text.len() as u8])
        .chain_update(&text)
        .finalize()
        .into();
    let mut near: Vec<([u8; 32], String)> = peers
        .into_iter()
        .filter(|peer| !here.is(peer))
        .chain([here.host_id().to_owned()])
        .filter_map(|peer| {
            if peer.len() > PEER_ID_LEN_MAX {
                return None;
            }
            let point: [u8; 32] = Sha256::digest(bs58::decode(&peer).into_vec().ok()?).into();
            Some((std::array::from_fn(|at| point[at] ^ target[at]), peer))
        })
        .collect();
    near.sort();
    near.dedup();
    near.truncate(NEIGHBOURHOOD_MAX);
    near.into_iter().map(|(_, peer)| peer).collect()
}
