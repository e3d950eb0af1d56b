use serde_json::Value;

/// A call as people write it: `name("text", 2, ["a"])`, arguments in JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    pub function: String,
    pub args: Vec<Value>,
}

/// Why a text is no call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no call: {reason}; write it like  name(\"text\", 2)")]
pub struct InvocationError {
    text: String,
    reason: String,
}

impl std::str::FromStr for Invocation {
    type Err = InvocationError;

    fn from_str(text: &str) -> Result<Self, InvocationError> {
        let error = |reason: String| InvocationError {
            text: text.to_owned(),
            reason,
        };
        let trimmed = text.trim();
        let (function, args) = match trimmed.split_once('(') {
            None => (trimmed, "[]".to_owned()),
            Some((function, rest)) => {
                let args = rest.strip_suffix(')');
                let args = args.ok_or_else(|| error("the closing `)` is missing".to_owned()))?;
                (function.trim(), format!("[{args}]"))
            }
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if function.is_empty() || !function.chars().all(is_name) {
            return Err(error(format!("`{function}` is no function name")));
        }
        let args = serde_json::from_str(&args).map_err(|e| error(format!("the arguments are not JSON ({e})")))?;
        Ok(Self {
            function: function.to_owned(),
            args,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn calls_are_read() {
        let read = |text: &str| text.parse::<Invocation>().unwrap();
        let call = read(r#" f("a(b)", 2, ["x"], null) "#);
        assert_eq!(call.function, "f");
        assert_eq!(call.args, [json!("a(b)"), json!(2), json!(["x"]), json!(null)]);
        assert_eq!(read("f()").args, [] as [Value; 0]);
        assert_eq!(read("f").args, [] as [Value; 0]);
    }

    #[test]
    fn what_is_no_call_is_refused_with_the_way_out() {
        for text in ["f(", "", "(1)", "f('a')", "f(x)", "a b()"] {
            let error = text.parse::<Invocation>().unwrap_err().to_string();
            assert!(error.contains("write it like"), "{text}: {error}");
        }
    }
}
