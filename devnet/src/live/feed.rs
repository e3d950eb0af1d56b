//! What scripts do with the registry, told one by one with what each cost.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{Cost, Deed};
use crate::service::ServiceCall;
use crate::{Particle, VirtualTime};

/// A script that nothing has come of for this long is told of.
const QUIET: Duration = Duration::from_millis(500);
/// A script is forgotten when nothing has come of it for this long.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// Scripts that are watched at the same time; what more there is goes untold.
const WATCHED_MAX: usize = 4096;
/// Keys that are named with one script.
const KEYS_MAX: usize = 8;
/// Where a key's id may stand in what a service was given or has answered: this far inside.
const DEPTH_MAX: usize = 4;
/// Letters of a key's id: 32 bytes in base58.
const KEY_ID_LEN: std::ops::RangeInclusive<usize> = 42..=44;

/// What one script has done so far.
#[derive(Debug)]
struct Watched {
    initiator: Arc<str>,
    deed: Option<Deed>,
    keys: BTreeSet<String>,
    active: VirtualTime,
    is_told: bool,
}

/// A script that has come to rest.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) particle_id: Arc<str>,
    pub(super) initiator: String,
    pub(super) deed: Deed,
    pub(super) keys: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Feed {
    watched: HashMap<Arc<str>, Watched>,
}

impl Feed {
    pub(super) fn called(&mut self, now: VirtualTime, particle: &Particle, call: &ServiceCall, answer: &Value) {
        if call.service != "registry" || !self.watched.contains_key(&particle.id) && self.watched.len() >= WATCHED_MAX {
            return;
        }
        let watched = self.watched.entry(particle.id.clone()).or_insert_with(|| Watched {
            initiator: particle.init_peer_id.clone(),
            deed: None,
            keys: BTreeSet::new(),
            active: now,
            is_told: false,
        });
        watched.active = now;
        watched.deed = watched.deed.max(deed(call, answer));
        for value in call.args.iter().chain([answer]) {
            collect_keys(value, 0, &mut watched.keys);
        }
    }

    /// When there will be something to tell.
    pub(super) fn next_at(&self) -> Option<VirtualTime> {
        let waiting = self.watched.values().filter(|watched| !watched.is_told);
        let due = waiting.map(|watched| match watched.deed {
            Some(_) => watched.active + QUIET,
            None => watched.active + FORGOTTEN_AFTER,
        });
        due.min()
    }

    /// Whoever has been quiet long enough, each once. They are forgotten a minute later. A script that has done nothing yet may only be slow:
    /// whoever registers looks up first.
    pub(super) fn take(&mut self, now: VirtualTime) -> Vec<Told> {
        let mut told = Vec::new();
        for (particle_id, watched) in &mut self.watched {
            if watched.is_told || now < watched.active + QUIET {
                continue;
            }
            let Some(deed) = watched.deed else { continue };
            watched.is_told = true;
            told.push(Told {
                particle_id: particle_id.clone(),
                initiator: watched.initiator.to_string(),
                deed,
                keys: watched.keys.iter().cloned().collect(),
            });
        }
        self.watched.retain(|_, watched| now < watched.active + FORGOTTEN_AFTER);
        told
    }
}

/// What a call of the registry does. Of several the strongest counts: whoever registers looks up first.
fn deed(call: &ServiceCall, answer: &Value) -> Option<Deed> {
    let holds = |index: usize| call.arg(index).as_array().is_some_and(|items| !items.is_empty());
    let counts = ["count_keys", "count_records", "count_tombstones"];
    match call.function.as_str() {
        "clear_expired" | "clear_expired_every" => {
            let is_some = |count: &&str| answer[*count].as_u64().is_some_and(|rows| rows > 0);
            counts.iter().any(is_some).then_some(Deed::Expired)
        }
        // What a node puts at itself is its own, signed anew.
        "put_record" if call.arg(0)["peer_id"] == call.peer_id.as_str() => Some(Deed::Renewed),
        "take_replica" | "republish_key" | "republish_records" | "republish_tombstones" => Some(Deed::Replicated),
        "add_tombstone" => Some(Deed::Deleted),
        "put_record" | "put_host_record" => Some(Deed::Registered),
        "register_key" => Some(Deed::Created),
        // Keys, records, what hosts have taken in, tombstones.
        "spread" | "publish" if holds(3) => Some(Deed::Deleted),
        "spread" | "publish" if holds(1) || holds(2) => Some(Deed::Registered),
        "spread" | "publish" if holds(0) => Some(Deed::Created),
        // With a provider it is the look-up before something is written.
        "begin_lookup" if call.arg(1) == "" => Some(Deed::Resolved),
        "get_records" => Some(Deed::Resolved),
        _ => None,
    }
}

fn collect_keys(value: &Value, depth: usize, keys: &mut BTreeSet<String>) {
    if depth > DEPTH_MAX || keys.len() >= KEYS_MAX {
        return;
    }
    match value {
        Value::String(text) if depth == 0 => collect_key(text, keys),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "key_id" || name == "id" => collect_key(text, keys),
                    value => collect_keys(value, depth + 1, keys),
                }
            }
        }
        Value::Array(items) => items.iter().take(KEYS_MAX).for_each(|item| {
            if !item.is_string() {
                collect_keys(item, depth + 1, keys);
            }
        }),
        _ => {}
    }
}

fn collect_key(text: &str, keys: &mut BTreeSet<String>) {
    let is_key = KEY_ID_LEN.contains(&text.len()) && bs58::decode(text).into_vec().is_ok_and(|bytes| bytes.len() == 32);
    if is_key && keys.len() < KEYS_MAX {
        keys.insert(text.to_owned());
    }
}

/// What a particle has cost so far.
pub(super) fn cost(stats: &crate::ParticleStats) -> Cost {
    let ms = |time: Duration| (time.as_secs_f64() * 10_000.0).round() / 10.0;
    Cost {
        messages: stats.hops,
        bytes: stats.bytes,
        nodes: stats.peers.len(),
        avm_ms: ms(stats.avm_time),
        service_ms: ms(stats.service_time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KEY: &str = "4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM";

    fn call(feed: &mut Feed, ms: u64, id: &str, function: &str, answer: Value) {
        call_with(feed, ms, id, function, json!([KEY]), answer);
    }

    fn call_with(feed: &mut Feed, ms: u64, id: &str, function: &str, args: Value, answer: Value) {
        let call = ServiceCall {
            peer_id: "node".into(),
            service: "registry".into(),
            function: function.into(),
            args: args.as_array().unwrap().clone(),
            tetraplets: Vec::new(),
            particle_id: id.into(),
            init_peer_id: "client".into(),
            unix_ms: 0,
        };
        let particle = Particle {
            id: id.into(),
            init_peer_id: "client".into(),
            timestamp: 0,
            ttl: 7_000,
            script: "".into(),
            signature: Arc::new([]),
            data: Vec::new(),
        };
        feed.called(Duration::from_millis(ms), &particle, &call, &answer);
    }

    #[test]
    fn a_script_is_told_of_once_when_it_has_come_to_rest() {
        let mut feed = Feed::default();
        call(&mut feed, 0, "p", "get_records", json!({}));
        call(&mut feed, 400, "p", "put_record", json!({}));
        assert_eq!(feed.next_at(), Some(Duration::from_millis(900)));
        assert!(feed.take(Duration::from_millis(899)).is_empty());
        let told = feed.take(Duration::from_millis(900));
        assert_eq!((told.len(), told[0].deed), (1, Deed::Registered));
        assert_eq!(told[0].keys, [KEY]);
        assert!(feed.take(Duration::from_secs(10)).is_empty());
        assert_eq!(feed.next_at(), None);
    }

    #[test]
    fn what_is_published_tells_what_is_done() {
        let key = json!({"id": KEY, "label": "chat"});
        for (args, expected) in [
            (json!([[key], [], [], []]), Deed::Created),
            (json!([[key], [{}], [], []]), Deed::Registered),
            (json!([[key], [], [{}], []]), Deed::Registered),
            (json!([[key], [], [], [{}]]), Deed::Deleted),
        ] {
            let mut feed = Feed::default();
            call_with(&mut feed, 0, "p", "begin_lookup", json!([KEY, "provider"]), json!({}));
            call_with(&mut feed, 0, "p", "publish", args, json!({}));
            let told = feed.take(Duration::from_secs(1));
            assert_eq!((told[0].deed, &*told[0].keys), (expected, &[KEY.to_owned()][..]));
        }
    }

    #[test]
    fn a_script_that_looks_up_slowly_is_told_of_when_it_has_registered() {
        let mut feed = Feed::default();
        call_with(&mut feed, 0, "p", "begin_lookup", json!([KEY, "provider"]), json!({}));
        assert!(feed.take(Duration::from_secs(5)).is_empty());
        call_with(&mut feed, 6_000, "p", "put_record", json!([KEY]), json!({}));
        let told = feed.take(Duration::from_secs(7));
        assert_eq!((told.len(), told[0].deed), (1, Deed::Registered));
        call_with(
            &mut feed,
            7_000,
            "nothing",
            "begin_lookup",
            json!([KEY, "provider"]),
            json!({}),
        );
        assert_eq!(feed.next_at(), Some(Duration::from_secs(67)));
        assert!(feed.take(Duration::from_secs(67)).is_empty());
        assert!(feed.watched.is_empty());
    }

    #[test]
    fn clearing_is_told_of_where_something_had_expired() {
        let mut feed = Feed::default();
        call(&mut feed, 0, "nothing", "clear_expired", json!({"count_keys": 0}));
        call(&mut feed, 0, "one", "clear_expired_every", json!({"count_records": 1}));
        let told = feed.take(Duration::from_secs(1));
        assert_eq!((told.len(), told[0].deed), (1, Deed::Expired));
    }

    #[test]
    fn no_more_scripts_are_watched_than_there_is_room_for() {
        let mut feed = Feed::default();
        for i in 0..=WATCHED_MAX {
            call(&mut feed, 0, &i.to_string(), "get_records", json!({}));
        }
        assert_eq!(feed.watched.len(), WATCHED_MAX);
        assert_eq!(feed.take(Duration::from_secs(1)).len(), WATCHED_MAX);
        feed.take(Duration::from_secs(61));
        assert!(feed.watched.is_empty());
    }
}
