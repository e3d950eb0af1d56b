//! A node that has others put off what they would exchange. Of each victim it reads what that holds, as anybody can, and then says
//! to it that it holds the same and belongs to the neighbourhood.

use std::collections::{BTreeSet, HashMap};

use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::Engine;
use devnet::{PeerIndex, Query};
use eyre::{ensure, Result, WrapErr};
use serde_json::{json, Value};
use sha2::{Digest, Sha256};

use crate::world::{World, INTERVAL_SEC};

/// The first number of every text of replication.
const VERSION: u8 = 1;
const KEY_TAG_LEN: usize = 8;
const FINGERPRINT_LEN: usize = 16;
/// After a lie a key is not due for that long, at least.
const PUT_OFF_SEC: u64 = INTERVAL_SEC - INTERVAL_SEC / 10;

#[derive(Debug)]
pub(crate) struct Liar {
    node: PeerIndex,
    /// Of what was read before, by its text.
    digests: HashMap<String, [u8; 32]>,
}

impl Liar {
    pub(crate) fn new(node: PeerIndex) -> Self {
        Self {
            node,
            digests: HashMap::new(),
        }
    }

    pub(crate) fn node(&self) -> PeerIndex {
        self.node
    }

    /// Lies to all others about these keys, and counts how many keys they put off by it.
    ///
    /// # Errors
    /// Where a registry does not answer.
    pub(crate) fn lie(&mut self, world: &mut World, keys: &[String]) -> Result<()> {
        let mut victims = world.live_nodes();
        victims.retain(|victim| *victim != self.node);
        for victim in victims {
            let before = world.backlog_in(victim, PUT_OFF_SEC)?.due;
            world.figures.keys_lied_about += self.lie_to(world, victim, keys)?;
            let after = world.backlog_in(victim, PUT_OFF_SEC)?.due;
            world.figures.keys_put_off += before.saturating_sub(after);
        }
        Ok(())
    }

    /// Of how many keys the victim holds something.
    fn lie_to(&mut self, world: &mut World, victim: PeerIndex, keys: &[String]) -> Result<u64> {
        let mut text = Vec::new();
        let mut count = 0;
        for key_id in keys {
            if let Some(digest) = self.digest_of(world, victim, key_id)? {
                text.extend(digest);
                count += 1;
            }
        }
        if count == 0 {
            return Ok(0);
        }
        // In postcard a length below 128 is one byte, and more than that many keys no scenario of lies has. The last byte is the
        // length of the set of those that are outside: none.
        ensure!(count < 128, "{count} keys are too many for one byte");
        let text = [&[VERSION, count as u8][..], &text, &[0]].concat();
        let liar = world.id(self.node);
        let compare = Query::new("registry", "compare_replica")
            .arg(STANDARD_NO_PAD.encode(text))
            .arg("*");
        let answer = world.ask(victim, &compare.now().init_peer_id(liar))?;
        ensure!(answer["success"] == json!(true), "{victim}: {answer}");
        Ok(count)
    }

    /// The tag of a key and the fingerprint of what the victim holds of it, if it holds the key.
    fn digest_of(&mut self, world: &mut World, victim: PeerIndex, key_id: &str) -> Result<Option<Vec<u8>>> {
        let liar = world.id(self.node);
        let query = |function: &str| Query::new("registry", function).arg(key_id).init_peer_id(&*liar);
        let held = world.ask(victim, &query("get_key_metadata"))?;
        if held["success"] != json!(true) {
            return Ok(None);
        }
        let mut digests = BTreeSet::from([self.digest(world, &held["key"], "signature", key_bytes)?]);
        let expired_sec = world.now_sec() - world.options.lifetime().as_secs();
        let records = world.ask(victim, &query("get_records").now())?;
        for record in records["result"].as_array().into_iter().flatten() {
            // What is not signed, or lives on its own host alone, is passed on by nobody.
            let is_signed = record["signature"].as_array().is_some_and(|bytes| !bytes.is_empty());
            if is_signed && record["timestamp_created"].as_u64() > Some(expired_sec) {
                digests.insert(self.digest(world, record, "signature", record_bytes)?);
            }
        }
        let tombstones = world.ask(victim, &query("get_tombstones").now())?;
        for tombstone in tombstones["result"].as_array().into_iter().flatten() {
            digests.insert(self.digest(world, tombstone, "issuer_signature", tombstone_bytes)?);
        }
        let id = bs58::decode(key_id).into_vec()?;
        let mut hash = Sha256::new_with_prefix(&id);
        digests.iter().for_each(|digest| hash.update(digest));
        Ok(Some([&id[..KEY_TAG_LEN], &hash.finalize()[..FINGERPRINT_LEN]].concat()))
    }

    /// The sha256 of the signed bytes and the signature.
    fn digest(
        &mut self,
        world: &mut World,
        signed: &Value,
        signature: &str,
        bytes_of: fn(&Value) -> Query,
    ) -> Result<[u8; 32]> {
        let text = signed.to_string();
        if let Some(digest) = self.digests.get(&text) {
            return Ok(*digest);
        }
        let signed_bytes: Vec<u8> =
            serde_json::from_value(world.ask(self.node, &bytes_of(signed))?).wrap_err("the signed bytes")?;
        let signature: Vec<u8> = serde_json::from_value(signed[signature].clone()).wrap_err("the signature")?;
        let hash = Sha256::new_with_prefix(signed_bytes).chain_update(signature);
        let digest = hash.finalize().into();
        self.digests.insert(text, digest);
        Ok(digest)
    }
}

fn key_bytes(key: &Value) -> Query {
    Query::new("registry", "get_key_bytes")
        .arg(key["label"].clone())
        .arg(json!([key["owner_peer_id"]]))
        .arg(key["timestamp_created"].clone())
        .arg(key["challenge"].clone())
        .arg(key["challenge_type"].clone())
}

fn record_bytes(record: &Value) -> Query {
    Query::new("registry", "get_record_bytes")
        .arg(record["metadata"].clone())
        .arg(record["timestamp_created"].clone())
}

fn tombstone_bytes(tombstone: &Value) -> Query {
    let fields = ["key_id", "issued_by", "peer_id", "timestamp_issued", "solution"];
    let query = Query::new("registry", "get_tombstone_bytes");
    fields
        .iter()
        .fold(query, |query, field| query.arg(tombstone[*field].clone()))
}
