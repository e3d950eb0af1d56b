//! The Aqua bindings: the data types and functions of the packed module, in Aqua's notation.

use std::path::Path;

use eyre::{bail, Context};
use marine_it_parser::interface::{FunctionSignature, ModuleInterface, RecordType};
use similar::TextDiff;

const HEADER: &str = "\
aqua RegistryService declares *

-- Generated from the interface of registry.wasm: `./build.sh` writes this file anew, edits are lost.
-- `ServiceRecord` is what the service calls `Record`.
";

/// Data types whose Aqua name differs from the service's. Aqua's types are structural, so names are free; two types
/// of one name, however, shadow each other silently for whoever imports both files. `Record` belongs to the flat
/// record of the Resources API.
const RENAMED: [(&str, &str); 1] = [("Record", "ServiceRecord")];

/// The file `aqua/registry-service.aqua` for `interface`.
///
/// Data types come sorted by name with dependencies before users, functions sorted by name.
///
/// # Errors
/// When a function has more than one result, which Aqua's `service` cannot express, or when a name is taken twice.
pub fn render(interface: &ModuleInterface) -> eyre::Result<String> {
    for (_, new_name) in RENAMED {
        if interface.record_types.iter().any(|record| record.name == new_name) {
            bail!("the service has a data type {new_name} already: choose another name in RENAMED");
        }
    }

    let mut text = HEADER.to_owned();
    for record in &interface.record_types {
        text.push('\n');
        text.push_str(&data(record));
    }
    text.push_str("\nservice Registry(\"registry\"):\n");
    let mut functions: Vec<_> = interface.function_signatures.iter().collect();
    functions.sort_by(|left, right| left.name.cmp(&right.name));
    for function in functions {
        text.push_str(&declaration(function)?);
    }
    Ok(text)
}

/// Compares `expected` with the file at `path`.
///
/// # Errors
/// When they differ: the difference, and what to do.
pub fn check(path: &Path, expected: &str) -> eyre::Result<()> {
    let present = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read: run ./build.sh, which writes it", path.display()))?;
    if present == expected {
        return Ok(());
    }
    let diff = TextDiff::from_lines(present.as_str(), expected)
        .unified_diff()
        .header("in the repository", "of registry.wasm")
        .to_string();
    bail!(
        "{} is not what registry.wasm offers: run ./build.sh and commit the file\n{diff}",
        path.display()
    );
}

fn data(record: &RecordType) -> String {
    let mut text = format!("data {}:\n", aqua_type(&record.name));
    for field in &record.fields {
        text.push_str(&format!("  {}: {}\n", field.name, aqua_type(&field.ty)));
    }
    text
}

fn declaration(function: &FunctionSignature) -> eyre::Result<String> {
    let arguments: Vec<_> = function
        .arguments
        .iter()
        .map(|(name, ty)| format!("{name}: {}", aqua_type(ty)))
        .collect();
    let result = match function.output_types.as_slice() {
        [] => String::new(),
        [ty] => format!(" -> {}", aqua_type(ty)),
        more => bail!("{} has {} results, Aqua wants at most one", function.name, more.len()),
    };
    Ok(format!("  {}({}){result}\n", function.name, arguments.join(", ")))
}

/// `[][]Record` -> `[][]ServiceRecord`; the interface writes everything else as Aqua does.
fn aqua_type(ty: &str) -> String {
    let element = ty.trim_start_matches("[]");
    let name = RENAMED
        .iter()
        .find(|(old_name, _)| *old_name == element)
        .map_or(element, |(_, new_name)| new_name);
    format!("{}{name}", &ty[..ty.len() - element.len()])
}
