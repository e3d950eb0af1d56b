use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{json, Value};

/// A type of an Aqua argument or result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum AquaType {
    Scalar {
        name: String,
    },
    Array {
        item: Box<AquaType>,
    },
    Option {
        item: Box<AquaType>,
    },
    Struct {
        name: String,
        fields: Vec<AquaField>,
    },
    /// A function.
    Arrow,
    Any,
}

/// An argument of a function or a field of a structure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AquaField {
    pub name: String,
    #[serde(rename = "type")]
    pub aqua_type: AquaType,
}

impl fmt::Display for AquaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar { name } | Self::Struct { name, .. } => write!(f, "{name}"),
            Self::Array { item } => write!(f, "[]{item}"),
            Self::Option { item } => write!(f, "?{item}"),
            Self::Arrow => write!(f, "a function"),
            Self::Any => write!(f, "any value"),
        }
    }
}

impl AquaType {
    /// A value of this type as people read it: bytes in hexadecimal.
    pub(crate) fn readable(&self, value: &Value) -> Value {
        match (self, value) {
            (Self::Array { item }, Value::Array(items)) => match item.bytes(items) {
                Some(bytes) => Value::String(format!("0x{}", hex::encode(bytes))),
                None => items.iter().map(|value| item.readable(value)).collect(),
            },
            (Self::Option { item }, Value::Array(items)) => items.iter().map(|value| item.readable(value)).collect(),
            (Self::Struct { fields, .. }, Value::Object(object)) => {
                let field = |(name, value): (&String, &Value)| {
                    let field = fields.iter().find(|field| field.name == *name);
                    let value = field.map_or_else(|| value.clone(), |field| field.aqua_type.readable(value));
                    (name.clone(), value)
                };
                Value::Object(object.iter().map(field).collect())
            }
            _ => value.clone(),
        }
    }

    fn bytes(&self, items: &[Value]) -> Option<Vec<u8>> {
        let Self::Scalar { name } = self else {
            return None;
        };
        let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok());
        (name == "u8" && !items.is_empty()).then(|| items.iter().map(byte).collect())?
    }

    /// The value as AIR wants it - optional values as arrays of at most one -, or what is wrong with it.
    pub(crate) fn accept(&self, value: &Value) -> Result<Value, String> {
        let wrong = || Err(format!("{value} is not {self}"));
        match (self, value) {
            (Self::Any, _) => Ok(value.clone()),
            (Self::Arrow, _) => Err("a function is expected, not a value".to_owned()),
            (Self::Scalar { name }, _) if is_scalar(name, value) => Ok(value.clone()),
            (Self::Array { item }, Value::Array(items)) => items.iter().map(|value| item.accept(value)).collect(),
            (Self::Option { item }, _) => accept_option(item, value).map_or_else(wrong, Ok),
            (Self::Struct { fields, .. }, Value::Object(object)) => {
                let unknown = |name: &&String| !fields.iter().any(|field| field.name == **name);
                if let Some(name) = object.keys().find(unknown) {
                    return Err(format!("{self} has no field `{name}`"));
                }
                let mut accepted = serde_json::Map::new();
                for field in fields {
                    let value = object.get(&field.name).unwrap_or(&Value::Null);
                    let value = field.aqua_type.accept(value);
                    let value = value.map_err(|e| format!("field `{}`: {e}", field.name))?;
                    accepted.insert(field.name.clone(), value);
                }
                Ok(Value::Object(accepted))
            }
            _ => wrong(),
        }
    }
}

/// Null is nothing; AIR's own form is taken as it is where it fits, anything else is one value.
fn accept_option(item: &AquaType, value: &Value) -> Option<Value> {
    match value {
        Value::Null => return Some(json!([])),
        Value::Array(items) if items.is_empty() => return Some(json!([])),
        Value::Array(items) if items.len() == 1 => {
            if let Ok(value) = item.accept(&items[0]) {
                return Some(json!([value]));
            }
        }
        _ => {}
    }
    item.accept(value).ok().map(|value| json!([value]))
}

fn is_scalar(name: &str, value: &Value) -> bool {
    let unsigned = |bits: u32| value.as_u64().is_some_and(|n| bits == 64 || n >> bits == 0);
    let signed = |bits: u32| {
        let bound = 1i128 << (bits - 1);
        let number = value.as_i64();
        number.is_some_and(|n| (-bound..bound).contains(&i128::from(n)))
    };
    match name {
        "string" => value.is_string(),
        "bool" => value.is_boolean(),
        "u8" => unsigned(8),
        "u16" => unsigned(16),
        "u32" => unsigned(32),
        "u64" => unsigned(64),
        "i8" => signed(8),
        "i16" => signed(16),
        "i32" => signed(32),
        "i64" => signed(64),
        "f32" | "f64" => value.is_number(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(name: &str) -> AquaType {
        AquaType::Scalar { name: name.into() }
    }

    fn option(item: AquaType) -> AquaType {
        AquaType::Option { item: item.into() }
    }

    #[test]
    fn scalars_are_checked_with_their_ranges() {
        for (name, good, bad) in [
            ("string", json!("x"), json!(1)),
            ("bool", json!(true), json!("true")),
            ("u8", json!(255), json!(256)),
            ("u16", json!(65_535), json!(65_536)),
            ("u32", json!(u32::MAX), json!(1u64 << 32)),
            ("u64", json!(u64::MAX), json!(-1)),
            ("i16", json!(-32_768), json!(32_768)),
            ("i64", json!(i64::MIN), json!(1.5)),
            ("f64", json!(1.5), json!("1.5")),
        ] {
            assert_eq!(scalar(name).accept(&good), Ok(good));
            let error = scalar(name).accept(&bad).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn optional_values_become_arrays() {
        let maybe = option(scalar("string"));
        assert_eq!(maybe.accept(&json!(null)), Ok(json!([])));
        assert_eq!(maybe.accept(&json!("x")), Ok(json!(["x"])));
        assert_eq!(maybe.accept(&json!(["x"])), Ok(json!(["x"])));
        assert!(maybe.accept(&json!(["x", "y"])).is_err());
        assert!(maybe.accept(&json!(1)).is_err());
        let list = option(AquaType::Array {
            item: scalar("u8").into(),
        });
        assert_eq!(list.accept(&json!([1])), Ok(json!([[1]])));
        assert_eq!(list.accept(&json!([[1, 2]])), Ok(json!([[1, 2]])));
    }

    #[test]
    fn bytes_are_read_in_hexadecimal_and_all_else_as_it_is() {
        let bytes = AquaType::Array {
            item: scalar("u8").into(),
        };
        let record = AquaType::Struct {
            name: "Record".into(),
            fields: vec![AquaField {
                name: "signature".into(),
                aqua_type: bytes.clone(),
            }],
        };
        let records = option(AquaType::Array { item: record.into() });
        let read = records.readable(&json!([[{"signature": [1, 255], "other": [1, 255]}]]));
        assert_eq!(read, json!([[{"signature": "0x01ff", "other": [1, 255]}]]));
        assert_eq!(bytes.readable(&json!([])), json!([]));
        let numbers = AquaType::Array {
            item: scalar("u16").into(),
        };
        assert_eq!(numbers.readable(&json!([1, 255])), json!([1, 255]));
        // What a peer returns need not be what its type says.
        assert_eq!(bytes.readable(&json!([1, 256])), json!([1, 256]));
    }

    #[test]
    fn structures_name_the_field_that_is_wrong() {
        let point = AquaType::Struct {
            name: "Point".into(),
            fields: vec![
                AquaField {
                    name: "x".into(),
                    aqua_type: scalar("u8"),
                },
                AquaField {
                    name: "label".into(),
                    aqua_type: option(scalar("string")),
                },
            ],
        };
        let good = point.accept(&json!({"x": 1}));
        assert_eq!(good, Ok(json!({"x": 1, "label": []})));
        assert!(point.accept(&json!({"x": 300})).unwrap_err().contains("`x`"));
        assert!(point.accept(&json!({})).unwrap_err().contains("`x`"));
        assert!(point.accept(&json!({"x": 1, "y": 2})).unwrap_err().contains("`y`"));
    }
}
