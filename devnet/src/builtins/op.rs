//! `op`: strings, base58, arrays.

use serde_json::{json, Value};
use sha2::{Digest, Sha256};

use super::Args;

pub(super) fn call(function: &str, mut args: Args<'_>) -> Option<Result<Value, String>> {
    Some(match function {
        "noop" => Ok(json!("")),
        "array" => Ok(Value::from(args.rest())),
        "array_length" => array_length(args),
        "concat" => concat(args.rest()),
        "concat_strings" => concat_strings(args.rest()),
        "identity" => identity(args.rest()),
        "string_to_b58" => args
            .next::<String>("string")
            .map(|text| json!(bs58::encode(text).into_string())),
        "string_from_b58" => decoded(args).and_then(|bytes| {
            let text = String::from_utf8(bytes).map_err(|e| e.to_string())?;
            Ok(json!(text))
        }),
        "bytes_from_b58" => decoded(args).map(|bytes| json!(bytes)),
        "bytes_to_b58" => args
            .next::<Vec<u8>>("bytes")
            .map(|bytes| json!(bs58::encode(bytes).into_string())),
        "sha256_string" => sha256_string(args),
        _ => return None,
    })
}

pub(super) fn array_length(args: Args<'_>) -> Result<Value, String> {
    match args.rest() {
        [Value::Array(array)] => Ok(json!(array.len())),
        [other] => Err(format!("array_length takes an array, got {other}")),
        many => Err(format!("array_length takes 1 argument, got {}", many.len())),
    }
}

fn decoded(mut args: Args<'_>) -> Result<Vec<u8>, String> {
    from_base58(&args.next::<String>("b58_string")?)
}

pub(super) fn from_base58(text: &str) -> Result<Vec<u8>, String> {
    let bytes = bs58::decode(text).into_vec();
    bytes.map_err(|e| format!("not base58: {e}: {text}"))
}

fn concat(arrays: &[Value]) -> Result<Value, String> {
    let mut all = Vec::new();
    for (i, value) in arrays.iter().enumerate() {
        let array = value
            .as_array()
            .ok_or_else(|| format!("concat takes arrays: argument {i} is {value}"))?;
        all.extend_from_slice(array);
    }
    Ok(Value::Array(all))
}

fn concat_strings(strings: &[Value]) -> Result<Value, String> {
    let mut all = String::new();
    for (i, value) in strings.iter().enumerate() {
        let text = value
            .as_str()
            .ok_or_else(|| format!("concat_strings takes strings: argument {i} is {value}"))?;
        all.push_str(text);
    }
    Ok(Value::String(all))
}

fn identity(args: &[Value]) -> Result<Value, String> {
    match args {
        [] => Ok(json!("")),
        [value] => Ok(value.clone()),
        many => Err(format!("identity takes at most 1 argument, got {}", many.len())),
    }
}

/// The sha256 of a string: a multihash in base58 unless asked for the digest alone or for bytes.
fn sha256_string(mut args: Args<'_>) -> Result<Value, String> {
    let text: String = args.next("string")?;
    let digest_only = args.next_opt::<bool>("digest_only")?.unwrap_or(false);
    let as_bytes = args.next_opt::<bool>("as_bytes")?.unwrap_or(false);
    let digest = Sha256::digest(text.as_bytes());
    let mut bytes = if digest_only { vec![] } else { vec![0x12, 32] };
    bytes.extend_from_slice(&digest);
    Ok(if as_bytes {
        json!(bytes)
    } else {
        json!(bs58::encode(bytes).into_string())
    })
}

#[cfg(test)]
mod tests {
    use crate::builtins::testing::ask;
    use serde_json::json;

    #[test]
    fn base58_goes_both_ways() {
        let op = |function, args| ask("op", function, args).unwrap();
        assert_eq!(op("string_to_b58", json!(["hello"])), json!("Cn8eVZg"));
        assert_eq!(op("string_from_b58", json!(["Cn8eVZg"])), json!("hello"));
        assert_eq!(op("bytes_from_b58", json!(["Cn8eVZg"])), json!(b"hello"));
        assert_eq!(op("bytes_to_b58", json!([b"hello"])), json!("Cn8eVZg"));
        assert!(ask("op", "bytes_from_b58", json!(["0OIl"])).is_err());
    }

    #[test]
    fn strings_and_arrays_are_joined() {
        let op = |function, args| ask("op", function, args);
        assert_eq!(op("concat_strings", json!(["a", "b", "c"])), Ok(json!("abc")));
        assert!(op("concat_strings", json!(["a", 1])).is_err());
        assert_eq!(op("concat", json!([[1], [2, 3]])), Ok(json!([1, 2, 3])));
        assert!(op("concat", json!([[1], 2])).is_err());
        assert_eq!(op("array", json!([1, "a"])), Ok(json!([1, "a"])));
        assert_eq!(op("array_length", json!([[1, 2]])), Ok(json!(2)));
        assert!(op("array_length", json!([1])).is_err());
    }

    #[test]
    fn sha256_string_is_a_multihash_unless_asked_otherwise() {
        let op = |args| ask("op", "sha256_string", args).unwrap();
        let bytes = op(json!(["hello", false, true]));
        assert_eq!(bytes.as_array().unwrap().len(), 34);
        assert_eq!(bytes[0], json!(0x12));
        assert_eq!(op(json!(["hello", true, true])).as_array().unwrap().len(), 32);
        assert!(op(json!(["hello"])).as_str().unwrap().starts_with("Qm"));
    }
}
