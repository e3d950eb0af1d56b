//! A particle that a client works on.

use std::collections::{BTreeMap, VecDeque};

use avm_server::CallResults;
use particle::Particle;
use serde_json::{json, Value};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Outcome, HINTS_MAX};
use crate::error::{said, Error};

/// What a particle runs with next.
pub(super) enum Input {
    /// It came from the relay.
    Data(Vec<u8>),
    /// Answers to calls that its script asked for.
    Results(CallResults),
}

pub(super) struct Work {
    /// The particle without data.
    pub(super) header: Particle,
    /// What AquaVM gathered so far.
    pub(super) data: Vec<u8>,
    pub(super) inbox: VecDeque<Input>,
    pub(super) is_running: bool,
    pub(super) has_run: bool,
    pub(super) deadline: Instant,
    own: Option<Own>,
}

/// What belongs to a particle that the client started.
struct Own {
    data: BTreeMap<String, Value>,
    /// The connection that it went out through.
    connection: u64,
    outcome: Option<oneshot::Sender<Outcome>>,
    hints: Vec<String>,
}

impl Work {
    pub(super) fn foreign(header: Particle, deadline: Instant) -> Self {
        Self {
            header,
            data: Vec::new(),
            inbox: VecDeque::new(),
            is_running: false,
            has_run: false,
            deadline,
            own: None,
        }
    }

    pub(super) fn own(
        header: Particle,
        deadline: Instant,
        data: BTreeMap<String, Value>,
        connection: u64,
        outcome: oneshot::Sender<Outcome>,
    ) -> Self {
        let own = Own {
            data,
            connection,
            outcome: Some(outcome),
            hints: Vec::new(),
        };
        Self {
            own: Some(own),
            ..Self::foreign(header, deadline)
        }
    }

    pub(super) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// What is to be run now, if the particle does not run and there is something: one message, or all results that have
    /// come so far.
    pub(super) fn take_input(&mut self) -> Option<(Vec<u8>, CallResults)> {
        if self.is_running {
            return None;
        }
        let mut results = match self.inbox.pop_front()? {
            Input::Data(data) => {
                self.is_running = true;
                return Some((data, CallResults::new()));
            }
            Input::Results(results) => results,
        };
        while let Some(Input::Results(_)) = self.inbox.front() {
            if let Some(Input::Results(more)) = self.inbox.pop_front() {
                results.extend(more);
            }
        }
        self.is_running = true;
        Some((Vec::new(), results))
    }

    /// Answers the services that exist for this particle only, on the client that started it.
    pub(super) fn answer(
        &mut self,
        service: &str,
        function: &str,
        arguments: &[Value],
    ) -> Option<Result<Value, String>> {
        let own = self.own.as_ref()?;
        match service {
            "getDataSrv" => Some(match own.data.get(function) {
                Some(value) => Ok(value.clone()),
                None => Err(format!("the script has no input `{function}`")),
            }),
            "callbackSrv" if function == "response" => {
                self.finish(Ok(arguments.to_vec()));
                Some(Ok(json!("")))
            }
            "callbackSrv" => Some(Err(format!("the call has no function `{function}`"))),
            "errorHandlingSrv" if function == "error" => {
                let error = arguments.first().cloned().unwrap_or(Value::Null);
                self.finish(Err(script_error(&error)));
                Some(Ok(json!("")))
            }
            _ => None,
        }
    }

    /// Hands the outcome to whoever waits. The first counts.
    pub(super) fn finish(&mut self, outcome: Outcome) {
        if let Some(sender) = self.own.as_mut().and_then(|own| own.outcome.take()) {
            let _ = sender.send(outcome);
        }
    }

    /// Something that explains why there may be no answer.
    pub(super) fn hint(&mut self, hint: String) {
        if let Some(own) = &mut self.own {
            if own.hints.len() < HINTS_MAX && !own.hints.contains(&hint) {
                own.hints.push(hint);
            }
        }
    }

    pub(super) fn expire(&mut self) {
        let hints = self.own.as_mut().map(|own| std::mem::take(&mut own.hints));
        self.finish(Err(Error::Expired {
            ttl_ms: self.header.ttl,
            hints: hints.unwrap_or_default(),
        }));
    }

    /// What went out through another connection than that of now does not come back.
    pub(super) fn connection_lost_unless(&mut self, now: Option<u64>) {
        let relay = match &self.own {
            Some(own) if now != Some(own.connection) => own.data["-relay-"].as_str().unwrap_or_default().to_owned(),
            _ => return,
        };
        self.finish(Err(Error::ConnectionLost { relay }));
    }

    /// The client started it, and whoever waited for it has the outcome.
    pub(super) fn is_done(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.outcome.is_none())
    }
}

/// AquaVM's error object, in the order in which people read it.
fn script_error(error: &Value) -> Error {
    let text = |name: &str| error[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Error::Script {
        message: text("message").map_or_else(|| error.to_string(), |message| said(&message)),
        peer_id: text("peer_id"),
    }
}
