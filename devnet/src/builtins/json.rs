//! `json`: objects.

use serde_json::{Map, Value};

use super::Args;

type Object = Map<String, Value>;

pub(super) fn call(function: &str, mut args: Args<'_>) -> Option<Result<Value, String>> {
    Some(match function {
        "obj" => insert_all(Object::new(), args),
        "put" => put(args),
        "puts" => args.next("object").and_then(|object| insert_all(object, args)),
        "parse" => args
            .next::<String>("json")
            .and_then(|text| serde_json::from_str(&text).map_err(|e| format!("not JSON: {e}: {text}"))),
        "stringify" => args
            .next::<Value>("value")
            .map(|value| Value::String(value.to_string())),
        "obj_pairs" => insert_pairs(Object::new(), args),
        "puts_pairs" => args.next("object").and_then(|object| insert_pairs(object, args)),
        _ => return None,
    })
}

fn put(mut args: Args<'_>) -> Result<Value, String> {
    let mut object: Object = args.next("object")?;
    object.insert(args.next("key")?, args.next("value")?);
    Ok(Value::Object(object))
}

fn insert_all(mut object: Object, args: Args<'_>) -> Result<Value, String> {
    for pair in args.rest().chunks(2) {
        match pair {
            [Value::String(key), value] => object.insert(key.clone(), value.clone()),
            [key, _] => return Err(format!("key {key} is not a string")),
            _ => return Err(format!("key {} has no value", pair[0])),
        };
    }
    Ok(Value::Object(object))
}

fn insert_pairs(mut object: Object, mut args: Args<'_>) -> Result<Value, String> {
    let pairs: Vec<(String, Value)> = args.next("pairs")?;
    object.extend(pairs);
    Ok(Value::Object(object))
}

#[cfg(test)]
mod tests {
    use crate::builtins::testing::ask;
    use serde_json::json;

    #[test]
    fn objects_are_built_and_extended() {
        let call = |function, args| ask("json", function, args).unwrap();
        assert_eq!(call("obj", json!(["a", 1, "b", [2]])), json!({"a": 1, "b": [2]}));
        assert_eq!(call("put", json!([{"a": 1}, "b", 2])), json!({"a": 1, "b": 2}));
        assert_eq!(call("puts", json!([{"a": 1}, "a", 2])), json!({"a": 2}));
        assert_eq!(call("obj_pairs", json!([[["a", 1]]])), json!({"a": 1}));
        assert_eq!(
            call("puts_pairs", json!([{"b": 2}, [["a", 1]]])),
            json!({"a": 1, "b": 2})
        );
        assert_eq!(call("parse", json!(["{\"a\":[]}"])), json!({"a": []}));
        assert_eq!(call("stringify", json!([{"a": 1}])), json!("{\"a\":1}"));
    }

    #[test]
    fn a_key_without_value_or_not_a_string_is_refused() {
        assert!(ask("json", "obj", json!(["a"])).is_err());
        assert!(ask("json", "obj", json!([1, 2])).is_err());
        assert!(ask("json", "parse", json!(["{"])).is_err());
    }
}
