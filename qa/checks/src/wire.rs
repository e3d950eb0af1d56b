use serde_json::Value;

/// `success` and `error` of any result.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub success: bool,
    pub error: String,
    pub value: Value,
}

impl Outcome {
    pub fn of(value: Value) -> Self {
        Self {
            success: value["success"].as_bool().unwrap_or(false),
            error: value["error"].as_str().unwrap_or_default().to_owned(),
            value,
        }
    }

    /// The value of a success; the error's text otherwise.
    ///
    /// # Errors
    /// The text that the function returned.
    pub fn ok(self) -> Result<Value, String> {
        if self.success {
            Ok(self.value)
        } else {
            Err(self.error)
        }
    }

    /// The text of a failure.
    ///
    /// # Errors
    /// What came back instead.
    pub fn refused(self) -> Result<String, String> {
        if self.success {
            Err(format!("it should have been refused, but: {}", self.value))
        } else {
            Ok(self.error)
        }
    }
}

/// The records in the result of `get_records`, `merge` and their like.
pub fn records_of(result: &Value) -> Vec<Value> {
    result["result"].as_array().cloned().unwrap_or_default()
}
