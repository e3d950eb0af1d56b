//! What a client does with particles: runs them in AquaVM, answers the calls of services, sends them on, and hands the
//! results of its own to those who wait.

mod avm;
mod local;
mod work;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use avm_server::avm_runner::RawAVMOutcome;
use avm_server::{CallRequestParams, CallResults, CallServiceResult};
use fluence_keypair::KeyPair;
use futures_util::FutureExt;
use particle::Particle;
use serde_json::{json, Value};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::error::Error;
use crate::serve::{Call, Services};
use crate::transport::{Link, Transport};
pub(crate) use avm::Avm;
use avm::Run;
use work::{Input, Work};

/// Particles of others that a client works on at a time. Beyond it they are dropped.
const FOREIGN_MAX: usize = 4_096;
/// Calls of the client's services under way at a time. Beyond it they are refused.
const SERVED_AT_ONCE_MAX: usize = 256;
/// How long a client remembers a particle of others, whatever it says of itself.
const FOREIGN_TTL_MAX: Duration = Duration::from_secs(600);
/// AquaVM's codes for errors that a script may catch.
const UNCAUGHT_ERRORS: std::ops::Range<i64> = 10_000..20_000;
const HINTS_MAX: usize = 16;

pub(crate) type Outcome = Result<Vec<Value>, Error>;

/// A script to run, with what it asks its initiator for.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) air: Arc<str>,
    /// What `getDataSrv` answers.
    pub(crate) data: BTreeMap<String, Value>,
    pub(crate) ttl: Duration,
}

pub(crate) enum Command {
    Start {
        id: Arc<str>,
        script: Script,
        outcome: oneshot::Sender<Outcome>,
    },
    /// Nobody waits for it any more.
    Cancel(Arc<str>),
}

enum Event {
    Ran(Arc<str>, Result<RawAVMOutcome, String>),
    Answered(Arc<str>, u32, CallServiceResult),
    /// A call of one of the client's services has ended.
    Served,
}

pub(crate) struct Engine {
    peer_id: Arc<str>,
    key_pair: Arc<KeyPair>,
    avm: Arc<Avm>,
    services: Services,
    transport: Transport,
    commands: mpsc::Receiver<Command>,
    events: mpsc::UnboundedReceiver<Event>,
    to_events: mpsc::UnboundedSender<Event>,
    work: HashMap<Arc<str>, Work>,
    /// How many that are, for the client.
    under_way: Arc<AtomicUsize>,
    /// When the client forgets each particle.
    expiries: BTreeSet<(Instant, Arc<str>)>,
    foreign: usize,
    serving: usize,
}

/// Starts the engine, which says how many particles it works on. It runs until the last sender of commands is gone.
pub(crate) fn start(
    key_pair: Arc<KeyPair>,
    avm: Arc<Avm>,
    services: Services,
    transport: Transport,
    commands: mpsc::Receiver<Command>,
) -> (watch::Receiver<Link>, Arc<AtomicUsize>) {
    let (to_events, events) = mpsc::unbounded_channel();
    let link = transport.link.clone();
    let under_way = Arc::<AtomicUsize>::default();
    let engine = Engine {
        peer_id: key_pair.get_peer_id().to_base58().into(),
        key_pair,
        avm,
        services,
        transport,
        commands,
        events,
        to_events,
        work: HashMap::new(),
        under_way: under_way.clone(),
        expiries: BTreeSet::new(),
        foreign: 0,
        serving: 0,
    };
    tokio::spawn(engine.run());
    (link, under_way)
}

impl Engine {
    async fn run(mut self) {
        let mut link = self.transport.link.clone();
        loop {
            self.under_way.store(self.work.len(), Ordering::Relaxed);
            let next_expiry = self.expiries.first().map(|(at, _)| *at);
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(Command::Start { id, script, outcome }) => self.start_call(id, script, outcome),
                    Some(Command::Cancel(id)) => self.forget(&id),
                    None => return,
                },
                Some(particle) = self.transport.incoming.recv() => self.receive(particle),
                Some(event) = self.events.recv() => match event {
                    Event::Ran(id, outcome) => self.ran(&id, outcome),
                    Event::Answered(id, call_id, result) => {
                        self.give(&id, Input::Results(CallResults::from([(call_id, result)])));
                    }
                    Event::Served => self.serving -= 1,
                },
                Ok(()) = link.changed() => {
                    let now = link.borrow_and_update().clone();
                    self.link_changed(&now);
                }
                () = tokio::time::sleep_until(next_expiry.unwrap_or_else(Instant::now)), if next_expiry.is_some() => {
                    self.expire();
                }
            }
        }
    }

    fn start_call(&mut self, id: Arc<str>, script: Script, outcome: oneshot::Sender<Outcome>) {
        let (relay, connection) = match &*self.transport.link.borrow() {
            Link::Up { relay, connection } => (relay.clone(), *connection),
            Link::Down(failures) => return drop(outcome.send(Err(Error::NotConnected(failures.clone())))),
        };
        let ttl_ms = u32::try_from(script.ttl.as_millis()).unwrap_or(u32::MAX);
        let signed = Particle::signed(&self.key_pair, id.clone(), unix_ms(), ttl_ms, script.air);
        let particle = match signed {
            Ok(particle) => particle,
            Err(error) => return drop(outcome.send(Err(Error::argument("the key pair of", &self.peer_id, error)))),
        };
        let mut data = script.data;
        data.insert("-relay-".to_owned(), json!(&*relay));
        let deadline = Instant::now() + script.ttl;
        let work = Work::own(particle, deadline, data, connection, outcome);
        self.expiries.insert((deadline, id.clone()));
        self.work.insert(id.clone(), work);
        self.give(&id, Input::Data(Vec::new()));
    }

    /// A particle came from the relay: signed, but by anybody.
    fn receive(&mut self, mut particle: Particle) {
        let now = unix_ms();
        if particle.is_expired_at(now) {
            return tracing::debug!(id = %particle.id, "a particle came too late");
        }
        let (id, data) = (particle.id.clone(), std::mem::take(&mut particle.data));
        match self.work.get(&id) {
            Some(work) if work.header != particle => {
                return tracing::warn!(%id, "a particle has the id of another");
            }
            Some(_) => {}
            // It is the client's own, and nobody waits for it any more.
            None if particle.init_peer_id == self.peer_id => return,
            None if self.foreign >= FOREIGN_MAX => {
                return tracing::warn!(%id, "a particle is dropped: {FOREIGN_MAX} are under way");
            }
            None => {
                let left = Duration::from_millis(particle.expires_at().saturating_sub(now)).min(FOREIGN_TTL_MAX);
                let deadline = Instant::now() + left;
                self.expiries.insert((deadline, id.clone()));
                self.foreign += 1;
                self.work.insert(id.clone(), Work::foreign(particle, deadline));
            }
        }
        self.give(&id, Input::Data(data));
    }

    /// Hands data or results to a particle, and runs it as soon as it does not run.
    fn give(&mut self, id: &Arc<str>, input: Input) {
        let Some(work) = self.work.get_mut(id) else {
            return;
        };
        work.inbox.push_back(input);
        self.run_next(id);
    }

    fn run_next(&mut self, id: &Arc<str>) {
        let Some(work) = self.work.get_mut(id) else {
            return;
        };
        let Some((data, results)) = work.take_input() else {
            return;
        };
        let run = Run {
            particle: Particle {
                data,
                ..work.header.clone()
            },
            previous_data: std::mem::take(&mut work.data),
            results,
            peer_id: self.peer_id.clone(),
            key_pair: self.key_pair.clone(),
        };
        let (avm, events, id) = (self.avm.clone(), self.to_events.clone(), id.clone());
        tokio::spawn(async move {
            let outcome = avm.run(run).await;
            let _ = events.send(Event::Ran(id, outcome));
        });
    }

    fn ran(&mut self, id: &Arc<str>, outcome: Result<RawAVMOutcome, String>) {
        let Some(work) = self.work.get_mut(id) else {
            return;
        };
        work.is_running = false;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::warn!(%id, error, "AquaVM has failed");
                work.finish(Err(Error::Avm(error)));
                return self.forget(id);
            }
        };
        work.data.clone_from(&outcome.data);
        let is_first = !std::mem::replace(&mut work.has_run, true);
        if outcome.ret_code != 0 {
            let text = format!("{} (code {})", outcome.error_message, outcome.ret_code);
            tracing::debug!(%id, text, "AquaVM refuses");
            work.hint(format!("AquaVM: {text}"));
            if is_first || UNCAUGHT_ERRORS.contains(&outcome.ret_code) {
                work.finish(Err(Error::Avm(text)));
            }
        }
        self.send_on(id, &outcome);
        self.serve_all(id, outcome.call_requests);
        if self.work.get(id).is_some_and(Work::is_done) {
            return self.forget(id);
        }
        self.run_next(id);
    }

    /// A client reaches its relay only.
    fn send_on(&mut self, id: &Arc<str>, outcome: &RawAVMOutcome) {
        let Some(work) = self.work.get_mut(id) else {
            return;
        };
        let next: BTreeSet<&String> = outcome.next_peer_pks.iter().collect();
        for peer_id in next {
            let relay = match &*self.transport.link.borrow() {
                Link::Up { relay, .. } => relay.clone(),
                Link::Down(_) => Arc::from(""),
            };
            if **peer_id != *relay {
                work.hint(format!(
                    "the script goes on at {peer_id}, and the client reaches its relay only"
                ));
                continue;
            }
            let particle = Particle {
                data: outcome.data.clone(),
                ..work.header.clone()
            };
            if self.transport.outgoing.try_send(particle).is_err() {
                work.hint(format!("a message to {peer_id} was dropped: too many wait to be sent"));
            }
        }
    }

    fn serve_all(&mut self, id: &Arc<str>, requests: HashMap<u32, CallRequestParams>) {
        // In the order of the calls: the map has none.
        let requests: BTreeMap<u32, CallRequestParams> = requests.into_iter().collect();
        let mut results = CallResults::new();
        for (call_id, request) in requests {
            if let Some(result) = self.serve(id, call_id, request) {
                results.insert(call_id, into_avm(result));
            }
        }
        if !results.is_empty() {
            if let Some(work) = self.work.get_mut(id) {
                work.inbox.push_back(Input::Results(results));
            }
        }
    }

    /// The answer to a call, or `None` where it comes later.
    fn serve(&mut self, id: &Arc<str>, call_id: u32, request: CallRequestParams) -> Option<Result<Value, String>> {
        let work = self.work.get_mut(id)?;
        if let Some(result) = work.answer(&request.service_id, &request.function_name, &request.arguments) {
            return Some(result);
        }
        let call = Call {
            service_id: request.service_id,
            function: request.function_name,
            arguments: request.arguments,
            tetraplets: request.tetraplets,
            init_peer_id: work.header.init_peer_id.to_string(),
            particle_id: id.to_string(),
        };
        match local::answer(&call, &self.peer_id, &self.key_pair, unix_ms()) {
            Some(local::Answer::Now(result)) => return Some(result),
            Some(local::Answer::After(duration, message)) => {
                self.answer_later(id, call_id, async move {
                    tokio::time::sleep(duration).await;
                    Ok(message)
                });
                return None;
            }
            None => {}
        }
        let Some(handler) = self.services.get(&call.service_id) else {
            return Some(Err(format!(
                "{} has no service `{}` (function `{}`)",
                self.peer_id, call.service_id, call.function
            )));
        };
        if self.serving >= SERVED_AT_ONCE_MAX {
            return Some(Err(format!(
                "{} is busy: {SERVED_AT_ONCE_MAX} calls are under way",
                self.peer_id
            )));
        }
        self.serving += 1;
        let served = Served(self.to_events.clone());
        self.answer_later(id, call_id, async move {
            let _served = served;
            handler(call).await
        });
        None
    }

    /// Answers a call when the future is ready, if the particle lives until then.
    fn answer_later(
        &self,
        id: &Arc<str>,
        call_id: u32,
        answer: impl std::future::Future<Output = Result<Value, String>> + Send + 'static,
    ) {
        let Some(work) = self.work.get(id) else {
            return;
        };
        let (id, deadline, events) = (id.clone(), work.deadline, self.to_events.clone());
        // What panics shares nothing with anybody.
        let answer = AssertUnwindSafe(answer).catch_unwind();
        tokio::spawn(async move {
            if let Ok(result) = tokio::time::timeout_at(deadline, answer).await {
                let result = result.unwrap_or_else(|_| Err("the service panicked".to_owned()));
                let _ = events.send(Event::Answered(id, call_id, into_avm(result)));
            }
        });
    }

    /// Calls that went out through a connection that is lost fail.
    fn link_changed(&mut self, link: &Link) {
        let now = match link {
            Link::Up { connection, .. } => Some(*connection),
            Link::Down(_) => None,
        };
        for work in self.work.values_mut() {
            work.connection_lost_unless(now);
        }
        let done: Vec<Arc<str>> = self
            .work
            .iter()
            .filter(|(_, w)| w.is_done())
            .map(|(id, _)| id.clone())
            .collect();
        for id in done {
            self.forget(&id);
        }
    }

    fn expire(&mut self) {
        let now = Instant::now();
        while let Some((at, id)) = self.expiries.first().cloned() {
            if at > now {
                return;
            }
            if let Some(work) = self.work.get_mut(&id) {
                work.expire();
            }
            self.forget(&id);
        }
    }

    fn forget(&mut self, id: &Arc<str>) {
        if let Some(work) = self.work.remove(id) {
            self.expiries.remove(&(work.deadline, id.clone()));
            if !work.is_own() {
                self.foreign -= 1;
            }
        }
    }
}

/// Says when a call of a service has ended, also where its handler panics.
struct Served(mpsc::UnboundedSender<Event>);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.send(Event::Served);
    }
}

fn into_avm(result: Result<Value, String>) -> CallServiceResult {
    match result {
        Ok(result) => CallServiceResult { ret_code: 0, result },
        Err(message) => CallServiceResult {
            ret_code: 1,
            result: json!(message),
        },
    }
}

pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
