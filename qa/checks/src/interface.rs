use std::collections::BTreeSet;

use marine_host::ServiceInterface;

/// What a module offers, a line for each function and each data type: two interfaces are the same where these are.
#[must_use]
pub fn interface_lines(interface: &ServiceInterface) -> BTreeSet<String> {
    let listed = |fields: &[(String, String)]| {
        let fields: Vec<String> = fields.iter().map(|(name, of)| format!("{name}: {of}")).collect();
        fields.join(", ")
    };
    let types = interface.record_types.iter();
    let types = types.map(|record| format!("data {}: {}", record.name, listed(&record.fields)));
    let functions = interface.function_signatures.iter().map(|function| {
        let arguments = listed(&function.arguments);
        format!("{}({arguments}) -> {}", function.name, function.output_types.join(", "))
    });
    types.chain(functions).collect()
}
