use fluence_keypair::key_pair::KeyFormat;
use fluence_keypair::KeyPair;
use registry_testkit::Peer;
use serde_json::json;

use crate::{ensure, Failure, World, NOW};

/// A provider's signature that leaked from one record must not make another one, of another issuer and value, genuine.
pub(super) fn a_providers_signature_signs_no_other_record(world: &mut World) -> Result<(), Failure> {
    let (victim, attacker) = (Peer::named("victim"), Peer::named("attacker"));
    let key_id = world.key("label")?;
    let genuine = world.put_own(&victim, &key_id, "genuine", NOW)?;
    let metadata = world.metadata((&attacker, &victim), &key_id, "forged", NOW)?;
    let forged = json!({ "metadata": metadata, "timestamp_created": NOW, "signature": genuine["signature"] });
    let outcome = world.put_record(&forged, &attacker, NOW)?;
    let values = world.values(&key_id, NOW)?;
    ensure!(
        !outcome.success && !values.contains("forged"),
        "the signature over one record was taken for another"
    );
    Ok(())
}

/// Nor may it be used to renew the record for ever.
pub(super) fn a_providers_signature_covers_the_time_of_creation(world: &mut World) -> Result<(), Failure> {
    let provider = Peer::named("provider");
    let key_id = world.key("label")?;
    let mut record = world.put_own(&provider, &key_id, "value", NOW)?;
    record["timestamp_created"] = json!(NOW + 20);
    let outcome = world.put_record(&record, &provider, NOW + 20)?;
    let records = world.records(&key_id, NOW + 20)?;
    ensure!(
        !outcome.success && records.iter().all(|record| record["timestamp_created"] == NOW),
        "a record was renewed without its provider"
    );
    Ok(())
}

/// With lengths of one byte, a tombstone's solution of 256 bytes says the same as a record's empty one, its value of
/// 247 bytes and two empty lists: the issuer's signature over the record would delete it.
pub(super) fn a_record_is_never_signed_like_a_tombstone(world: &mut World) -> Result<(), Failure> {
    let issuer = Peer::named("issuer");
    let key_id = world.key("label")?;
    let value = "v".repeat(247);
    let record = world.put_own(&issuer, &key_id, &value, NOW)?;
    let solution = [&[247][..], value.as_bytes(), &[0; 8]].concat();
    let tombstone = json!([
        key_id,
        issuer.id(),
        issuer.id(),
        NOW,
        solution,
        record["metadata"]["issuer_signature"],
        NOW
    ]);
    let outcome = world.by_client("add_tombstone", tombstone)?;
    let values = world.values(&key_id, NOW)?;
    ensure!(
        !outcome.success && values.contains(&value),
        "the signature over a record was taken for a tombstone"
    );
    Ok(())
}

/// Keys of the other kinds; all other checks use ed25519.
fn peers_of_other_kinds() -> Result<[Peer; 2], Failure> {
    let secp256k1 = KeyPair::from_secret_key(vec![7; 32], KeyFormat::Secp256k1);
    let mut pkcs8 = include_bytes!("../../../../service/tests/behaviour/fixtures/rsa2048.pk8").to_vec();
    let rsa = KeyPair::rsa_from_pkcs8(&mut pkcs8);
    match (secp256k1, rsa) {
        (Ok(secp256k1), Ok(rsa)) => Ok([Peer::of(secp256k1), Peer::of(rsa)]),
        (Err(error), _) | (_, Err(error)) => Err(error.to_string().into()),
    }
}

pub(super) fn peers_of_every_kind_of_key_can_register_and_provide(world: &mut World) -> Result<(), Failure> {
    for peer in peers_of_other_kinds()? {
        let registered = world.register_key(&peer, "label", NOW)?.ok()?;
        let key_id = registered["key_id"].as_str().unwrap_or_default().to_owned();
        world.put_own(&peer, &key_id, "value", NOW)?;
        world.add_tombstone((&peer, &peer), &key_id, NOW + 1, NOW + 1)?.ok()?;
        ensure!(world.records(&key_id, NOW + 1)?.is_empty(), "the record is still there");
    }
    Ok(())
}

pub(super) fn a_signature_over_something_else_is_refused_for_every_kind_of_key(
    world: &mut World,
) -> Result<(), Failure> {
    let key_id = world.key("label")?;
    for peer in peers_of_other_kinds()? {
        let mut record = world.own_record(&peer, &key_id, "forged", NOW)?;
        let something_else = json!(peer.sign(b"something else"));
        record["signature"] = something_else.clone();
        record["metadata"]["issuer_signature"] = something_else;
        world.put_record(&record, &peer, NOW)?;
        world.republish_records(&[record], NOW)?;
    }
    ensure!(
        world.records(&key_id, NOW)?.is_empty(),
        "a record with a signature over something else came in"
    );
    Ok(())
}
