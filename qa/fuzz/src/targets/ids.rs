//! Ids, and who is near to whom.

use registry_service::domain::limits::{CLOSER_ASKED, CLOSEST_ASKED};
use registry_service::domain::{KeyId, PeerKey};
use registry_testkit::{NativeNode, Origins};

use super::publish::{peers, PEERS_MAX};
use crate::input::{cast, Objects, Source};
use crate::memory::Memory;
use crate::{oracle, probe};

const HEDGE_MS: u32 = 1_000;
/// Longest text of a key id.
const KEY_ID_LEN_MAX: usize = 44;

pub(super) const FUNCTIONS: &[&str] = &["get_closer", "get_neighbourhood"];

pub(super) fn run(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    match source.below(8) {
        0..=2 => peer_id(&mut source),
        3..=5 => key_id(&mut source),
        6 => any_key(&mut source),
        _ => neighbourhood(&mut source),
    }
}

/// An id, or almost one, or none.
fn text(source: &mut Source<'_>) -> String {
    match source.below(8) {
        0 => Objects::peer(source).id().to_owned(),
        1 => Objects::some_key_id(source),
        2 => source.hostile_text(),
        3 => {
            let mut bytes = oracle::unbase58(Objects::peer(source).id()).unwrap_or_default();
            let at = source.below(bytes.len());
            bytes[at] ^= 1 << source.below(8);
            oracle::base58(&bytes)
        }
        4 => {
            const PREFIXES: [&[u8]; 6] = [
                &[0x00, 36, 8, 1, 0x12, 32],
                &[0x00, 37, 8, 2, 0x12, 33],
                &[0x12, 32],
                &[0x00, 35, 8, 1, 0x12, 31],
                &[0x13, 64],
                &[],
            ];
            let prefix = *source.pick(&PREFIXES);
            oracle::base58(&[prefix, source.bytes(40)].concat())
        }
        _ => oracle::base58(source.bytes(48)),
    }
}

fn peer_id(source: &mut Source<'_>) {
    let text = text(source);
    let here = PeerKey::parse("peer_id", &text);
    let there = oracle::peer_key(&text);
    match (&here, &there) {
        (Ok(PeerKey::Ed25519(here)), Ok(oracle::PeerKey::Ed25519(there))) => assert_eq!(here[..], there[..]),
        (Ok(PeerKey::Secp256k1(here)), Ok(oracle::PeerKey::Secp256k1(there))) => assert_eq!(here[..], there[..]),
        (Ok(PeerKey::RsaSha256(here)), Ok(oracle::PeerKey::Rsa(there))) => assert_eq!(here[..], there[..]),
        (Err(error), Err(_)) => probe::refused("peer_id", error),
        _ => panic!("`{text}`: {here:?}, {there:?}"),
    }
    if let Ok(key) = here {
        probe::note(
            "peer_id",
            ["Ed25519", "Secp256k1", "Rsa"][match key {
                PeerKey::Ed25519(_) => 0,
                PeerKey::Secp256k1(_) => 1,
                PeerKey::RsaSha256(_) => 2,
            }],
        );
    }
}

fn key_id(source: &mut Source<'_>) {
    let text = text(source);
    let there = oracle::unbase58(&text).filter(|bytes| bytes.len() == 32 && text.len() <= KEY_ID_LEN_MAX);
    match KeyId::parse(&text) {
        Ok(id) => {
            assert_eq!(Some(&id.as_bytes()[..]), there.as_deref());
            // One key has one id.
            assert_eq!(id.to_string(), text);
            probe::note("key_id", "Ok");
        }
        Err(error) => {
            assert_eq!(there, None, "`{text}`: {error}");
            probe::refused("key_id", &error);
        }
    }
}

fn any_key(source: &mut Source<'_>) {
    let (label, owner) = (text(source), text(source));
    assert_eq!(KeyId::of(&label, &owner).to_string(), oracle::key_id(&label, &owner));
    probe::note("get_key_id", "Ok");
}

fn neighbourhood(source: &mut Source<'_>) {
    let key_id = Objects::some_key_id(source);
    let mut peers = peers(source);
    peers.extend((0..source.below(8)).map(|_| text(source)));
    let mut node = NativeNode::<Memory>::over(cast().host().clone(), ":memory:").expect("an empty database opens");
    let origins = Origins::new(cast().host(), &cast().peers[2], 2);
    let near = node.call(
        origins,
        |call| Ok(call.get_neighbourhood(&key_id, vec![peers.clone()])?),
    );
    probe::call("get_neighbourhood", &near);
    if let Ok(near) = near {
        let few = peers.len() <= PEERS_MAX;
        assert_eq!(near, nearest(&key_id, if few { peers.clone() } else { Vec::new() }));
    }
    closer(source, &mut node, &key_id, peers);
}

fn closer(source: &mut Source<'_>, node: &mut NativeNode<Memory>, key_id: &str, own: Vec<String>) {
    let origins = || Origins::new(cast().host(), &cast().peers[2], 2);
    let mut lists = vec![own];
    lists.extend((0..source.below(2 * CLOSER_ASKED + CLOSEST_ASKED + 3)).map(|_| peers(source)));
    let step = source.below(4) as u8;
    let asked = node.call(origins(), |call| {
        Ok(call.get_closer(key_id, lists.clone(), step, HEDGE_MS)?)
    });
    probe::call("get_closer", &asked);
    if let Ok(closer) = &asked {
        let named = |peer: &String| lists.iter().flatten().any(|other| other == peer);
        assert!(closer.ask.len() <= CLOSER_ASKED + CLOSEST_ASKED && closer.ask.iter().all(named));
        assert_eq!(closer.enough.is_empty(), closer.ask.is_empty());
    }
    let ended = node.call(origins(), |call| Ok(call.get_neighbourhood(key_id, lists.clone())?));
    probe::call("get_neighbourhood", &ended);
    if let Ok(found) = ended {
        // Nobody is there that nobody has named, and what is there is in order.
        assert_eq!(nearest(key_id, found.clone()), found);
        let named = |peer: &String| peer == cast().host().id() || lists.iter().flatten().any(|other| other == peer);
        assert!(found.iter().all(named));
    }
}

/// The twenty closest, this host among them, by sorting all.
fn nearest(key_id: &str, mut peers: Vec<String>) -> Vec<String> {
    let target = oracle::sha256(&[&[0x12, key_id.len() as u8], key_id.as_bytes()].concat());
    peers.push(cast().host().id().to_owned());
    peers.sort();
    peers.dedup();
    let mut near: Vec<(Vec<u8>, String)> = peers
        .into_iter()
        .filter(|peer| peer.len() <= 64)
        .filter_map(|peer| {
            let point = oracle::sha256(&oracle::unbase58(&peer)?);
            Some((point.iter().zip(target).map(|(one, two)| one ^ two).collect(), peer))
        })
        .collect();
    near.sort();
    near.into_iter().take(20).map(|(_, peer)| peer).collect()
}
