//! `cmp`: comparing integers.

use serde_json::{json, Value};

use super::Args;

pub(super) fn call(function: &str, mut args: Args<'_>) -> Option<Result<Value, String>> {
    let compare: fn(i64, i64) -> Value = match function {
        "gt" => |x, y| json!(x > y),
        "gte" => |x, y| json!(x >= y),
        "lt" => |x, y| json!(x < y),
        "lte" => |x, y| json!(x <= y),
        "cmp" => |x, y| json!(x.cmp(&y) as i8),
        _ => return None,
    };
    let numbers = args.next("x").and_then(|x| Ok((x, args.next("y")?)));
    Some(numbers.map(|(x, y)| compare(x, y)))
}

#[cfg(test)]
mod tests {
    use crate::builtins::testing::ask;
    use serde_json::json;

    #[test]
    fn integers_compare() {
        let cmp = |function, args| ask("cmp", function, args).unwrap();
        assert_eq!(cmp("gt", json!([2, 1])), json!(true));
        assert_eq!(cmp("gte", json!([1, 1])), json!(true));
        assert_eq!(cmp("lt", json!([-1, 1])), json!(true));
        assert_eq!(cmp("lte", json!([2, 1])), json!(false));
        assert_eq!(cmp("cmp", json!([1, 2])), json!(-1));
    }
}
