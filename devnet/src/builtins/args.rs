use serde::de::DeserializeOwned;
use serde_json::Value;

/// The arguments of a builtin, taken one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Args<'a> {
    rest: &'a [Value],
}

impl<'a> Args<'a> {
    pub(crate) fn new(args: &'a [Value]) -> Self {
        Self { rest: args }
    }

    pub(crate) fn rest(self) -> &'a [Value] {
        self.rest
    }

    /// The next argument, which must be there.
    pub(crate) fn next<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, String> {
        let (value, rest) = self
            .rest
            .split_first()
            .ok_or_else(|| format!("argument `{name}` is missing"))?;
        self.rest = rest;
        convert(name, value)
    }

    /// The next argument, which may be missing, null, a value, or AIR's form of an optional value: an array of at
    /// most one.
    pub(crate) fn next_opt<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, String> {
        let Some((value, rest)) = self.rest.split_first() else {
            return Ok(None);
        };
        self.rest = rest;
        match value {
            Value::Null => Ok(None),
            Value::Array(items) => match items.as_slice() {
                [] => Ok(None),
                [item] => convert(name, item).map(Some),
                _ => Err(format!(
                    "argument `{name}` is optional: at most 1 value, got {}",
                    items.len()
                )),
            },
            value => convert(name, value).map(Some),
        }
    }
}

fn convert<T: DeserializeOwned>(name: &str, value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|e| format!("argument `{name}`: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn optional_arguments_take_every_form_of_absence() {
        let values = [json!(null), json!([]), json!([3]), json!(4), json!([1, 2])];
        let mut args = Args::new(&values);
        let mut next = || args.next_opt::<u32>("n");
        assert_eq!(next(), Ok(None));
        assert_eq!(next(), Ok(None));
        assert_eq!(next(), Ok(Some(3)));
        assert_eq!(next(), Ok(Some(4)));
        assert!(next().is_err());
        assert_eq!(next(), Ok(None), "a missing argument");
    }

    #[test]
    fn a_missing_or_wrong_argument_is_named() {
        let values = [json!("x")];
        let mut args = Args::new(&values);
        assert!(args.next::<u32>("n").unwrap_err().contains("`n`"));
        assert!(args.next::<u32>("m").unwrap_err().contains("`m` is missing"));
    }
}
