//! Directories, as docs/API.md has them: services of clients that list providers.

use registry_client::{Client, KeyPair, ResourceId, DIRECTORY};
use serde_json::{json, Value};
use sha2::{Digest, Sha256};

const PAGE_LEN: usize = 250;

/// What a provider of its own signs, as docs/WIRE.md has it.
pub(crate) fn listed(id: &ResourceId, number: usize) -> Value {
    let seed = Sha256::digest(format!("provider {number}")).to_vec();
    let key = KeyPair::from_secret_key(seed, fluence_keypair::KeyFormat::Ed25519).unwrap();
    let peer_id = key.get_peer_id().to_base58();
    let value = format!("provider {number}");
    let mut hash = Sha256::new_with_prefix("fluence-registry/metadata/1");
    let mut field = |bytes: &[u8]| {
        hash.update((bytes.len() as u32).to_le_bytes());
        hash.update(bytes);
    };
    field(id.as_str().as_bytes());
    field(peer_id.as_bytes());
    field(peer_id.as_bytes());
    hash.update(1_700_000_000_u64.to_le_bytes());
    for bytes in [&[][..], value.as_bytes()] {
        hash.update((bytes.len() as u32).to_le_bytes());
        hash.update(bytes);
    }
    hash.update([0; 8]);
    let signature = key.sign(&hash.finalize()).unwrap().to_vec().to_vec();
    json!({
        "key_id": id, "value": value, "peer_id": peer_id, "set_by": peer_id, "relay_id": [], "service_id": [],
        "timestamp_created": 1_700_000_000, "solution": [], "signature": signature,
    })
}

/// Has a client be a directory of these records.
pub(crate) async fn offer(client: &Client, id: &ResourceId, records: Vec<Value>) {
    client.serve("directory", move |call| {
        let page = call.arguments[1].as_u64().unwrap_or(0) as usize;
        let records: Vec<Value> = records.iter().skip(page * PAGE_LEN).take(PAGE_LEN).cloned().collect();
        let known = call.function == "get_page";
        async move {
            match known {
                true => Ok(json!({"records": records, "left_out": []})),
                false => Err("a directory has pages".to_owned()),
            }
        }
    });
    client
        .register_provider(id, DIRECTORY, Some("directory"))
        .await
        .expect("a directory is registered");
}
