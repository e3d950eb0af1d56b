//! `math`: 64-bit integers; what overflows is an error.

use serde_json::{json, Value};

use super::Args;

pub(super) fn call(function: &str, args: Args<'_>) -> Option<Result<Value, String>> {
    let checked: fn(i64, i64) -> Option<i64> = match function {
        "add" => i64::checked_add,
        "sub" => i64::checked_sub,
        "mul" => i64::checked_mul,
        "div" => i64::checked_div,
        "rem" => i64::checked_rem,
        "pow" => |x, y| x.checked_pow(u32::try_from(y).ok()?),
        "log" => |x, y| y.checked_ilog(x).map(i64::from),
        "fmul" => return Some(floor_of_product(args)),
        _ => return None,
    };
    Some(apply(function, checked, args))
}

fn apply(function: &str, checked: fn(i64, i64) -> Option<i64>, mut args: Args<'_>) -> Result<Value, String> {
    let (x, y) = (args.next("x")?, args.next("y")?);
    match checked(x, y) {
        Some(result) => Ok(json!(result)),
        None => Err(format!("i64 {function} overflow: {x}, {y}")),
    }
}

fn floor_of_product(mut args: Args<'_>) -> Result<Value, String> {
    let (x, y): (f64, f64) = (args.next("x")?, args.next("y")?);
    Ok(json!((x * y).floor() as i64))
}

#[cfg(test)]
mod tests {
    use crate::builtins::testing::ask;
    use serde_json::json;

    #[test]
    fn numbers_are_computed() {
        let math = |function, args| ask("math", function, args).unwrap();
        assert_eq!(math("add", json!([1, 2])), json!(3));
        assert_eq!(math("sub", json!([1, 2])), json!(-1));
        assert_eq!(math("mul", json!([3, 2])), json!(6));
        assert_eq!(math("div", json!([7, 2])), json!(3));
        assert_eq!(math("rem", json!([7, 2])), json!(1));
        assert_eq!(math("pow", json!([2, 10])), json!(1024));
        assert_eq!(math("log", json!([2, 1024])), json!(10));
        assert_eq!(math("fmul", json!([2, 0.75])), json!(1));
    }

    #[test]
    fn overflow_and_division_by_zero_are_errors() {
        assert!(ask("math", "add", json!([i64::MAX, 1])).is_err());
        assert!(ask("math", "sub", json!([i64::MIN, 1])).is_err());
        assert!(ask("math", "div", json!([1, 0])).is_err());
        assert!(ask("math", "pow", json!([2, -1])).is_err());
    }
}
