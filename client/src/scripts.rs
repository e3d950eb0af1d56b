//! The scripts that the client runs. `client/aqua` holds their source, `./build.sh` compiles it to `client/air`.

use std::collections::BTreeMap;

use serde_json::Value;

/// A compiled function: its AIR and the names of its arguments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) air: &'static str,
    pub(crate) arguments: &'static [&'static str],
}

macro_rules! function {
    ($constant:ident, $name:literal, $arguments:expr) => {
        pub(crate) const $constant: Function = Function {
            name: $name,
            air: include_str!(concat!("../air/", $name, ".air")),
            arguments: &$arguments,
        };
    };
}

function!(CREATE, "createResource", ["label"]);
function!(GET, "getResource", ["resource_id"]);
function!(
    CREATE_AND_REGISTER,
    "createResourceAndRegisterProvider",
    ["label", "value", "service_id"]
);
function!(REGISTER, "registerProvider", ["resource_id", "value", "service_id"]);
function!(
    REGISTER_NODE,
    "registerNodeProvider",
    ["provider_node_id", "resource_id", "value", "service_id"]
);
function!(UNREGISTER, "unregisterService", ["resource_id", "peer_id"]);
function!(RESOLVE, "resolveResource", ["resource_id", "ack"]);
function!(CREATE_OPEN, "createOpenResource", ["label"]);
function!(
    REGISTER_FOR,
    "registerProviderFor",
    ["resource_id", "value", "service_id", "lease_sec"]
);
function!(REGISTER_OPEN, "registerOpenProvider", ["label", "value", "service_id"]);
function!(
    REGISTER_OPEN_FOR,
    "registerOpenProviderFor",
    ["label", "value", "service_id", "lease_sec"]
);
function!(
    REGISTER_OPEN_NODE,
    "registerOpenNodeProvider",
    ["provider_node_id", "label", "value", "service_id"]
);
function!(
    ADVERTISE_OPEN,
    "advertiseOpen",
    ["label", "value", "service_id", "lease_sec", "k"]
);
function!(RESOLVE_ALIVE, "resolveAliveResource", ["resource_id", "ack"]);
function!(RESOLVE_THROUGH, "resolveThroughDirectories", ["resource_id", "ack"]);
function!(NEIGHBOURS, "neighbours", ["resource_id"]);
function!(NODE_STATS, "nodeStats", ["peer_id"]);
function!(INSPECT_NODE, "inspectNode", ["peer_id", "resource_id"]);
function!(PEEK, "peekRecords", ["peer_id", "resource_id"]);

impl Function {
    /// What the script asks its initiator for.
    pub(crate) fn data<const N: usize>(&self, values: [Value; N]) -> BTreeMap<String, Value> {
        debug_assert_eq!(N, self.arguments.len(), "{}", self.name);
        let names = self.arguments.iter().map(|name| (*name).to_owned());
        names.zip(values).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_script_asks_for_its_arguments_and_the_relay() {
        let all = [
            CREATE,
            GET,
            CREATE_AND_REGISTER,
            REGISTER,
            REGISTER_NODE,
            UNREGISTER,
            RESOLVE,
            CREATE_OPEN,
            REGISTER_FOR,
            REGISTER_OPEN,
            REGISTER_OPEN_FOR,
            REGISTER_OPEN_NODE,
            ADVERTISE_OPEN,
            RESOLVE_ALIVE,
            RESOLVE_THROUGH,
            NEIGHBOURS,
            NODE_STATS,
            INSPECT_NODE,
            PEEK,
        ];
        for function in all {
            let asked = function.air.split("\"getDataSrv\"").skip(1);
            let asked: Vec<&str> = asked.map(|rest| rest.split('"').nth(1).unwrap()).collect();
            let mut expected = vec!["-relay-"];
            expected.extend(function.arguments);
            let sorted = |mut names: Vec<&str>| {
                names.sort_unstable();
                names.into_iter().map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(sorted(asked), sorted(expected), "{}", function.name);
        }
    }
}
