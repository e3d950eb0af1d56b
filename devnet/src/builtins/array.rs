//! `array`: sets and slices.

use std::collections::BTreeSet;

use serde_json::{json, Value};

use super::{op, Args};

pub(super) fn call(function: &str, mut args: Args<'_>) -> Option<Result<Value, String>> {
    Some(match function {
        "sum" => sum(args),
        "dedup" => args.next::<Vec<String>>("xs").map(|xs| {
            let mut seen = BTreeSet::new();
            let unique: Vec<_> = xs.into_iter().filter(|x| seen.insert(x.clone())).collect();
            json!(unique)
        }),
        "intersect" => two_sets(args, |x, y| x.intersection(y).cloned().collect()),
        "diff" => two_sets(args, |x, y| x.difference(y).cloned().collect()),
        "sdiff" => two_sets(args, |x, y| x.symmetric_difference(y).cloned().collect()),
        "slice" => slice(args),
        "length" => op::array_length(args),
        _ => return None,
    })
}

fn sum(mut args: Args<'_>) -> Result<Value, String> {
    let numbers: Vec<i64> = args.next("xs")?;
    let sum = numbers.into_iter().try_fold(0, i64::checked_add);
    sum.map(Value::from).ok_or("i64 add overflow".to_owned())
}

type Set = BTreeSet<String>;

/// nox returns these in no particular order; here they are sorted, so that runs repeat.
fn two_sets(mut args: Args<'_>, combine: fn(&Set, &Set) -> Vec<String>) -> Result<Value, String> {
    let xs: Set = args.next("xs")?;
    let ys: Set = args.next("ys")?;
    Ok(json!(combine(&xs, &ys)))
}

fn slice(mut args: Args<'_>) -> Result<Value, String> {
    let array: Vec<Value> = args.next("array")?;
    let start: usize = args.next("start")?;
    let end: usize = args.next("end")?;
    if array.is_empty() {
        return Ok(json!([]));
    }
    let len = array.len();
    match array.get(start..end) {
        Some(items) => Ok(json!(items)),
        None => Err(format!("slice {start}..{end} is out of bounds of an array of {len}")),
    }
}

#[cfg(test)]
mod tests {
    use crate::builtins::testing::ask;
    use serde_json::json;

    #[test]
    fn sets_are_combined() {
        let array = |function, args| ask("array", function, args).unwrap();
        assert_eq!(array("intersect", json!([["a", "b"], ["b", "c"]])), json!(["b"]));
        assert_eq!(array("diff", json!([["a", "b"], ["b", "c"]])), json!(["a"]));
        assert_eq!(array("sdiff", json!([["a", "b"], ["b", "c"]])), json!(["a", "c"]));
        assert_eq!(array("dedup", json!([["b", "a", "b"]])), json!(["b", "a"]));
        assert_eq!(array("sum", json!([[1, 2, 3]])), json!(6));
    }

    #[test]
    fn a_slice_is_within_the_array_or_an_error() {
        let slice = |args| ask("array", "slice", args);
        assert_eq!(slice(json!([[1, 2, 3], 1, 3])), Ok(json!([2, 3])));
        assert_eq!(slice(json!([[], 1, 3])), Ok(json!([])));
        assert!(slice(json!([[1], 0, 2])).is_err());
        assert!(slice(json!([[1], 1, 0])).is_err());
    }
}
