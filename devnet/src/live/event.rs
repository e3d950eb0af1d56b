use serde::Serialize;

/// Something that happened in a network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// The node's number.
    pub node: usize,
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[non_exhaustive]
pub enum What {
    Started,
    /// It is new, and runs.
    Added,
    /// It has ended what it was at.
    Stopped,
    /// As by a power failure.
    Killed,
    Connected {
        peer_id: String,
    },
    /// A client misbehaved and was disconnected.
    CutOff {
        peer_id: String,
        why: String,
    },
    /// A client's particle was not run.
    Refused {
        peer_id: String,
        why: String,
    },
    /// A script has done something with the registry.
    Done {
        deed: Deed,
        /// The ids of the keys that it was about, the first few.
        keys: Vec<String>,
        initiator: String,
        cost: Cost,
    },
    /// Something failed that is no client's fault.
    Trouble {
        message: String,
    },
}

/// What a script has done with the registry. Of several the last one here is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    Resolved,
    Created,
    Registered,
    Deleted,
    Expired,
    Replicated,
    Renewed,
}

/// What a script has cost, until its first pause.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Cost {
    /// Messages between peers, and to clients.
    pub messages: u64,
    pub bytes: u64,
    /// Nodes that took part.
    pub nodes: usize,
    /// Milliseconds in AquaVM.
    pub avm_ms: f64,
    /// Milliseconds in services.
    pub service_ms: f64,
}
