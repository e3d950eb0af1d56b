//! `srv`: what services a node has.

use serde_json::{json, Value};

use super::{Args, Host};

/// What a node says of a service of its own.
#[derive(Debug, Clone)]
pub(crate) struct ServiceInfo {
    pub(crate) id: String,
    pub(crate) owner_id: String,
}

pub(super) fn call(host: &Host<'_>, function: &str, args: Args<'_>) -> Option<Result<Value, String>> {
    match function {
        "info" => Some(info(host, args)),
        _ => None,
    }
}

/// By id or alias.
fn info(host: &Host<'_>, mut args: Args<'_>) -> Result<Value, String> {
    let name: String = args.next("service_id_or_alias")?;
    let service = (host.service)(&name).ok_or_else(|| format!("Service with id '{name}' not found"))?;
    Ok(json!({
        "id": service.id,
        "blueprint_id": "",
        "service_type": {"type": "service"},
        "owner_id": service.owner_id,
        "aliases": if service.id == name { Vec::new() } else { vec![name] },
        "worker_id": {"type": "host"},
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtins::testing::ask;

    #[test]
    fn a_service_that_is_not_there_is_an_error_that_names_it() {
        let error = ask("srv", "info", json!(["greeter"])).unwrap_err();
        assert!(error.as_str().unwrap().contains("'greeter' not found"), "{error}");
    }
}
