//! The services that a client has without being asked: its clock, and its signature under what the registry computed.

use std::time::Duration;

use fluence_keypair::KeyPair;
use marine_host::SecurityTetraplet;
use serde_json::{json, Value};

use crate::serve::Call;

/// What the client signs: the encodings of its own keys, records and tombstones.
const SIGNED: &[&str] = &[
    "get_key_bytes",
    "get_record_bytes",
    "get_record_metadata_bytes",
    "get_tombstone_bytes",
];
/// `peer.timeout` waits no longer than a particle can live.
const TIMEOUT_MAX_MS: u64 = 24 * 3_600 * 1_000;

/// When a service answers.
pub(super) enum Answer {
    Now(Result<Value, String>),
    After(Duration, Value),
}

/// The answer, or `None` where there is no such service.
pub(super) fn answer(call: &Call, peer_id: &str, key_pair: &KeyPair, now_ms: u64) -> Option<Answer> {
    let result = match (call.service_id.as_str(), call.function.as_str()) {
        ("sig", "sign") => Ok(sign(call, peer_id, key_pair)),
        ("sig", "get_peer_id") => Ok(json!(peer_id)),
        ("peer", "timestamp_ms") => Ok(json!(now_ms)),
        ("peer", "timestamp_sec") => Ok(json!(now_ms / 1_000)),
        ("peer", "timeout") => match timeout(&call.arguments) {
            Ok((duration, message)) => return Some(Answer::After(duration, message)),
            Err(error) => Err(error),
        },
        ("peer", "identify") => Ok(json!({
            "external_addresses": [],
            "node_version": concat!("registry-client-", env!("CARGO_PKG_VERSION")),
            "air_version": air_interpreter_wasm::VERSION,
            "spell_version": "",
            "allowed_binaries": [],
        })),
        ("op", "noop") => Ok(json!("")),
        ("op", "identity") => Ok(call.arguments.first().cloned().unwrap_or(Value::Null)),
        ("op", "concat_strings") => concat_strings(&call.arguments),
        _ => return None,
    };
    Some(Answer::Now(result))
}

/// A refusal is a result, not a failure: scripts read it.
fn sign(call: &Call, peer_id: &str, key_pair: &KeyPair) -> Value {
    let signed = allowed(call, peer_id).and_then(|()| {
        let data = call.arguments.first().cloned().unwrap_or(Value::Null);
        let data: Vec<u8> =
            serde_json::from_value(data).map_err(|_| "the data to sign is no list of bytes".to_owned())?;
        key_pair.sign(&data).map_err(|error| error.to_string())
    });
    match signed {
        Ok(signature) => json!({"success": true, "error": [], "signature": [signature.to_vec()]}),
        Err(reason) => json!({"success": false, "error": [reason], "signature": []}),
    }
}

/// The client signs in its own scripts only, and only what a registry returned as bytes to sign.
fn allowed(call: &Call, peer_id: &str) -> Result<(), String> {
    if call.init_peer_id != peer_id {
        return Err(format!(
            "{peer_id} signs only for scripts that it started itself, this one comes from {}",
            call.init_peer_id
        ));
    }
    let Some(
        [SecurityTetraplet {
            service_id,
            function_name,
            lens,
            ..
        }],
    ) = call.tetraplets.first().map(Vec::as_slice)
    else {
        return Err("the data to sign is not a single value with one origin".to_owned());
    };
    if service_id != "registry" || !SIGNED.contains(&function_name.as_str()) || !lens.is_empty() {
        return Err(format!(
            "only the result of registry.{} is signed, this data comes from {service_id}.{function_name}{lens}",
            SIGNED.join(" | registry.")
        ));
    }
    Ok(())
}

fn timeout(arguments: &[Value]) -> Result<(Duration, Value), String> {
    let duration = arguments.first().unwrap_or(&Value::Null);
    let duration_ms = match duration {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    };
    let duration_ms = duration_ms.ok_or_else(|| format!("argument `duration_ms`: {duration} is no duration"))?;
    let message = match arguments.get(1) {
        Some(Value::Array(items)) => items.first().cloned(),
        other => other.cloned(),
    };
    let duration = Duration::from_millis(duration_ms.min(TIMEOUT_MAX_MS));
    Ok((duration, message.unwrap_or_else(|| json!(""))))
}

fn concat_strings(arguments: &[Value]) -> Result<Value, String> {
    let texts = arguments.iter().map(Value::as_str).collect::<Option<Vec<_>>>();
    texts
        .map(|texts| json!(texts.concat()))
        .ok_or_else(|| "concat_strings takes strings".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fluence_keypair::{KeyFormat, Signature};

    fn call(init_peer_id: &str, origin: SecurityTetraplet) -> Call {
        Call {
            service_id: "sig".into(),
            function: "sign".into(),
            arguments: vec![json!([1, 2, 3])],
            tetraplets: vec![vec![origin]],
            init_peer_id: init_peer_id.into(),
            particle_id: "p".into(),
        }
    }

    fn sign_of(init_peer_id: &str, origin: SecurityTetraplet) -> Value {
        let key_pair = KeyPair::from_secret_key(vec![7; 32], KeyFormat::Ed25519).unwrap();
        let answer = answer(&call(init_peer_id, origin), "me", &key_pair, 0);
        let Some(Answer::Now(Ok(signed))) = answer else {
            panic!("a refusal is no failure");
        };
        if let Ok(signature) = serde_json::from_value::<Vec<u8>>(signed["signature"][0].clone()) {
            let signature = Signature::from_bytes(KeyFormat::Ed25519, signature);
            key_pair.public().verify(&[1, 2, 3], &signature).unwrap();
        }
        signed
    }

    #[test]
    fn a_client_signs_the_four_encodings_in_its_own_scripts() {
        for function in SIGNED {
            let signed = sign_of("me", SecurityTetraplet::new("relay", "registry", *function, ""));
            assert_eq!(signed["success"], json!(true), "{signed}");
        }
    }

    #[test]
    fn a_client_signs_nothing_else_and_for_nobody_else() {
        let of = SecurityTetraplet::new;
        for (initiator, origin) in [
            ("other", of("relay", "registry", "get_key_bytes", "")),
            ("me", of("relay", "registry", "get_key_id", "")),
            ("me", of("relay", "registry", "get_key_bytes", ".$.[0]")),
            ("me", of("relay", "op", "get_key_bytes", "")),
        ] {
            let signed = sign_of(initiator, origin);
            assert_eq!(signed["success"], json!(false), "{signed}");
            assert_eq!(signed["signature"], json!([]));
        }
    }
}
