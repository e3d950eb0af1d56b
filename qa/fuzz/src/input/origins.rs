//! Call parameters as hostile scripts and hosts' tetraplets have them.

use marine_rs_sdk::SecurityTetraplet;
use registry_testkit::{Origins, Peer};

use super::{cast, Objects, Source};

/// Where an argument has to come from, and its position.
#[derive(Debug, Clone, Copy)]
pub enum Argument<'a> {
    Time(usize),
    Weight(usize),
    /// As many weights.
    Weights(usize, usize),
    /// As many results of `put_host_record` on this peer.
    HostRecords(usize, &'a str, usize),
    /// What this function of this peer's registry returned.
    Replica(usize, &'a str, &'a str),
}

/// Which arguments are proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    pub time: bool,
    pub weight: bool,
    pub host_record: bool,
}

/// The parameters of a call, and what they prove.
#[derive(Debug)]
pub struct Claims {
    pub origins: Origins,
    pub proof: Proof,
    pub caller: &'static Peer,
    pub creator: &'static Peer,
}

impl Claims {
    /// Parameters of a call with so many arguments. Each origin is honest mostly.
    pub fn new(source: &mut Source<'_>, worker: &Peer, count: usize, arguments: &[Argument<'_>]) -> Self {
        let caller = match source.below(4) {
            0 | 1 => &cast().peers[2],
            2 => cast().host(),
            _ => Objects::peer(source),
        };
        let creator = match source.below(4) {
            0..=2 => cast().host(),
            _ => Objects::peer(source),
        };
        let mut origins = Origins::new(cast().host(), caller, count)
            .creator(creator)
            .worker(worker);
        let mut proof = Proof {
            time: true,
            weight: true,
            host_record: true,
        };
        let host = cast().host().id();
        for argument in arguments {
            let (at, expected, count) = match *argument {
                Argument::Time(at) => (at, (host, "peer", "timestamp_sec"), 1),
                Argument::Weight(at) => (at, (host, "trust-graph", "get_weight"), 1),
                Argument::Weights(at, count) => (at, (host, "trust-graph", "get_weight"), count),
                Argument::HostRecords(at, peer, count) => (at, (peer, "registry", "put_host_record"), count),
                Argument::Replica(at, peer, function) => (at, (peer, "registry", function), 1),
            };
            let given = tetraplets(source, expected, count);
            let (peer, service, function) = expected;
            let proper = SecurityTetraplet::new(peer, service, function, "");
            let proved = given.len() >= count && given.iter().all(|given| *given == proper);
            match argument {
                Argument::Time(_) => proof.time &= proved,
                Argument::Weight(_) | Argument::Weights(..) => proof.weight &= proved,
                Argument::HostRecords(..) => proof.host_record &= proved,
                Argument::Replica(..) => {}
            }
            origins = origins.raw(at, given);
        }
        if source.rarely(64) {
            origins = origins.truncated(0);
            let needs = |wanted: fn(&Argument<'_>) -> bool| arguments.iter().any(wanted);
            proof.time &= !needs(|argument| matches!(argument, Argument::Time(_)));
            proof.weight &= !needs(|argument| {
                matches!(argument, Argument::Weight(_)) || matches!(argument, Argument::Weights(_, count) if *count > 0)
            });
            proof.host_record &= !needs(|argument| matches!(argument, Argument::HostRecords(..)));
        }
        Self {
            origins,
            proof,
            caller,
            creator,
        }
    }

    /// Whether the node itself calls.
    pub fn by_host(&self, worker: &Peer) -> bool {
        self.caller.id() == cast().host().id() || self.caller.id() == worker.id()
    }
}

/// Of an argument with so many items: as they should be, mostly.
fn tetraplets(
    source: &mut Source<'_>,
    (peer, service, function): (&str, &str, &str),
    count: usize,
) -> Vec<SecurityTetraplet> {
    if !source.rarely(12) {
        return vec![SecurityTetraplet::new(peer, service, function, ""); count];
    }
    let stranger = cast().peers[2].id();
    let forged = match source.below(8) {
        0 => SecurityTetraplet::literal_tetraplet(peer),
        1 => SecurityTetraplet::new(stranger, service, function, ""),
        2 => SecurityTetraplet::new(peer, "another", function, ""),
        3 => SecurityTetraplet::new(peer, service, "another", ""),
        4 => SecurityTetraplet::new(peer, service, function, ".$.lens"),
        5 => SecurityTetraplet::new("", "", "", ""),
        6 => SecurityTetraplet::new(source.hostile_text(), service, function, ""),
        _ => return Vec::new(),
    };
    vec![forged; count.max(1)]
}
