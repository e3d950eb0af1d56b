//! What can be made of an honest answer without knowing what it means.

use rand::rngs::StdRng;
use rand::Rng;
use serde_json::{json, Map, Value};

/// Everything in it is empty or zero.
pub(super) fn emptied(value: &Value) -> Value {
    map_leaves(value, &mut |leaf| match leaf {
        Value::Array(_) => json!([]),
        Value::String(_) => json!(""),
        Value::Number(_) => json!(0),
        Value::Bool(_) => json!(false),
        other => other.clone(),
    })
}

/// About `len` bytes, of the same type as far as that can be told from the value.
pub(super) fn blown_up(value: &Value, len: usize) -> Value {
    let text = || Value::String("A".repeat(len));
    map_leaves(value, &mut |leaf| match leaf {
        Value::String(_) => text(),
        Value::Number(_) => json!(u64::MAX),
        Value::Array(items) => match items.first() {
            Some(Value::String(_)) => json!([text()]),
            Some(first) => {
                let one = first.to_string().len().max(1);
                Value::Array(vec![first.clone(); (len / one).max(1)])
            }
            None => json!([text()]),
        },
        other => other.clone(),
    })
}

/// Of another type: as a whole, or somewhere within.
pub(super) fn of_another_type(value: &Value, rng: &mut StdRng) -> Value {
    let others = [
        json!(null),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!("text"),
        json!([]),
        json!({}),
        json!([[[[[[]]]]]]),
        json!({"good": "text", "bad": 7}),
        json!({"good": [7], "bad": [[]]}),
        json!({"success": "yes", "error": 0}),
    ];
    let other = others[rng.gen_range(0..others.len())].clone();
    let distorted = match value {
        Value::Object(fields) if !fields.is_empty() && rng.gen() => {
            let mut fields = fields.clone();
            let at = rng.gen_range(0..fields.len());
            if let Some(field) = fields.values_mut().nth(at) {
                *field = other;
            }
            Value::Object(fields)
        }
        _ => other,
    };
    if distorted == *value {
        return json!(null);
    }
    distorted
}

/// Leaves are lists, too.
fn map_leaves(value: &Value, f: &mut impl FnMut(&Value) -> Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), map_leaves(value, f)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        leaf => f(leaf),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn what_is_emptied_has_the_same_fields() {
        let value = json!({"good": ["x"], "bad": [], "count": 7, "inner": {"ok": true, "text": "t"}});
        let expected = json!({"good": [], "bad": [], "count": 0, "inner": {"ok": false, "text": ""}});
        assert_eq!(emptied(&value), expected);
    }

    #[test]
    fn what_is_blown_up_is_at_least_so_long() {
        for value in [
            json!({"good": ["x"], "bad": []}),
            json!([[1], [2]]),
            json!("x"),
            json!([]),
        ] {
            assert!(blown_up(&value, 1_000).to_string().len() >= 1_000, "{value}");
        }
    }

    #[test]
    fn another_type_is_never_the_value_itself() {
        let mut rng = StdRng::seed_from_u64(1);
        let value = json!({"good": ["x"], "bad": []});
        for _ in 0..100 {
            assert_ne!(of_another_type(&value, &mut rng), value);
        }
    }
}
