//! What happens at each event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use avm_server::avm_runner::RawAVMOutcome;
use avm_server::{CallRequestParams, CallResults, CallServiceResult};

use crate::avm::Run;
use crate::builtins::{self, Host, Neighbour};
use crate::check::World;
use crate::error::{CallFailure, NetworkError};
use crate::hostile::Sending;
use crate::link::Loss;
use crate::log::{fingerprint, What};
use crate::network::Network;
use crate::particle::Particle;
use crate::peer::{Peer, PeerIndex};
use crate::queue::Event;
use crate::service::{Answer, ServiceCall, ServiceResult};
use crate::stats::ParticleStats;
use crate::time::{unix_ms, VirtualTime};

/// AquaVM's codes for errors that a script may catch.
const UNCAUGHT_ERRORS: std::ops::Range<i64> = 10_000..20_000;

impl Network {
    /// Handles the next event, if there is one, and moves the clock to it.
    pub fn step(&mut self) -> Result<bool, NetworkError> {
        let Some((at, event)) = self.queue.pop() else {
            return Ok(false);
        };
        self.pace(at);
        self.now = self.now.max(at);
        match event {
            Event::Arrive { to, from, particle } => self.arrive(to, from, particle)?,
            Event::Answer {
                peer,
                incarnation,
                particle_id,
                call_id,
                result,
            } => self.answer_late(peer, incarnation, &particle_id, call_id, result)?,
            Event::Tick { schedule } => self.tick(schedule)?,
            Event::Expire { particle_id } => self.expire(&particle_id),
        }
        self.check()?;
        Ok(true)
    }

    /// In real time mode, waits until real time has caught up.
    pub(crate) fn pace(&self, until: VirtualTime) {
        if let Some(start) = self.real_start {
            std::thread::sleep((start + until).saturating_duration_since(Instant::now()));
        }
    }

    /// Runs a new particle on its initiator.
    pub(crate) fn start_particle(&mut self, origin: PeerIndex, particle: Particle) -> Result<(), NetworkError> {
        self.record(origin, &particle.id.clone(), What::Started);
        self.run_particle(origin, particle, CallResults::new())?;
        self.check()
    }

    fn arrive(&mut self, to: PeerIndex, from: PeerIndex, particle: Particle) -> Result<(), NetworkError> {
        let id = particle.id.clone();
        let peer = &self.peers[to.0];
        if !peer.alive {
            let (to, why) = (to.to_string(), "it is dead".to_owned());
            self.record(from, &id, What::Lost { to, why });
            self.count(&id, |stats, _| stats.lost += 1);
            return Ok(());
        }
        let clock = unix_ms(self.now, peer.clock_offset_ms);
        if let Some(why) = self.refusal(&particle, clock) {
            self.count(&id, |stats, _| stats.error(to, why.clone()));
            self.record(to, &id, What::Refused { why });
            return Ok(());
        }
        let bytes = particle.wire_len();
        self.record(to, &id, What::Arrived { from, bytes });
        self.count(&id, |stats, _| stats.peer(to).bytes_in += bytes as u64);
        if self.running.get(&id).is_none_or(|running| running.expired) {
            // A peer whose clock is behind works on what others have forgotten already.
            self.enqueue_expiry(id, particle.ttl);
        }
        self.run_particle(to, particle, CallResults::new())?;
        Ok(())
    }

    /// Why a peer whose clock shows `clock` does not run a particle.
    fn refusal(&self, particle: &Particle, clock: u64) -> Option<String> {
        if particle.is_expired_at(clock) {
            let late = clock - particle.timestamp - u64::from(particle.ttl);
            return Some(format!("expired {late} ms ago by this peer's clock"));
        }
        let Some(initiator) = self.by_id.get(&particle.init_peer_id) else {
            return Some(format!("its initiator {} is unknown", particle.init_peer_id));
        };
        let key = &self.peers[initiator.0].public_key;
        (!particle.is_signed_by(key)).then(|| "its signature does not fit".to_owned())
    }

    fn answer_late(
        &mut self,
        peer: PeerIndex,
        incarnation: u32,
        particle_id: &Arc<str>,
        call_id: u32,
        result: ServiceResult,
    ) -> Result<(), NetworkError> {
        let asked = &self.peers[peer.0];
        if !asked.alive || asked.incarnation != incarnation {
            return Ok(());
        }
        let Some(mut particle) = asked.particles.get(particle_id).cloned() else {
            return Ok(()); // it has expired
        };
        particle.data.clear();
        let results = CallResults::from([(call_id, into_avm(result))]);
        self.run_particle(peer, particle, results)?;
        Ok(())
    }

    /// Runs the script on a peer until it asks for nothing more.
    fn run_particle(
        &mut self,
        index: PeerIndex,
        mut particle: Particle,
        mut results: CallResults,
    ) -> Result<(), NetworkError> {
        let id = particle.id.clone();
        let mut data = std::mem::take(&mut particle.data);
        let header = particle;
        self.peers[index.0]
            .particles
            .entry(id.clone())
            .or_insert_with(|| header.clone());
        loop {
            let peer = &mut self.peers[index.0];
            let is_first = !peer.data.contains_key(&id) && *peer.id() == *header.init_peer_id;
            let previous_data = peer.data.remove(&id).unwrap_or_default();
            let (outcome, time) = self.avm.run(Run {
                particle: &header,
                previous_data,
                data: std::mem::take(&mut data),
                peer_id: peer.id(),
                key_pair: &peer.key_pair,
                results: std::mem::take(&mut results),
            })?;
            peer.data.insert(id.clone(), outcome.data.clone());
            self.count(&id, |stats, _| stats.ran(index, time));
            if outcome.ret_code != 0 {
                self.avm_failed(index, &header, is_first, &outcome);
            }
            self.send_on(index, &header, &outcome);
            results = self.serve_all(index, &header, outcome);
            if results.is_empty() {
                return Ok(());
            }
        }
    }

    /// On the initiator an error ends the call: any error of the very first run, later those that the script raised and
    /// did not catch. Others may come of what another peer sent, and the script may go on without it.
    fn avm_failed(&mut self, index: PeerIndex, header: &Particle, is_first: bool, outcome: &RawAVMOutcome) {
        let (code, message) = (outcome.ret_code, outcome.error_message.clone());
        let what = What::AvmFailed {
            code,
            message: message.clone(),
        };
        self.record(index, &header.id, what);
        let text = format!("AquaVM: {message} (code {code})");
        self.count(&header.id, |stats, _| stats.error(index, text));
        let is_initiator = self.peers[index.0].id() == &*header.init_peer_id;
        if is_first || is_initiator && UNCAUGHT_ERRORS.contains(&code) {
            let failure = CallFailure::Avm {
                peer: index,
                code,
                message,
            };
            self.finish(&header.id, Err(failure));
        }
    }

    /// Sends the particle with its new data to everyone AquaVM names. Their order in the outcome varies.
    fn send_on(&mut self, from: PeerIndex, header: &Particle, outcome: &RawAVMOutcome) {
        let mut next = outcome.next_peer_pks.clone();
        next.sort();
        next.dedup();
        for peer_id in next {
            let particle = Particle {
                data: outcome.data.clone(),
                ..header.clone()
            };
            self.send(from, &peer_id, particle);
        }
    }

    fn send(&mut self, from: PeerIndex, to: &str, mut particle: Particle) {
        let id = particle.id.clone();
        let sender = &mut self.peers[from.0];
        let swallowed = sender
            .hostile
            .as_mut()
            .is_some_and(|hostile| hostile.sends(&mut particle) == Sending::Swallow);
        let sent = if swallowed {
            Err("its sender swallows it".to_owned())
        } else {
            self.route(from, to).and_then(|to| {
                let latency = self.links.transmit(from, to, &mut self.rng);
                Ok((to, latency.map_err(|loss| describe(loss).to_owned())?))
            })
        };
        match sent {
            Ok((to, latency)) => {
                let bytes = particle.wire_len();
                self.record(from, &id, What::Sent { to, bytes });
                self.count(&id, |stats, after| stats.sent(from, to, &particle, after));
                let event = Event::Arrive { to, from, particle };
                self.queue.push(self.now + latency, event);
            }
            Err(why) => {
                let to = to.to_owned();
                self.record(from, &id, What::Lost { to, why });
                self.count(&id, |stats, _| stats.lost += 1);
            }
        }
    }

    /// Nodes reach all nodes and their own clients; a client reaches its relay.
    fn route(&self, from: PeerIndex, to: &str) -> Result<PeerIndex, String> {
        let to = self.peer_by_id(to).ok_or("no such peer")?;
        let reaches = |client: &Peer, other: PeerIndex| match client.relay() {
            Some(relay) => relay == other,
            None => true,
        };
        let (sender, receiver) = (&self.peers[from.0], &self.peers[to.0]);
        if reaches(sender, to) && reaches(receiver, from) {
            Ok(to)
        } else {
            Err("a client is reached through its relay only".to_owned())
        }
    }

    /// Answers what AquaVM asks, in the order of the call ids; what takes time is put into the queue.
    fn serve_all(&mut self, index: PeerIndex, header: &Particle, outcome: RawAVMOutcome) -> CallResults {
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
            unix_ms: unix_ms(self.now, peer.clock_offset_ms),
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
        let hostile = self.peers[index.0].hostile.as_mut();
        if let Some(answer) = hostile.and_then(|hostile| hostile.answer(call)) {
            return answer;
        }
        if let Some(answer) = self.answer_as_initiator(index, header, call) {
            return answer;
        }
        let peer = &mut self.peers[index.0];
        let name = (call.service.clone(), call.function.clone());
        if let Some(function) = peer.functions.get_mut(&name) {
            return function(call);
        }
        let known = || self.known_to(index);
        let peer = &self.peers[index.0];
        let host = Host {
            peer_id: peer.id(),
            key_pair: &peer.key_pair,
            is_client: !peer.is_node(),
            known: &known,
        };
        if let Some(answer) = builtins::call(&host, call) {
            return answer;
        }
        let peer = &mut self.peers[index.0];
        if let Some(result) = peer.services.call(&self.host, call, header) {
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
        if running.origin != index {
            return None;
        }
        if let Some(alias) = running.spell.clone() {
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

    /// The other nodes that a peer knows.
    fn known_to(&self, index: PeerIndex) -> Vec<Neighbour> {
        if !self.peers[index.0].is_node() {
            return Vec::new();
        }
        let is_known = |peer: &&Peer| {
            let forgotten = self
                .config
                .forget_dead_after
                .is_some_and(|after| !peer.alive && peer.killed_at.is_some_and(|at| self.now >= at + after));
            peer.is_node() && peer.index() != index && !forgotten
        };
        let neighbour = |peer: &Peer| Neighbour {
            peer_id: peer.id().to_owned(),
            point: peer.point(),
        };
        self.peers.iter().filter(is_known).map(neighbour).collect()
    }

    /// Notes the outcome of a particle that has none yet.
    pub(crate) fn finish(&mut self, id: &Arc<str>, outcome: Result<Vec<serde_json::Value>, CallFailure>) {
        let now = self.now;
        let Some(running) = self.running.get_mut(id) else {
            return;
        };
        if running.outcome.is_some() {
            return;
        }
        running.stats.latency = now - running.started;
        let what = if outcome.is_ok() { What::Responded } else { What::Failed };
        let (origin, schedule) = (running.origin, running.schedule);
        running.outcome = Some(outcome.clone());
        let stats = running.stats.clone();
        self.record(origin, id, what);
        if let Some(schedule) = schedule {
            self.note_scheduled_run(schedule, outcome, stats);
        }
    }

    fn expire(&mut self, id: &Arc<str>) {
        for peer in &mut self.peers {
            peer.data.remove(id);
            peer.particles.remove(id);
        }
        let Some(running) = self.running.get_mut(id) else {
            return;
        };
        running.expired = true;
        let (origin, ttl_ms) = (running.origin, running.ttl_ms);
        let is_done_with = running.waited || running.schedule.is_some();
        if running.outcome.is_none() {
            let mut hints = running.stats.errors();
            if running.stats.lost > 0 {
                hints.push(format!("{} messages lost", running.stats.lost));
            }
            self.record(origin, id, What::Expired);
            self.finish(id, Err(CallFailure::Expired { ttl_ms, hints }));
        }
        if is_done_with {
            self.running.remove(id);
        }
    }

    /// Changes the stats of a particle that somebody waits for; the closure is told how long it has been running.
    fn count(&mut self, id: &Arc<str>, f: impl FnOnce(&mut ParticleStats, Duration)) {
        if let Some(running) = self.running.get_mut(id) {
            f(&mut running.stats, self.now - running.started);
        }
    }

    fn check(&mut self) -> Result<(), NetworkError> {
        if self.checkers.is_empty() {
            self.log.take_fresh();
            return Ok(());
        }
        let records = self.log.take_fresh();
        let mut checkers = std::mem::take(&mut self.checkers);
        let mut violation = None;
        for checker in &mut checkers {
            if let Err(message) = checker.check(&mut World::new(self), &records) {
                violation = Some(NetworkError::Violation {
                    checker: checker.name().to_owned(),
                    message,
                    at: self.now,
                    seed: self.config.seed,
                });
                break;
            }
        }
        self.checkers = checkers;
        violation.map_or(Ok(()), Err)
    }
}

fn into_avm(result: ServiceResult) -> CallServiceResult {
    CallServiceResult {
        ret_code: result.ret_code,
        result: result.value,
    }
}

fn describe(loss: Loss) -> &'static str {
    match loss {
        Loss::Partition => "the network is partitioned",
        Loss::Dropped => "the link dropped it",
    }
}
