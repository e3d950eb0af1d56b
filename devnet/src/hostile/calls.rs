//! Asking another node's service for everything it has a function for: calls made from its interface.

use std::collections::BTreeMap;

use marine_host::ServiceInterface;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{json, Map, Value};

use crate::call::CallOptions;
use crate::error::NetworkError;
use crate::network::Network;
use crate::peer::PeerIndex;

/// The argument that stands for the node's own time wherever a script passes it.
const TIME_ARGUMENT: &str = "current_timestamp_sec";
const LONG_LEN: usize = 16 * 1024;
const MANY: usize = 60;

/// One function with arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceRequest {
    pub function: String,
    pub args: Vec<Value>,
    /// The last argument is the time of the node that is asked, in place of the one in `args`.
    pub timed: bool,
}

/// Requests to one service of one node, in one particle.
#[derive(Debug, Clone)]
pub struct ServiceRequests<'a> {
    pub node: PeerIndex,
    pub service: &'a str,
    pub requests: &'a [ServiceRequest],
}

/// What came of requests.
#[derive(Debug, Clone, Default)]
pub struct Served {
    /// What the service returned, in order, without those that failed.
    pub results: Vec<Value>,
    /// The texts of calls that failed as such: the service has no such function, the arguments do not fit, it trapped, or the
    /// particle has expired.
    pub failures: Vec<String>,
}

/// Makes up requests of the right types: every function in turn, the arguments drawn from what was told to it and from what
/// no honest peer sends.
#[derive(Debug)]
pub struct CallMaker {
    functions: Vec<(String, Vec<(String, String)>)>,
    records: BTreeMap<String, Vec<(String, String)>>,
    told: BTreeMap<String, Vec<Value>>,
    rng: StdRng,
    next: usize,
}

impl CallMaker {
    #[must_use]
    pub fn new(interface: &ServiceInterface, seed: u64) -> Self {
        let functions = interface.function_signatures.iter();
        let records = interface.record_types.iter();
        let mut functions: Vec<_> = functions.map(|f| (f.name.clone(), f.arguments.clone())).collect();
        functions.sort();
        Self {
            functions,
            records: records.map(|r| (r.name.clone(), r.fields.clone())).collect(),
            told: BTreeMap::new(),
            rng: StdRng::seed_from_u64(seed),
            next: 0,
        }
    }

    /// A value for every argument and field of this name, such as a genuine key id or signature.
    #[must_use]
    pub fn told(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.tell(name, value);
        self
    }

    /// As [`told`](Self::told).
    pub fn tell(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.told.entry(name.into()).or_default().push(value.into());
    }

    /// How many functions there are: so many calls of [`make`](Self::make) use each once.
    #[must_use]
    pub fn function_count(&self) -> usize {
        self.functions.len()
    }

    /// The next function, with arguments.
    pub fn make(&mut self) -> ServiceRequest {
        let (function, arguments) = self.functions[self.next % self.functions.len()].clone();
        self.next += 1;
        let timed = arguments.last().is_some_and(|(name, _)| name == TIME_ARGUMENT) && self.rng.gen_range(0..8) != 0;
        let args = arguments.iter().map(|(name, kind)| self.value(name, kind)).collect();
        ServiceRequest { function, args, timed }
    }

    fn value(&mut self, name: &str, kind: &str) -> Value {
        let told = self.told.get(name).map_or(0, Vec::len);
        if told > 0 && self.rng.gen_range(0..4) != 0 {
            let value = &self.told[name][self.rng.gen_range(0..told)];
            return value.clone();
        }
        if let Some(item) = kind.strip_prefix("[]") {
            return self.list(name, item);
        }
        match kind {
            "string" => self.text(),
            "bool" => json!(self.rng.gen::<bool>()),
            "i8" | "i16" | "i32" | "i64" => json!([-1, 0, 1, 20, 127][self.rng.gen_range(0..5)]),
            "u8" => json!(self.rng.gen::<u8>()),
            "u16" | "u32" => json!([0, 1, 65_535][self.rng.gen_range(0..3)]),
            "u64" => json!([0, 1, u64::from(u32::MAX), i64::MAX as u64, u64::MAX][self.rng.gen_range(0..5)]),
            record => self.record(record),
        }
    }

    fn list(&mut self, name: &str, item: &str) -> Value {
        let len = match self.rng.gen_range(0..16) {
            0 => MANY,
            1..=4 => 0,
            5..=12 => 1,
            _ => 3,
        };
        if item == "u8" {
            let len = [0, 1, 64, 64, 72, 1_201, LONG_LEN / 8][self.rng.gen_range(0..7)];
            return json!((0..len).map(|_| self.rng.gen::<u8>()).collect::<Vec<_>>());
        }
        // The items of a long list are all the same: making each anew takes longer than sending it.
        let first = self.value(name, item);
        if len == MANY {
            return Value::Array(vec![first; len]);
        }
        Value::Array((0..len).map(|_| self.value(name, item)).collect())
    }

    fn text(&mut self) -> Value {
        let long = "z".repeat(LONG_LEN);
        let texts = [
            "",
            "\0",
            "1",
            "text",
            "'; DROP TABLE keys; --",
            "\"\\ \u{202e} \u{1F600} \n",
            "11111111111111111111111111111111111111111111",
            "12D3KooW",
            "AQEA",
            "AAAAAAAAAAAAAAAA",
            &long,
        ];
        json!(texts[self.rng.gen_range(0..texts.len())])
    }

    fn record(&mut self, name: &str) -> Value {
        let fields = self.records.get(name).cloned().unwrap_or_default();
        let fields = fields
            .iter()
            .map(|(field, kind)| (field.clone(), self.value(field, kind)));
        Value::Object(fields.collect::<Map<_, _>>())
    }
}

impl ServiceRequests<'_> {
    /// The script that makes the requests one after the other, whatever comes of each.
    fn air(&self, node_id: &str) -> String {
        let calls = self.requests.iter().enumerate().rev().fold("(null)".to_owned(), |then, (at, request)| {
            let count = request.args.len();
            let args = (0..count).map(|arg| match request.timed && arg + 1 == count {
                true => "now".to_owned(),
                false => format!("calls.$.[{at}].[{arg}]"),
            });
            let args = args.collect::<Vec<_>>().join(" ");
            let (service, function) = (self.service, &request.function);
            format!(
                "(seq (xor (call \"{node_id}\" (\"{service}\" \"{function}\") [{args}] $results) (ap :error: $failures)) {then})"
            )
        });
        format!(
            "(new $results (new $failures (seq (call %init_peer_id% (\"getDataSrv\" \"calls\") [] calls) \
             (seq (call \"{node_id}\" (\"peer\" \"timestamp_sec\") [] now) (seq {calls} \
             (seq (canon \"{node_id}\" $results #results) (seq (canon \"{node_id}\" $failures #failures) \
             (call %init_peer_id% (\"callbackSrv\" \"response\") [#results #failures]))))))))"
        )
    }
}

impl Network {
    /// Has a peer make these requests in a particle of its own, and waits for what comes of them.
    pub fn request(&mut self, from: PeerIndex, requests: &ServiceRequests<'_>) -> Result<Served, NetworkError> {
        let node_id = self.peer(requests.node)?.id().to_owned();
        let calls: Vec<&Vec<Value>> = requests.requests.iter().map(|request| &request.args).collect();
        let data = BTreeMap::from([("calls".to_owned(), json!(calls))]);
        let handle = self.start_air(from, requests.air(&node_id), data, CallOptions::new())?;
        let mut values = match self.wait(&handle)?.result {
            Ok(values) => values.into_iter(),
            Err(failure) => {
                return Ok(Served {
                    results: Vec::new(),
                    failures: vec![failure.to_string()],
                })
            }
        };
        let mut list = || match values.next() {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        Ok(Served {
            results: list(),
            failures: list().iter().map(Value::to_string).collect(),
        })
    }

    /// The functions and types of a node's service.
    pub fn interface(&mut self, node: PeerIndex, service: &str) -> Result<ServiceInterface, NetworkError> {
        let host = self.host.clone();
        let running = self.live_mut(node)?.services.running(service, &host);
        let running = running.ok_or_else(|| NetworkError::NoSuchService {
            peer: node,
            service: service.to_owned(),
        })?;
        Ok(running?.interface())
    }
}
