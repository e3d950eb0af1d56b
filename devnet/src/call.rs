//! Calling Aqua functions from a peer.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::aqua::{AquaFunction, ArgumentError};
use crate::error::{CallFailure, NetworkError};
use crate::network::Network;
use crate::outside::FromOutside;
use crate::particle::Particle;
use crate::peer::PeerIndex;
use crate::service::{Answer, ServiceCall, ServiceFn, ServiceResult};
use crate::stats::ParticleStats;
use crate::time::VirtualTime;

/// What the caller of an Aqua function may set.
#[derive(Default)]
pub struct CallOptions {
    pub(crate) ttl_ms: Option<u32>,
    pub(crate) callbacks: HashMap<String, ServiceFn>,
}

impl fmt::Debug for CallOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallOptions")
            .field("ttl_ms", &self.ttl_ms)
            .field("callbacks", &self.callbacks.keys())
            .finish()
    }
}

impl CallOptions {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The particle's time to live, in milliseconds, in place of the network's.
    #[must_use]
    pub fn ttl_ms(mut self, ttl_ms: u32) -> Self {
        self.ttl_ms = Some(ttl_ms);
        self
    }

    /// What is called for the argument `name`, which is a function.
    #[must_use]
    pub fn callback(mut self, name: impl Into<String>, mut f: impl FnMut(&[Value]) -> Value + 'static) -> Self {
        let callback: ServiceFn = Box::new(move |call: &ServiceCall| ServiceResult::ok(f(&call.args)).into());
        self.callbacks.insert(name.into(), callback);
        self
    }
}

/// A call under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallHandle {
    pub(crate) particle_id: Arc<str>,
}

/// What a call came to.
#[derive(Debug, Clone)]
pub struct CallOutcome {
    /// The values that the function returned, optional ones as arrays of at most one.
    pub result: Result<Vec<Value>, CallFailure>,
    pub stats: ParticleStats,
    pub particle_id: String,
}

impl CallOutcome {
    /// What the function returned: null for nothing, a value, or an array of several.
    pub fn value(&self) -> Result<Value, CallFailure> {
        let mut values = self.result.clone()?;
        Ok(match values.len() {
            0 => Value::Null,
            1 => values.remove(0),
            _ => Value::Array(values),
        })
    }
}

/// Why a call cannot even be started.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("{0}")]
    Argument(#[from] ArgumentError),
    #[error("{0}")]
    Network(#[from] NetworkError),
}

/// A particle that its initiator waits for.
pub(crate) struct Running {
    pub(crate) origin: PeerIndex,
    pub(crate) started: VirtualTime,
    pub(crate) data: BTreeMap<String, Value>,
    pub(crate) callbacks: HashMap<String, ServiceFn>,
    pub(crate) outcome: Option<Result<Vec<Value>, CallFailure>>,
    pub(crate) stats: ParticleStats,
    pub(crate) ttl_ms: u32,
    /// The schedule that started it.
    pub(crate) schedule: Option<usize>,
    /// The spell whose script it is.
    pub(crate) spell: Option<String>,
    pub(crate) expired: bool,
    /// Of a particle that came in from outside: whoever started it is asked there.
    pub(crate) from_outside: Option<FromOutside>,
    /// It made AquaVM fail: no node runs it any more.
    pub(crate) given_up: bool,
    /// The caller has the outcome.
    pub(crate) waited: bool,
}

/// A script to run, with what it asks its initiator for.
pub(crate) struct Script {
    /// Counted on unless given.
    pub(crate) particle_id: Option<Arc<str>>,
    pub(crate) air: Arc<str>,
    pub(crate) data: BTreeMap<String, Value>,
    pub(crate) callbacks: HashMap<String, ServiceFn>,
    pub(crate) ttl_ms: u32,
    pub(crate) schedule: Option<usize>,
    pub(crate) spell: Option<String>,
}

impl Script {
    /// A script that somebody waits for.
    fn called(air: Arc<str>, data: BTreeMap<String, Value>, options: CallOptions, default_ttl_ms: u32) -> Self {
        Self {
            particle_id: None,
            air,
            data,
            callbacks: options.callbacks,
            ttl_ms: options.ttl_ms.unwrap_or(default_ttl_ms),
            schedule: None,
            spell: None,
        }
    }

    pub(crate) fn scheduled(air: Arc<str>, data: BTreeMap<String, Value>, ttl_ms: u32, schedule: usize) -> Self {
        Self {
            particle_id: None,
            air,
            data,
            callbacks: HashMap::new(),
            ttl_ms,
            schedule: Some(schedule),
            spell: None,
        }
    }
}

impl Running {
    /// Answers the services that exist on the initiator for this particle only.
    pub(crate) fn answer(&mut self, call: &ServiceCall) -> Option<Answer> {
        match call.service.as_str() {
            "getDataSrv" => Some(match self.data.get(&call.function) {
                Some(value) => ServiceResult::ok(value.clone()).into(),
                None => ServiceResult::error(format!("the script has no input `{}`", call.function)).into(),
            }),
            "callbackSrv" if call.function == "response" => {
                self.outcome.get_or_insert(Ok(call.args.clone()));
                Some(ServiceResult::ok("").into())
            }
            "callbackSrv" => {
                let callback = self.callbacks.get_mut(&call.function);
                Some(match callback {
                    Some(callback) => callback(call),
                    None => ServiceResult::error(format!("no callback `{}`", call.function)).into(),
                })
            }
            "errorHandlingSrv" if call.function == "error" => {
                let failure = CallFailure::Script(call.arg(0).clone());
                self.outcome.get_or_insert(Err(failure));
                Some(ServiceResult::ok("").into())
            }
            _ => None,
        }
    }
}

impl Network {
    /// Calls an Aqua function and runs the network until it has returned, failed or expired.
    pub fn call(&mut self, peer: PeerIndex, function: &AquaFunction, args: &[Value]) -> Result<CallOutcome, CallError> {
        self.call_with(peer, function, args, CallOptions::new())
    }

    /// [`Network::call`] with options.
    pub fn call_with(
        &mut self,
        peer: PeerIndex,
        function: &AquaFunction,
        args: &[Value],
        options: CallOptions,
    ) -> Result<CallOutcome, CallError> {
        let handle = self.start_call(peer, function, args, options)?;
        Ok(self.wait(&handle)?)
    }

    /// Starts an Aqua function without waiting: for calls that race.
    pub fn start_call(
        &mut self,
        peer: PeerIndex,
        function: &AquaFunction,
        args: &[Value],
        options: CallOptions,
    ) -> Result<CallHandle, CallError> {
        let mut data = function.bind(args, |name| options.callbacks.contains_key(name))?;
        let origin = self.live(peer)?;
        let relay = origin.relay().unwrap_or(peer);
        data.insert("-relay-".to_owned(), self.peers()[relay.0].id().into());
        let script = Script::called(function.air.clone(), data, options, self.config.ttl_ms);
        let particle_id = self.start_script(peer, script)?;
        Ok(CallHandle { particle_id })
    }

    /// Runs an AIR script as `peer`; `data` is what `getDataSrv` answers.
    pub fn start_air(
        &mut self,
        peer: PeerIndex,
        air: impl Into<Arc<str>>,
        data: BTreeMap<String, Value>,
        options: CallOptions,
    ) -> Result<CallHandle, NetworkError> {
        let script = Script::called(air.into(), data, options, self.config.ttl_ms);
        let particle_id = self.start_script(peer, script)?;
        Ok(CallHandle { particle_id })
    }

    /// Runs the network until the call has an outcome, at most to the end of its time to live. The outcome is kept
    /// until it has been waited for and the particle has expired.
    pub fn wait(&mut self, handle: &CallHandle) -> Result<CallOutcome, NetworkError> {
        let id = &handle.particle_id;
        loop {
            let running = self.running.get_mut(id);
            let running = running.ok_or_else(|| NetworkError::NoSuchCall(id.to_string()))?;
            if let Some(result) = running.outcome.clone() {
                running.waited = true;
                let outcome = CallOutcome {
                    result,
                    stats: running.stats.clone(),
                    particle_id: id.to_string(),
                };
                if running.expired {
                    self.running.remove(id);
                }
                return Ok(outcome);
            }
            self.step()?;
        }
    }

    /// The cost of a call so far; after [`Network::wait`] it goes on counting until the particle expires.
    #[must_use]
    pub fn stats(&self, handle: &CallHandle) -> Option<&ParticleStats> {
        self.running.get(&handle.particle_id).map(|r| &r.stats)
    }

    pub(crate) fn start_script(&mut self, peer: PeerIndex, script: Script) -> Result<Arc<str>, NetworkError> {
        let timestamp = self.unix_ms(peer)?;
        let id = script.particle_id.unwrap_or_else(|| {
            self.next_particle += 1;
            format!("{:016x}-{}", self.config.seed, self.next_particle).into()
        });
        let origin = self.live(peer)?;
        let particle = Particle::signed(&origin.key_pair, id.clone(), timestamp, script.ttl_ms, script.air);
        let particle = particle.expect("an ed25519 key signs any bytes");
        let running = Running {
            origin: peer,
            started: self.now(),
            data: script.data,
            callbacks: script.callbacks,
            outcome: None,
            stats: ParticleStats::new(peer),
            ttl_ms: script.ttl_ms,
            schedule: script.schedule,
            spell: script.spell,
            expired: false,
            from_outside: None,
            given_up: false,
            waited: false,
        };
        self.running.insert(id.clone(), running);
        self.enqueue_expiry(id.clone(), script.ttl_ms);
        self.start_particle(peer, particle)?;
        Ok(id)
    }
}
