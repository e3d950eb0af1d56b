//! `sig`: signatures of the peer, and the guards that decide what it signs.

use fluence_keypair::{KeyFormat, Signature};
use serde_json::{json, Value};

use super::{Args, Host};
use crate::service::ServiceCall;

const NODE_SIGNS: &[&str] = &["get_record_bytes", "get_record_metadata_bytes"];
const CLIENT_SIGNS: &[&str] = &[
    "get_key_bytes",
    "get_record_bytes",
    "get_record_metadata_bytes",
    "get_tombstone_bytes",
];

pub(super) fn call(host: &Host<'_>, call: &ServiceCall, args: Args<'_>) -> Option<Result<Value, String>> {
    Some(match call.function.as_str() {
        "sign" if host.is_client => Ok(sign_on_client(host, call, args)),
        "sign" => sign_on_node(host, call, args),
        "verify" => verify(host, args),
        "get_peer_id" => Ok(json!(host.peer_id)),
        _ => return None,
    })
}

/// A node raises an error where its guard refuses.
fn sign_on_node(host: &Host<'_>, call: &ServiceCall, args: Args<'_>) -> Result<Value, String> {
    let allowed = comes_from_registry(call, NODE_SIGNS, Some(host.peer_id));
    is_initiator(host, call).and(allowed)?;
    Ok(sign(host, args).unwrap_or_else(refusal))
}

/// A client returns a failure where its guard refuses. It takes the bytes from any peer.
fn sign_on_client(host: &Host<'_>, call: &ServiceCall, args: Args<'_>) -> Value {
    let allowed = comes_from_registry(call, CLIENT_SIGNS, None);
    let signed = is_initiator(host, call).and(allowed).and_then(|()| sign(host, args));
    signed.unwrap_or_else(refusal)
}

fn is_initiator(host: &Host<'_>, call: &ServiceCall) -> Result<(), String> {
    if call.init_peer_id == host.peer_id {
        return Ok(());
    }
    Err(format!(
        "{} signs only for scripts that it started itself, this one comes from {}",
        host.peer_id, call.init_peer_id
    ))
}

/// Whether the data is what the registry returned; with `peer`, unaltered and on that peer.
fn comes_from_registry(call: &ServiceCall, functions: &[&str], peer: Option<&str>) -> Result<(), String> {
    let origin = call.tetraplets.first().map(Vec::as_slice);
    let Some([origin]) = origin else {
        return Err("the data to sign is not a single value with one origin".to_owned());
    };
    let function = origin.function_name.as_str();
    if origin.service_id != "registry" || !functions.contains(&function) {
        return Err(format!(
            "only the result of registry.{} is signed, this data comes from {}.{function}",
            functions.join(" | registry."),
            origin.service_id,
        ));
    }
    match peer {
        Some(peer) if peer != origin.peer_pk => Err(format!(
            "the data to sign must come from {peer}, not from {}",
            origin.peer_pk
        )),
        Some(_) if !origin.lens.is_empty() => Err(format!("the data to sign is only a part, {}", origin.lens)),
        _ => Ok(()),
    }
}

fn sign(host: &Host<'_>, mut args: Args<'_>) -> Result<Value, String> {
    let data: Vec<u8> = args.next("data")?;
    let signature = host.key_pair.sign(&data).map_err(|e| e.to_string())?;
    Ok(json!({"success": true, "error": [], "signature": [signature.to_vec()]}))
}

fn refusal(reason: String) -> Value {
    json!({"success": false, "error": [reason], "signature": []})
}

fn verify(host: &Host<'_>, mut args: Args<'_>) -> Result<Value, String> {
    let signature: Vec<u8> = args.next("signature")?;
    let data: Vec<u8> = args.next("data")?;
    let signature = Signature::from_bytes(KeyFormat::Ed25519, signature);
    let valid = host.key_pair.public().verify(&data, &signature).is_ok();
    Ok(json!(valid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::{Answer, ServiceResult};
    use marine_host::SecurityTetraplet;

    const ME: &str = "me";

    struct Case {
        is_client: bool,
        init_peer_id: &'static str,
        origin: SecurityTetraplet,
    }

    fn from(peer: &str, function: &str) -> SecurityTetraplet {
        SecurityTetraplet::new(peer, "registry", function, "")
    }

    fn sign(case: Case) -> ServiceResult {
        let key_pair = crate::identity::key_pair(1, 1);
        let host = Host {
            peer_id: ME,
            key_pair: &key_pair,
            is_client: case.is_client,
            known: &Vec::new,
            has_client: &|_| false,
            service: &|_| None,
        };
        let call = ServiceCall {
            peer_id: ME.into(),
            service: "sig".into(),
            function: "sign".into(),
            args: vec![json!([1, 2, 3])],
            tetraplets: vec![vec![case.origin]],
            particle_id: String::new(),
            init_peer_id: case.init_peer_id.into(),
            unix_ms: 0,
        };
        match super::super::call(&host, &call) {
            Some(Answer::Now(result)) => result,
            other => panic!("{other:?}"),
        }
    }

    fn node(init_peer_id: &'static str, origin: SecurityTetraplet) -> ServiceResult {
        sign(Case {
            is_client: false,
            init_peer_id,
            origin,
        })
    }

    fn client(init_peer_id: &'static str, origin: SecurityTetraplet) -> Value {
        let result = sign(Case {
            is_client: true,
            init_peer_id,
            origin,
        });
        assert!(result.is_ok(), "a client's refusal is no call failure");
        result.value
    }

    #[test]
    fn a_node_signs_its_own_record_bytes_in_its_own_scripts() {
        for function in ["get_record_bytes", "get_record_metadata_bytes"] {
            let result = node(ME, from(ME, function));
            assert_eq!(result.value["success"], json!(true), "{result:?}");
            let signature: Vec<u8> = serde_json::from_value(result.value["signature"][0].clone()).unwrap();
            let key = crate::identity::key_pair(1, 1).public();
            let signature = Signature::from_bytes(KeyFormat::Ed25519, signature);
            assert!(key.verify(&[1, 2, 3], &signature).is_ok());
        }
    }

    #[test]
    fn a_node_refuses_a_clients_script() {
        let result = node("a client", from(ME, "get_record_bytes"));
        assert!(!result.is_ok(), "{result:?}");
    }

    #[test]
    fn a_node_refuses_keys_tombstones_and_what_others_computed() {
        for origin in [
            from(ME, "get_key_bytes"),
            from(ME, "get_tombstone_bytes"),
            from("other", "get_record_bytes"),
            SecurityTetraplet::new(ME, "other", "get_record_bytes", ""),
            SecurityTetraplet::new(ME, "registry", "get_record_bytes", ".$.a"),
        ] {
            let result = node(ME, origin.clone());
            assert!(!result.is_ok(), "{origin:?}: {result:?}");
        }
    }

    #[test]
    fn a_client_signs_the_four_encodings_from_any_peer() {
        for function in CLIENT_SIGNS {
            let answer = client(ME, from("relay", function));
            assert_eq!(answer["success"], json!(true), "{answer}");
        }
    }

    #[test]
    fn a_client_refuses_others_scripts_and_other_data() {
        let of = SecurityTetraplet::new;
        for (init_peer_id, origin) in [
            ("other", from("relay", "get_record_bytes")),
            (ME, from("relay", "get_key_id")),
            (ME, of("relay", "op", "identity", "")),
        ] {
            let answer = client(init_peer_id, origin);
            assert_eq!(answer["success"], json!(false), "{answer}");
            assert_eq!(answer["signature"], json!([]));
        }
    }
}
