//! `kad`: who is close to a key.

use serde_json::{json, Value};

use super::op::from_base58;
use super::{Args, Host};
use crate::kademlia::{merge_target, neighbourhood_target, Point, REPLICATION_FACTOR};

/// A node that another one knows.
#[derive(Debug, Clone)]
pub(crate) struct Neighbour {
    pub(crate) peer_id: String,
    pub(crate) point: Point,
}

pub(super) fn call(host: &Host<'_>, function: &str, args: Args<'_>) -> Option<Result<Value, String>> {
    Some(match function {
        "neighborhood" => neighbourhood(host, args).map(|ids| json!(ids)),
        "neigh_with_addrs" => neighbourhood(host, args).map(|ids| {
            let with_addresses = |id: String| json!({"peer_id": id, "addresses": []});
            ids.into_iter().map(with_addresses).collect()
        }),
        "merge" => merge(args),
        _ => return None,
    })
}

/// The closest of the nodes that the host knows, 20 unless `count` says otherwise; the host itself is never among them.
fn neighbourhood(host: &Host<'_>, mut args: Args<'_>) -> Result<Vec<String>, String> {
    let key = from_base58(&args.next::<String>("key")?)?;
    let already_hashed = args.next_opt::<bool>("already_hashed")?.unwrap_or(false);
    let count = args.next_opt("count")?.unwrap_or(REPLICATION_FACTOR);
    let target = neighbourhood_target(&key, already_hashed)?;

    let mut known = (host.known)();
    known.retain(|n| n.peer_id != host.peer_id);
    known.sort_by_cached_key(|n| target.distance(&n.point));
    known.truncate(count);
    Ok(known.into_iter().map(|n| n.peer_id).collect())
}

/// Both lists together, by distance to the target's bare bytes, without repetition.
fn merge(mut args: Args<'_>) -> Result<Value, String> {
    let target = from_base58(&args.next::<String>("target")?)?;
    let mut ids: Vec<String> = args.next("left")?;
    ids.append(&mut args.next("right")?);
    let count = args.next_opt("count")?.unwrap_or(REPLICATION_FACTOR);
    let target = merge_target(&target)?;

    let mut by_distance = Vec::with_capacity(ids.len());
    for id in ids {
        by_distance.push((target.distance(&Point::of(&from_base58(&id)?)), id));
    }
    by_distance.sort();
    by_distance.dedup();
    by_distance.truncate(count);
    Ok(by_distance.into_iter().map(|(_, id)| id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtins::testing::{ask, ask_knowing, HOST};

    fn known(n: usize) -> Vec<Neighbour> {
        let neighbour = |i| {
            let id = crate::identity::key_pair(1, i).get_peer_id();
            Neighbour {
                peer_id: id.to_base58(),
                point: Point::of(&id.to_bytes()),
            }
        };
        (0..n).map(neighbour).collect()
    }

    fn ids(answer: Value) -> Vec<String> {
        serde_json::from_value(answer).unwrap()
    }

    #[test]
    fn a_neighbourhood_is_the_20_closest_without_the_node_itself() {
        let mut known = known(30);
        known[0].peer_id = HOST.into();
        let key = bs58::encode("label").into_string();
        let found = ids(ask_knowing(&known, "kad", "neighborhood", json!([key])).unwrap());
        let target = Point::of(b"\x12\x05label");
        let mut expected: Vec<_> = known[1..].iter().collect();
        expected.sort_by_key(|n| target.distance(&n.point));
        let expected: Vec<_> = expected[..20].iter().map(|n| n.peer_id.clone()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn count_says_how_many_peers_a_neighbourhood_has() {
        let key = bs58::encode("label").into_string();
        let ask = |args| ids(ask_knowing(&known(30), "kad", "neighborhood", args).unwrap());
        assert_eq!(ask(json!([key, [], [3]])).len(), 3);
        assert_eq!(ask(json!([key])).len(), 20);
        assert_eq!(ask(json!([key, [], [100]])).len(), 30);
        assert_eq!(ask(json!([key, [], [3]]))[..], ask(json!([key]))[..3]);
    }

    #[test]
    fn a_key_of_more_than_64_bytes_is_refused() {
        let key = bs58::encode([7; 65]).into_string();
        let error = ask("kad", "neighborhood", json!([key])).unwrap_err();
        assert!(error.as_str().unwrap().contains("64"), "{error}");
        assert!(ask("kad", "merge", json!([key, [], []])).is_err());
    }

    #[test]
    fn merge_of_the_multihash_keeps_the_order_of_the_neighbourhood() {
        let known = known(20);
        let key = bs58::encode("label").into_string();
        let multihash = bs58::encode(b"\x12\x05label").into_string();
        let near = ids(ask_knowing(&known, "kad", "neighborhood", json!([key])).unwrap());
        let (left, right) = (&near[5..], &near[..8]);
        let merge = |target, count: Value| ids(ask("kad", "merge", json!([target, left, right, count])).unwrap());
        assert_eq!(merge(&multihash, json!([])), near);
        assert_eq!(merge(&multihash, json!([4])), near[..4]);
        assert_ne!(merge(&key, json!([])), near, "the bare key is another target");
    }
}
