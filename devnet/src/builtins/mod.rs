//! The services that every peer has without being asked, as nox and the JS client provide them: one file each.

mod args;
mod array;
mod cmp;
mod debug;
mod json;
mod kad;
mod math;
mod op;
mod peer;
mod sig;
mod srv;

use fluence_keypair::KeyPair;

pub(crate) use args::Args;
pub(crate) use kad::Neighbour;
pub(crate) use srv::ServiceInfo;

use crate::service::{Answer, ServiceCall, ServiceResult};

/// What a builtin may know of the peer it runs on.
pub(crate) struct Host<'a> {
    pub(crate) peer_id: &'a str,
    pub(crate) key_pair: &'a KeyPair,
    pub(crate) is_client: bool,
    /// The other nodes that this one knows; a client knows none.
    pub(crate) known: &'a dyn Fn() -> Vec<Neighbour>,
    /// Whether this client is connected to the node right now.
    pub(crate) has_client: &'a dyn Fn(&str) -> bool,
    /// A service of the peer, by id or alias.
    pub(crate) service: &'a dyn Fn(&str) -> Option<ServiceInfo>,
}

/// The services whose answers depend on the arguments alone: [`pure_builtin`] gives them.
pub const PURE_BUILTINS: &[&str] = &["op", "math", "cmp", "array", "json", "debug"];

/// What every peer answers to a call of one of [`PURE_BUILTINS`], or `None` where it has no such function.
#[must_use]
pub fn pure_builtin(
    service: &str,
    function: &str,
    args: &[serde_json::Value],
) -> Option<Result<serde_json::Value, String>> {
    let args = Args::new(args);
    match service {
        "op" => op::call(function, args),
        "math" => math::call(function, args),
        "cmp" => cmp::call(function, args),
        "array" => array::call(function, args),
        "json" => json::call(function, args),
        "debug" => debug::call(function, args),
        _ => None,
    }
}

/// The answer of a builtin, or `None` where there is none of that name.
pub(crate) fn call(host: &Host<'_>, call: &ServiceCall) -> Option<Answer> {
    let function = call.function.as_str();
    let args = Args::new(&call.args);
    let result: Result<serde_json::Value, String> = match call.service.as_str() {
        "peer" => return peer::call(host, call, args),
        "run-console" if function == "print" => return Some(ServiceResult::ok("").into()),
        "kad" if !host.is_client => kad::call(host, function, args)?,
        "sig" => sig::call(host, call, args)?,
        "srv" if !host.is_client => srv::call(host, function, args)?,
        service => pure_builtin(service, function, &call.args)?,
    };
    Some(ServiceResult::from(result).into())
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use serde_json::Value;

    pub(crate) const HOST: &str = "host";

    /// The answer of a builtin on a node that knows nobody.
    pub(crate) fn ask(service: &str, function: &str, args: Value) -> Result<Value, Value> {
        ask_knowing(&[], service, function, args)
    }

    pub(crate) fn ask_knowing(known: &[Neighbour], service: &str, function: &str, args: Value) -> Result<Value, Value> {
        let key_pair = crate::identity::key_pair(1, 1);
        let host = Host {
            peer_id: HOST,
            key_pair: &key_pair,
            is_client: false,
            known: &|| known.to_vec(),
            has_client: &|_| false,
            service: &|_| None,
        };
        let call = ServiceCall {
            peer_id: HOST.into(),
            service: service.into(),
            function: function.into(),
            args: args.as_array().expect("arguments are an array").clone(),
            tetraplets: Vec::new(),
            particle_id: String::new(),
            init_peer_id: HOST.into(),
            unix_ms: 1_500,
        };
        match super::call(&host, &call).expect("a builtin") {
            Answer::Now(result) if result.is_ok() => Ok(result.value),
            Answer::Now(result) => Err(result.value),
            other => panic!("{other:?}"),
        }
    }
}
