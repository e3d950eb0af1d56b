//! The Aqua bindings: the data types and functions of the packed module, in Aqua's notation.

use std::path::Path;

use eyre::{bail, Context};
use marine_it_parser::interface::{FunctionSignature, ModuleInterface, RecordType};
use similar::TextDiff;

/// What the bindings of one module are called, and where they lie.
#[derive(Debug, Clone, Copy)]
pub struct Bindings {
    /// The module without `.wasm`, which is also the id of its service.
    pub module: &'static str,
    /// Relative to the root of the workspace.
    pub path: &'static str,
    /// What the file is called by those who import it.
    file: &'static str,
    service: &'static str,
    /// Data types whose Aqua name differs from the module's.
    renamed: &'static [(&'static str, &'static str)],
}

/// Aqua's types are structural, so names are free; two types of one name, however, shadow each other silently for whoever
/// imports both files. `Record` belongs to the flat record of the Resources API.
pub const REGISTRY: Bindings = Bindings {
    module: "registry",
    path: "aqua/registry-service.aqua",
    file: "RegistryService",
    service: "Registry",
    renamed: &[("Record", "ServiceRecord")],
};

pub const AQUA_DHT: Bindings = Bindings {
    module: "aqua-dht",
    path: "aqua-dht/aqua/aqua-dht-service.aqua",
    file: "AquaDHTService",
    service: "AquaDHT",
    renamed: &[("DhtKey", "Key"), ("DhtRecord", "Record")],
};

impl Bindings {
    /// Those of a module; none for a module whose interface is in no repository of ours.
    #[must_use]
    pub fn of(module: &str) -> Option<&'static Self> {
        [&REGISTRY, &AQUA_DHT].into_iter().find(|known| known.module == module)
    }

    /// The text of the file for `interface`.
    ///
    /// Data types come sorted by name with dependencies before users, functions sorted by name.
    ///
    /// # Errors
    /// When a function has more than one result, which Aqua's `service` cannot express, or when a name is taken twice.
    pub fn render(&self, interface: &ModuleInterface) -> eyre::Result<String> {
        for (_, new_name) in self.renamed {
            if interface.record_types.iter().any(|record| record.name == *new_name) {
                bail!("the service has a data type {new_name} already: choose another name in `renamed`");
            }
        }

        let Self {
            module, file, service, ..
        } = self;
        let mut text = format!(
            "aqua {file} declares *\n\n\
             -- Generated from the interface of {module}.wasm: `./build.sh` writes this file anew, edits are lost.\n"
        );
        for (name, new_name) in self.renamed {
            text.push_str(&format!("-- `{new_name}` is what the service calls `{name}`.\n"));
        }
        for record in &interface.record_types {
            text.push('\n');
            text.push_str(&self.data(record));
        }
        text.push_str(&format!("\nservice {service}(\"{module}\"):\n"));
        let mut functions: Vec<_> = interface.function_signatures.iter().collect();
        functions.sort_by(|left, right| left.name.cmp(&right.name));
        for function in functions {
            text.push_str(&self.declaration(function)?);
        }
        Ok(text)
    }

    /// Compares `expected` with the file below `root`.
    ///
    /// # Errors
    /// When they differ: the difference, and what to do.
    pub fn check(&self, root: &Path, expected: &str) -> eyre::Result<()> {
        let path = root.join(self.path);
        let present = std::fs::read_to_string(&path)
            .with_context(|| format!("{} cannot be read: run ./build.sh, which writes it", path.display()))?;
        if present == expected {
            return Ok(());
        }
        let diff = TextDiff::from_lines(present.as_str(), expected)
            .unified_diff()
            .header("in the repository", &format!("of {}.wasm", self.module))
            .to_string();
        bail!(
            "{} is not what {}.wasm offers: run ./build.sh and commit the file\n{diff}",
            path.display(),
            self.module
        );
    }

    fn data(&self, record: &RecordType) -> String {
        let mut text = format!("data {}:\n", self.aqua_type(&record.name));
        for field in &record.fields {
            text.push_str(&format!("  {}: {}\n", field.name, self.aqua_type(&field.ty)));
        }
        text
    }

    fn declaration(&self, function: &FunctionSignature) -> eyre::Result<String> {
        let arguments: Vec<_> = function
            .arguments
            .iter()
            .map(|(name, ty)| format!("{name}: {}", self.aqua_type(ty)))
            .collect();
        let result = match function.output_types.as_slice() {
            [] => String::new(),
            [ty] => format!(" -> {}", self.aqua_type(ty)),
            more => bail!("{} has {} results, Aqua wants at most one", function.name, more.len()),
        };
        Ok(format!("  {}({}){result}\n", function.name, arguments.join(", ")))
    }

    /// `[][]Record` -> `[][]ServiceRecord`; the interface writes everything else as Aqua does.
    fn aqua_type(&self, ty: &str) -> String {
        let element = ty.trim_start_matches("[]");
        let name = self
            .renamed
            .iter()
            .find(|(old_name, _)| *old_name == element)
            .map_or(element, |(_, new_name)| new_name);
        format!("{}{name}", &ty[..ty.len() - element.len()])
    }
}
