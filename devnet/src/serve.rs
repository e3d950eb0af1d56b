//! Answering the service calls that AquaVM asks a peer for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use avm_server::avm_runner::RawAVMOutcome;
use avm_server::{CallRequestParams, CallResults, CallServiceResult};

use crate::builtins::{self, Host, Neighbour, ServiceInfo};
use crate::kademlia::Point;
use crate::log::{fingerprint, What};
use crate::network::Network;
use crate::particle::Particle;
use crate::peer::{Peer, PeerIndex};
use crate::queue::Event;
use crate::service::{Answer, ServiceCall, ServiceResult};

impl Network {
    /// Answers what AquaVM asks, in the order of the call ids; what takes time is put into the queue.
    pub(crate) fn serve_all(&mut self, index: PeerIndex, header: &Particle, outcome: RawAVMOutcome) -> CallResults {
        let mut requests: Vec<_> = outcome.call_requests.into_iter().collect();
        requests.sort_by_key(|(call_id, _)| *call_id);
        let mut results = CallResults::new();
        for (call_id, request) in requests {
            let name = format!("{}.{}", request.service_id, request.function_name);
            let since = Instant::now();
            let answer = self.serve(index, header, request);
            let time = since.elapsed();
            self.count(&header.id, |stats, _| stats.called(index, name, time));
            match answer {
                Answer::Now(result) => {
                    results.insert(call_id, into_avm(result));
                }
                Answer::After(delay, result) => self.answer_after(index, header, call_id, delay, result),
                Answer::Never => {}
            }
        }
        results
    }

    fn answer_after(
        &mut self,
        index: PeerIndex,
        header: &Particle,
        call_id: u32,
        delay: Duration,
        result: ServiceResult,
    ) {
        // Nothing comes of an answer after the particle's end, however long a script asks to wait.
        if delay > Duration::from_millis(header.ttl.into()) {
            return;
        }
        let event = Event::Answer {
            peer: index,
            incarnation: self.peers[index.0].incarnation,
            particle_id: header.id.clone(),
            call_id,
            result,
        };
        self.queue.push(self.now + delay, event);
    }

    /// One service call on a peer.
    fn serve(&mut self, index: PeerIndex, header: &Particle, request: CallRequestParams) -> Answer {
        let peer = &self.peers[index.0];
        let call = ServiceCall {
            peer_id: peer.id().to_owned(),
            service: request.service_id,
            function: request.function_name,
            args: request.arguments,
            tetraplets: request.tetraplets,
            particle_id: header.id.to_string(),
            init_peer_id: header.init_peer_id.to_string(),
            unix_ms: self.clock_ms(peer.clock_offset_ms),
        };
        let answer = self.find_answer(index, header, &call);
        let what = match &answer {
            Answer::Now(result) => What::Called {
                service: call.service,
                function: call.function,
                ret_code: result.ret_code,
                result: fingerprint(&result.value),
            },
            _ => What::Waiting {
                service: call.service,
                function: call.function,
            },
        };
        self.record(index, &header.id, what);
        answer
    }

    fn find_answer(&mut self, index: PeerIndex, header: &Particle, call: &ServiceCall) -> Answer {
        let Some(mut hostile) = self.peers[index.0].hostile.take() else {
            return self.find_honest_answer(index, header, call);
        };
        let answer = hostile.answers(call, &mut || self.find_honest_answer(index, header, call));
        self.peers[index.0].hostile = Some(hostile);
        answer
    }

    fn find_honest_answer(&mut self, index: PeerIndex, header: &Particle, call: &ServiceCall) -> Answer {
        if let Some(answer) = self.answer_as_initiator(index, header, call) {
            return answer;
        }
        let peer = &mut self.peers[index.0];
        let name = (call.service.clone(), call.function.clone());
        if let Some(function) = peer.functions.get_mut(&name) {
            return function(call);
        }
        let known = || self.known_to(index);
        let outside = self.outside.as_deref();
        let has_client = |peer_id: &str| {
            let is_here = |peer: &Peer| peer.relay() == Some(index) && peer.is_alive() && peer.id() == peer_id;
            self.peers.iter().any(is_here) || outside.is_some_and(|outside| outside.is_connected(index, peer_id))
        };
        let peer = &self.peers[index.0];
        let service = |name: &str| service_of(peer, name);
        let host = Host {
            peer_id: peer.id(),
            key_pair: &peer.key_pair,
            is_client: !peer.is_node(),
            known: &known,
            has_client: &has_client,
            service: &service,
        };
        if let Some(answer) = builtins::call(&host, call) {
            return answer;
        }
        let peer = &mut self.peers[index.0];
        if let Some(result) = peer.services.call(&self.host, call, header) {
            if let Some(outside) = &mut self.outside {
                outside.called(header, call, &result.value);
            }
            return result.into();
        }
        ServiceResult::error(format!(
            "{index} has no `{}.{}`: neither a builtin nor a service of that name",
            call.service, call.function
        ))
        .into()
    }

    /// The particle's own services, on the peer that started it.
    fn answer_as_initiator(&mut self, index: PeerIndex, header: &Particle, call: &ServiceCall) -> Option<Answer> {
        let running = self.running.get_mut(&header.id)?;
        if running.origin != index || running.from_outside.is_some() {
            return None;
        }
        if let Some(alias) = running.spell.clone() {
            let given = running
                .data
                .get(&call.function)
                .filter(|_| call.service == "getDataSrv");
            if let Some(value) = given {
                return Some(ServiceResult::ok(value.clone()).into());
            }
            let (result, outcome) = self.answer_spell(index, &alias, call)?;
            if let Some(outcome) = outcome {
                self.finish(&header.id, outcome);
            }
            return Some(result.into());
        }
        let was_open = running.outcome.is_none();
        let answer = running.answer(call)?;
        if was_open && running.outcome.is_some() {
            let outcome = running.outcome.take().expect("just looked");
            self.finish(&header.id.clone(), outcome);
        }
        Some(answer)
    }

    /// The peer ids of the other nodes that a peer knows, closest first.
    pub(crate) fn known_from(&self, index: PeerIndex) -> Vec<String> {
        let here = self.peers[index.0].point();
        let mut known = self.known_to(index);
        known.sort_by_cached_key(|neighbour| here.distance(&neighbour.point));
        known.into_iter().map(|neighbour| neighbour.peer_id).collect()
    }

    /// The other nodes that a peer knows.
    fn known_to(&self, index: PeerIndex) -> Vec<Neighbour> {
        if !self.peers[index.0].is_node() {
            return Vec::new();
        }
        let is_known = |peer: &&Peer| {
            let gone_at = peer.killed_at.or_else(|| self.links.apart_since(index, peer.index()));
            let forgotten = self
                .config
                .forget_dead_after
                .is_some_and(|after| gone_at.is_some_and(|at| self.now >= at + after));
            peer.is_node() && peer.index() != index && !forgotten
        };
        let neighbour = |peer: &Peer| Neighbour {
            peer_id: peer.id().to_owned(),
            point: peer.point(),
        };
        let known = self.peers.iter().filter(is_known).map(neighbour);
        match self.config.bucket {
            None => known.collect(),
            Some(bucket) => routing_table(self.peers[index.0].point(), known, bucket),
        }
    }
}

/// A Marine service of a peer, or one that the embedding program defined there.
fn service_of(peer: &Peer, name: &str) -> Option<ServiceInfo> {
    let deployed = peer.services.identity(name);
    let defined = || peer.functions.keys().any(|(service, _)| service == name);
    let (id, owner_id) = deployed.or_else(|| defined().then_some((name, peer.id())))?;
    Some(ServiceInfo {
        id: id.to_owned(),
        owner_id: owner_id.to_owned(),
    })
}

/// As many of `known` in each bucket, the first ones, as a node at `here` keeps.
fn routing_table(here: Point, known: impl Iterator<Item = Neighbour>, bucket: usize) -> Vec<Neighbour> {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    let has_room = |neighbour: &Neighbour| {
        let count = counts.entry(here.distance(&neighbour.point).bucket()).or_default();
        *count += 1;
        *count <= bucket
    };
    known.filter(has_room).collect()
}

pub(crate) fn into_avm(result: ServiceResult) -> CallServiceResult {
    CallServiceResult {
        ret_code: result.ret_code,
        result: result.value,
    }
}
