//! `debug`: values as text.

use serde_json::Value;

use super::Args;

pub(super) fn call(function: &str, args: Args<'_>) -> Option<Result<Value, String>> {
    if function != "stringify" {
        return None;
    }
    let text = match args.rest() {
        [] => "\"<empty argument list>\"".to_owned(),
        [value] => value.to_string(),
        values => Value::from(values).to_string(),
    };
    Some(Ok(Value::String(text)))
}

#[cfg(test)]
mod tests {
    use crate::builtins::testing::ask;
    use serde_json::json;

    #[test]
    fn stringify_writes_json() {
        let text = |args| ask("debug", "stringify", args).unwrap();
        assert_eq!(text(json!([{"a": 1}])), json!("{\"a\":1}"));
        assert_eq!(text(json!([1, "x"])), json!("[1,\"x\"]"));
    }
}
