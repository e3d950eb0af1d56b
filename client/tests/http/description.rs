//! The description of the API, and whether an answer is what it says.

use std::sync::OnceLock;

use serde_json::{json, Value};

pub(crate) fn text() -> &'static str {
    include_str!("../../src/command/http/openapi.yaml")
}

pub(crate) fn description() -> &'static Value {
    static DESCRIPTION: OnceLock<Value> = OnceLock::new();
    DESCRIPTION.get_or_init(|| serde_yaml_ng::from_str(text()).expect("the description is YAML"))
}

/// What any request can meet.
const ANYWHERE: [u16; 6] = [403, 404, 405, 408, 413, 500];

/// Holds an answer against the description, and gives its body: JSON, or text.
pub(crate) fn check(method: &str, path: &str, status: u16, content_type: &str, text: &str) -> Value {
    let what = format!("{method} {path} -> {status}");
    let operation = operation(method, path);
    let described = operation.and_then(|operation| {
        let response = &operation["responses"][status.to_string()];
        (!response.is_null()).then(|| resolved(response))
    });
    let Some(response) = described else {
        assert!(ANYWHERE.contains(&status), "{what} is not described: {text}");
        let body: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("{what}: {text}"));
        valid(&what, &json!({"$ref": "#/components/schemas/Error"}), &body);
        return body;
    };
    let essence = content_type.split(';').next().unwrap();
    let schema = &response["content"][essence]["schema"];
    assert!(!schema.is_null(), "{what} is {content_type:?}");
    let body = match essence {
        "application/json" => serde_json::from_str(text).unwrap(),
        _ => json!(text),
    };
    valid(&what, schema, &body);
    body
}

/// Holds an event's data against the description.
pub(crate) fn check_event(name: &str, data: &Value) {
    let schema = match name {
        "hello" => "Hello",
        "message" => "Event",
        "lagged" => "Lagged",
        "network" => "Network",
        other => panic!("the description has no event {other}"),
    };
    valid(name, &json!({"$ref": format!("#/components/schemas/{schema}")}), data);
}

/// The operation of a method and a path, whose parameters are filled in.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap();
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let template: Vec<&str> = template.split('/').collect();
        let fits = |(part, of): (&&str, &&str)| of.starts_with('{') || part == of;
        template.len() == parts.len() && parts.iter().zip(&template).all(fits)
    };
    let paths = description()["paths"].as_object().unwrap();
    // What is spelled out comes before what is filled in.
    let exact = paths.get(path);
    let found = exact.or_else(|| paths.iter().find(|(template, _)| fits(template)).map(|(_, item)| item));
    found
        .map(|item| &item[method.to_lowercase()])
        .filter(|operation| !operation.is_null())
}

fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => description().pointer(&reference[1..]).expect(reference),
        None => value,
    }
}

/// As much of JSON Schema as the description takes; what else there is fails, and is not passed over.
fn valid(at: &str, schema: &Value, value: &Value) {
    let at = |part: &str| format!("{at}{part}");
    for (keyword, rule) in schema.as_object().unwrap_or_else(|| panic!("{}: no schema", at(""))) {
        let number = || value.as_f64().zip(rule.as_f64());
        let len = || (value.as_array().map_or(0, Vec::len) as u64, rule.as_u64().unwrap());
        let holds = match keyword.as_str() {
            "$ref" => {
                let reference = rule.as_str().unwrap();
                let schema = description().pointer(&reference[1..]).expect(reference);
                valid(&at(""), schema, value);
                true
            }
            "type" => match rule {
                Value::Array(types) => types.iter().any(|name| is(name, value)),
                name => is(name, value),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "required" => rule
                .as_array()
                .unwrap()
                .iter()
                .all(|name| value.get(name.as_str().unwrap()).is_some()),
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        valid(&at(&format!(".{name}")), schema, value);
                    }
                }
                true
            }
            "additionalProperties" => {
                assert_eq!(rule, &json!(false), "{}", at(""));
                let known = &schema["properties"];
                value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .all(|(name, _)| known.get(name).is_some())
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    valid(&at(&format!("[{index}]")), rule, item);
                }
                true
            }
            "oneOf" => match rule
                .as_array()
                .unwrap()
                .iter()
                .find(|schema| schema["type"] == json!("null"))
            {
                Some(_) if value.is_null() => true,
                _ => {
                    let others = rule
                        .as_array()
                        .unwrap()
                        .iter()
                        .filter(|schema| schema["type"] != json!("null"));
                    others.for_each(|schema| valid(&at(""), schema, value));
                    true
                }
            },
            "minimum" => number().is_none_or(|(value, min)| value >= min),
            "maximum" => number().is_none_or(|(value, max)| value <= max),
            "minItems" => len().0 >= len().1,
            "maxItems" => len().0 <= len().1,
            "description" | "default" | "example" => true,
            other => panic!("{}: the check does not know {other}", at("")),
        };
        assert!(holds, "{} is not {keyword}: {rule}\n{value:#}", at(""));
    }
}

fn is(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("there is no type {other}"),
    }
}

/// In braces YAML ends an unquoted text at a comma, and takes the rest of it for a name.
#[test]
fn no_text_of_the_description_is_cut_at_a_comma() {
    fn names(value: &Value, at: &str) {
        for (name, value) in value.as_object().into_iter().flatten() {
            assert!(!name.contains(' '), "{at}: `{name}` is no name");
            names(value, &format!("{at}/{name}"));
        }
        for value in value.as_array().into_iter().flatten() {
            names(value, at);
        }
    }
    names(description(), "");
}

#[test]
#[should_panic(expected = "required")]
fn what_lacks_a_field_is_found() {
    check_event("lagged", &json!({}));
}

#[test]
#[should_panic(expected = "additionalProperties")]
fn what_has_a_field_too_much_is_found() {
    check_event("lagged", &json!({"missed": 1, "more": 2}));
}

#[test]
#[should_panic(expected = "type")]
fn what_is_of_another_type_is_found() {
    check(
        "GET",
        "/api/network/resources",
        200,
        "application/json",
        r#"{"resources": [{"id": 1}]}"#,
    );
}
