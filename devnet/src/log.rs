//! The event log: what happened, and a digest by which two runs are told apart.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::peer::PeerIndex;
use crate::time::{show, VirtualTime};

/// How many of the latest records are kept for people to read.
pub const RECENT_RECORDS_MAX: usize = 10_000;

/// Something that happened on a peer.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub at: VirtualTime,
    pub peer: PeerIndex,
    /// The particle concerned, or empty.
    pub particle_id: Arc<str>,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub enum What {
    Started,
    Sent {
        to: PeerIndex,
        bytes: usize,
    },
    /// A message that no peer receives.
    Lost {
        to: String,
        why: String,
    },
    Arrived {
        from: PeerIndex,
        bytes: usize,
    },
    /// It came in from a peer outside of this process.
    Entered {
        from: String,
        bytes: usize,
    },
    /// It was sent to a peer outside of this process.
    Left {
        to: String,
        bytes: usize,
    },
    /// A particle that the peer refuses to run.
    Refused {
        why: String,
    },
    Called {
        service: String,
        function: String,
        ret_code: i32,
        /// The first bytes of the sha256 of the result.
        result: String,
    },
    /// The call answers later or never.
    Waiting {
        service: String,
        function: String,
    },
    AvmFailed {
        code: i64,
        message: String,
    },
    Responded,
    Failed,
    Ticked,
    Expired,
    Killed,
    Restarted,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} ", show(self.at), self.peer, self.particle_id)?;
        match &self.what {
            What::Started => write!(f, "started"),
            What::Sent { to, bytes } => write!(f, "sent {bytes} bytes to {to}"),
            What::Lost { to, why } => write!(f, "lost on the way to {to}: {why}"),
            What::Arrived { from, bytes } => write!(f, "arrived from {from}: {bytes} bytes"),
            What::Entered { from, bytes } => write!(f, "came in from {from}: {bytes} bytes"),
            What::Left { to, bytes } => write!(f, "left for {to}: {bytes} bytes"),
            What::Refused { why } => write!(f, "refused: {why}"),
            What::Called {
                service,
                function,
                ret_code,
                result,
            } => write!(f, "{service}.{function} -> {ret_code} {result}"),
            What::Waiting { service, function } => write!(f, "{service}.{function} waits"),
            What::AvmFailed { code, message } => write!(f, "AquaVM failed: {code} {message}"),
            What::Responded => write!(f, "responded"),
            What::Failed => write!(f, "failed"),
            What::Ticked => write!(f, "ticked"),
            What::Expired => write!(f, "expired"),
            What::Killed => write!(f, "killed"),
            What::Restarted => write!(f, "restarted"),
        }
    }
}

#[derive(Default)]
pub(crate) struct Log {
    hash: Sha256,
    recent: VecDeque<Record>,
    /// Records since the checkers ran last.
    fresh: Vec<Record>,
    count: u64,
}

impl Log {
    pub(crate) fn push(&mut self, record: Record) {
        self.hash.update(record.to_string().as_bytes());
        self.hash.update(b"\n");
        self.count += 1;
        if self.recent.len() == RECENT_RECORDS_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(record.clone());
        self.fresh.push(record);
    }

    pub(crate) fn digest(&self) -> String {
        hex::encode(self.hash.clone().finalize())
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn recent(&self) -> impl Iterator<Item = &Record> {
        self.recent.iter()
    }

    pub(crate) fn take_fresh(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.fresh)
    }
}

/// A short fingerprint of a value, for the log.
pub(crate) fn fingerprint(value: &serde_json::Value) -> String {
    hex::encode(&Sha256::digest(value.to_string().as_bytes())[..6])
}
