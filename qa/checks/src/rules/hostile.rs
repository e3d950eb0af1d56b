//! Values that nobody sends by accident: every leaf of a call's arguments in turn becomes something else.

use marine_host::CallError;
use serde_json::{json, Map, Value};

/// No error text is longer than this, in bytes, whatever was sent.
pub const ERROR_LEN_MAX: usize = 4_000;

/// The longest of each that is tried.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Bytes of a string.
    pub string_len: usize,
    /// Bytes of a list of bytes, which is JSON of four times its size.
    pub bytes_len: usize,
    /// Items of a list of strings.
    pub strings: usize,
}

/// What a particle can carry at most.
pub const HUGE: Sizes = Sizes {
    string_len: 10 * 1024 * 1024,
    bytes_len: 1024 * 1024,
    strings: 5_000,
};

/// Above every limit of the service.
pub const LARGE: Sizes = Sizes {
    string_len: 64 * 1024,
    bytes_len: 4 * 1024,
    strings: 1_000,
};

/// Whether Marine itself refused the arguments before the module was asked: a number that does not fit its type, among
/// them every u64 above `i64::MAX`.
pub fn refused_by_host(error: &CallError) -> bool {
    match error {
        CallError::Arguments { .. } => true,
        CallError::Failed { source, .. } => source.to_string().contains("i64.from_u64"),
        CallError::UnknownFunction { .. } => false,
    }
}

/// One argument list with something wrong in it, and what.
#[derive(Debug)]
pub struct Variant {
    pub what: String,
    pub arguments: Value,
}

/// Every argument list that differs from `arguments` in one leaf or the length of one list. Lists must not be empty:
/// their first item says what they hold.
pub fn variants(arguments: &Value, sizes: Sizes) -> Vec<Variant> {
    let Value::Array(items) = arguments else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (position, item) in items.iter().enumerate() {
        for (what, replaced) in replacements(item, sizes) {
            let mut arguments = items.clone();
            arguments[position] = replaced;
            all.push(Variant {
                what: format!("argument {position}{what}"),
                arguments: Value::Array(arguments),
            });
        }
    }
    all
}

fn replacements(value: &Value, sizes: Sizes) -> Vec<(String, Value)> {
    match value {
        Value::String(text) => strings(text, sizes),
        Value::Number(_) => numbers(),
        Value::Bool(flag) => vec![(" flipped".to_owned(), json!(!flag))],
        Value::Array(items) if items.first().is_some_and(Value::is_number) => bytes(items, sizes),
        Value::Array(items) => lists(items, sizes),
        Value::Object(fields) => objects(fields, sizes),
        Value::Null => Vec::new(),
    }
}

fn strings(genuine: &str, sizes: Sizes) -> Vec<(String, Value)> {
    let longer = format!("{genuine}1");
    let padded = format!(" {genuine}");
    let with_nul = format!("{genuine}\0");
    let others = [
        "",
        "\0",
        "'; DROP TABLE keys; --",
        "\"\\ \u{202e} \u{1F600} \n\r\t",
        "0OIl",
        "1",
        "11111111111111111111111111111111111111111111",
        "12D3KooW",
        "QmQmQmQmQmQmQmQmQmQmQmQmQmQmQmQmQmQmQmQmQmQmQm",
        &longer,
        &padded,
        &with_nul,
    ];
    let mut all: Vec<(String, Value)> = others
        .iter()
        .map(|text| (format!(" = {text:?}"), json!(text)))
        .collect();
    for len in [4_097, sizes.string_len] {
        all.push((format!(" of {len} bytes"), json!("z".repeat(len))));
    }
    all
}

fn numbers() -> Vec<(String, Value)> {
    let max = i64::MAX as u64;
    [0, 1, u64::from(u32::MAX), max, max + 1, u64::MAX]
        .iter()
        .map(|n| (format!(" = {n}"), json!(n)))
        .collect()
}

fn bytes(genuine: &[Value], sizes: Sizes) -> Vec<(String, Value)> {
    let mut changed = genuine.to_vec();
    changed[0] = json!(255 - changed[0].as_u64().unwrap_or(0));
    let mut all = vec![(" with another first byte".to_owned(), json!(changed))];
    for len in [0, 1, 32, 63, 65, 72, 256, 1_201, sizes.bytes_len] {
        all.push((format!(" of {len} bytes"), json!(vec![7; len])));
    }
    all
}

fn lists(genuine: &[Value], sizes: Sizes) -> Vec<(String, Value)> {
    let mut all = vec![(" emptied".to_owned(), json!([]))];
    let Some(first) = genuine.first() else {
        return all;
    };
    let many = if first.is_string() { sizes.strings } else { 600 };
    for count in [2, many] {
        all.push((format!(" with {count} items"), json!(vec![first; count])));
    }
    for (what, replaced) in replacements(first, sizes) {
        let mut items = genuine.to_vec();
        items[0] = replaced;
        all.push((format!("[0]{what}"), Value::Array(items)));
    }
    all
}

fn objects(genuine: &Map<String, Value>, sizes: Sizes) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (name, value) in genuine {
        for (what, replaced) in replacements(value, sizes) {
            let mut fields = genuine.clone();
            fields.insert(name.clone(), replaced);
            all.push((format!(".{name}{what}"), Value::Object(fields)));
        }
    }
    all
}
