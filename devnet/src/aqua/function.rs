use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::{AquaField, AquaType};

/// A function that a compiled Aqua file exports.
#[derive(Debug, Clone)]
pub struct AquaFunction {
    pub(crate) name: String,
    pub(crate) air: Arc<str>,
    pub(crate) arguments: Vec<AquaField>,
    pub(crate) results: Vec<AquaType>,
}

/// Why arguments do not fit a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    #[error("{signature} takes {expected} arguments, got {given}")]
    Count {
        signature: String,
        expected: usize,
        given: usize,
    },
    #[error("argument `{name}` of {signature}: {reason}")]
    Type {
        signature: String,
        name: String,
        reason: String,
    },
    #[error("argument `{name}` of {signature} is a function: only a program that provides a callback can call this")]
    Callback { signature: String, name: String },
}

impl AquaFunction {
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The AIR script.
    #[must_use]
    pub fn air(&self) -> &str {
        &self.air
    }

    #[must_use]
    pub fn arguments(&self) -> &[AquaField] {
        &self.arguments
    }

    #[must_use]
    pub fn results(&self) -> &[AquaType] {
        &self.results
    }

    /// `name(argument: type, …) -> type, …`
    #[must_use]
    pub fn signature(&self) -> String {
        let argument = |field: &AquaField| format!("{}: {}", field.name, field.aqua_type);
        let arguments: Vec<_> = self.arguments.iter().map(argument).collect();
        let results: Vec<_> = self.results.iter().map(ToString::to_string).collect();
        let arrow = if results.is_empty() { "" } else { " -> " };
        format!("{}({}){arrow}{}", self.name, arguments.join(", "), results.join(", "))
    }

    /// Whether these arguments fit: none may be a function, which only a program can provide.
    pub fn check(&self, args: &[Value]) -> Result<(), ArgumentError> {
        self.bind(args, |_| false).map(drop)
    }

    /// The values that the script asks `getDataSrv` for. Arguments that are functions come from elsewhere and are not
    /// among `args`.
    pub fn bind(
        &self,
        args: &[Value],
        has_callback: impl Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, Value>, ArgumentError> {
        let mut fields = Vec::with_capacity(self.arguments.len());
        for field in &self.arguments {
            if field.aqua_type != AquaType::Arrow {
                fields.push(field);
            } else if !has_callback(&field.name) {
                return Err(ArgumentError::Callback {
                    signature: self.signature(),
                    name: field.name.clone(),
                });
            }
        }
        if fields.len() != args.len() {
            return Err(ArgumentError::Count {
                signature: self.signature(),
                expected: fields.len(),
                given: args.len(),
            });
        }
        let mut data = BTreeMap::new();
        for (field, value) in fields.into_iter().zip(args) {
            let accepted = field.aqua_type.accept(value);
            let value = accepted.map_err(|reason| ArgumentError::Type {
                signature: self.signature(),
                name: field.name.clone(),
                reason,
            })?;
            data.insert(field.name.clone(), value);
        }
        Ok(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn function() -> AquaFunction {
        let field = |name: &str, aqua_type| AquaField {
            name: name.into(),
            aqua_type,
        };
        let string = AquaType::Scalar { name: "string".into() };
        AquaFunction {
            name: "greet".into(),
            air: "(null)".into(),
            arguments: vec![field("name", string.clone()), field("then", AquaType::Arrow)],
            results: vec![string],
        }
    }

    #[test]
    fn a_signature_reads_like_aqua() {
        let signature = function().signature();
        assert_eq!(signature, "greet(name: string, then: a function) -> string");
    }

    #[test]
    fn wrong_number_type_or_missing_callback_is_told_apart() {
        let bind = |args: &[Value], callback| function().bind(args, |_| callback);
        assert_eq!(bind(&[json!("x")], true).unwrap()["name"], json!("x"));
        let is = |error: ArgumentError, part: &str| error.to_string().contains(part);
        assert!(is(bind(&[], true).unwrap_err(), "takes 1 arguments, got 0"));
        assert!(is(bind(&[json!(1)], true).unwrap_err(), "1 is not string"));
        assert!(is(bind(&[json!("x")], false).unwrap_err(), "`then`"));
    }
}
