//! What happens at each event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use avm_server::avm_runner::RawAVMOutcome;
use avm_server::CallResults;

use crate::avm::Run;
use crate::check::World;
use crate::error::{CallFailure, NetworkError};
use crate::log::What;
use crate::network::Network;
use crate::particle::{wire_len, Particle};
use crate::peer::PeerIndex;
use crate::queue::Event;
use crate::serve::into_avm;
use crate::service::ServiceResult;
use crate::stats::ParticleStats;
use crate::time::VirtualTime;

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
            Event::Enter { to, entry } => self.enter(to, entry)?,
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
        if let Some((real, start)) = self.real_start {
            std::thread::sleep((real + (until - start)).saturating_duration_since(Instant::now()));
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
        let clock = self.clock_ms(peer.clock_offset_ms);
        if let Some(why) = Self::refusal(&particle, clock) {
            self.count(&id, |stats, _| stats.error(to, why.clone()));
            self.record(to, &id, What::Refused { why });
            return Ok(());
        }
        let bytes = wire_len(&particle);
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
    pub(crate) fn refusal(particle: &Particle, clock: u64) -> Option<String> {
        if particle.is_expired_at(clock) {
            let late = clock - particle.expires_at();
            return Some(format!("expired {late} ms ago by this peer's clock"));
        }
        particle.verify().err().map(|error| error.to_string())
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
    pub(crate) fn run_particle(
        &mut self,
        index: PeerIndex,
        mut particle: Particle,
        mut results: CallResults,
    ) -> Result<(), NetworkError> {
        let id = particle.id.clone();
        if self.is_given_up(&id) {
            return Ok(());
        }
        let mut data = std::mem::take(&mut particle.data);
        let header = particle;
        self.peers[index.0]
            .particles
            .entry(id.clone())
            .or_insert_with(|| header.clone());
        loop {
            let peer = &mut self.peers[index.0];
            let is_first = !peer.data.contains(&id) && *peer.id() == *header.init_peer_id;
            let previous_data = peer.data.remove(&id).unwrap_or_default();
            let ran = self.avm.run(Run {
                particle: &header,
                previous_data,
                data: std::mem::take(&mut data),
                peer_id: peer.id(),
                key_pair: &peer.key_pair,
                results: std::mem::take(&mut results),
            });
            let (outcome, time) = match ran {
                Ok(ran) => ran,
                Err(error) => return Err(self.give_up(&header, error)),
            };
            let peer = &mut self.peers[index.0];
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
        let is_from_outside = running.from_outside.is_some();
        let is_done_with = running.waited || running.schedule.is_some() || is_from_outside;
        if running.outcome.is_none() && !is_from_outside {
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
    pub(crate) fn count(&mut self, id: &Arc<str>, f: impl FnOnce(&mut ParticleStats, Duration)) {
        if let Some(running) = self.running.get_mut(id) {
            f(&mut running.stats, self.now - running.started);
        }
    }

    pub(crate) fn check(&mut self) -> Result<(), NetworkError> {
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
