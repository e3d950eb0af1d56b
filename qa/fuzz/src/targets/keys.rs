//! Keys.

use registry_service::domain::data::Key;
use registry_service::domain::KeyId;

use super::stage::{Needs, Stage};
use crate::input::{Argument, Objects};
use crate::oracle;

pub(super) const FUNCTIONS: &[&str] = &[
    "get_key_bytes",
    "get_key_id",
    "register_key",
    "get_key_metadata",
    "republish_key",
    "create_key",
    "open_key",
];

pub(super) fn step(stage: &mut Stage<'_>) {
    match stage.source.below(8) {
        0..=2 => register_key(stage),
        3..=4 => republish_key(stage),
        5 => get_key_metadata(stage),
        6 if stage.source.below(2) == 0 => open_key(stage),
        6 => get_key_bytes(stage),
        _ => create_key(stage),
    }
}

fn register_key(stage: &mut Stage<'_>) {
    let key = Objects::key(&mut stage.source);
    let now = stage.now();
    let owners = owners(stage, &key);
    let weight = stage.weight(&key.owner_peer_id);
    let arguments = [Argument::Weight(6), Argument::Time(7)];
    let needs = Needs::weighed(&weight);
    let registered = stage.call("register_key", (8, &arguments), needs, |call| {
        call.register_key(owners, key.clone(), &weight, now)
    });
    if let Ok(id) = registered {
        let read = stage.node().get_key_metadata(&id.to_string()).expect("it is here");
        stage.check_key("register_key", &read);
        assert!(read.timestamp_created >= key.timestamp_created, "an older key stayed");
    }
}

/// Whom the call names as the owner: the owner mostly.
fn owners(stage: &mut Stage<'_>, key: &Key) -> Vec<String> {
    match stage.source.below(8) {
        0..=5 => vec![key.owner_peer_id.clone()],
        6 => Vec::new(),
        _ => vec![key.owner_peer_id.clone(); stage.source.count(2)],
    }
}

fn republish_key(stage: &mut Stage<'_>) {
    let key = Objects::key(&mut stage.source);
    let now = stage.now();
    let weight = stage.weight(&key.owner_peer_id);
    let arguments = [Argument::Weight(1), Argument::Time(2)];
    let needs = Needs::weighed(&weight);
    let republished = stage.call("republish_key", (3, &arguments), needs, |call| {
        call.republish_key(key.clone(), &weight, now)
    });
    if republished.is_ok() {
        stage.check_key("republish_key", &key);
    }
}

fn get_key_metadata(stage: &mut Stage<'_>) {
    let key_id = Objects::some_key_id(&mut stage.source);
    let read = stage.call("get_key_metadata", (1, &[]), Needs::default(), |call| {
        call.get_key_metadata(&key_id)
    });
    if let Ok(key) = read {
        assert_eq!(key.id, key_id);
        stage.check_key("get_key_metadata", &key);
    }
}

fn get_key_bytes(stage: &mut Stage<'_>) {
    let key = Objects::key(&mut stage.source);
    let owners = owners(stage, &key);
    let named = owners.clone();
    let bytes = stage.call("get_key_bytes", (5, &[]), Needs::default(), |call| {
        call.get_key_bytes(owners, key.clone())
    });
    if let (Ok(bytes), [_]) = (bytes, named.as_slice()) {
        assert_eq!(bytes, oracle::key_bytes(&key));
    }
    let id = KeyId::of(&key.label, &key.owner_peer_id).to_string();
    assert_eq!(id, oracle::key_id(&key.label, &key.owner_peer_id), "get_key_id");
}

fn open_key(stage: &mut Stage<'_>) {
    let label = Objects::key(&mut stage.source).label;
    let now = stage.now();
    let made = stage.call("open_key", (2, &[Argument::Time(1)]), Needs::TIME, |call| {
        call.open_key(&label, now)
    });
    if let Ok(key) = made {
        assert_eq!((key.label.as_str(), key.timestamp_created), (label.as_str(), now));
        stage.check_key("open_key", &key);
    }
}

fn create_key(stage: &mut Stage<'_>) {
    let key = Objects::key(&mut stage.source);
    let created = stage.call("create_key", (3, &[]), Needs::default(), |call| {
        Ok(call.create_key(key.label.clone(), key.timestamp_created, key.signature.clone()))
    });
    if let Ok(created) = created {
        assert_eq!(created.id, oracle::key_id(&created.label, &created.owner_peer_id));
    }
}
