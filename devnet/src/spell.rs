//! Spells: scheduled scripts that live in a Marine service of their own, the one that nox runs them from.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{json, Value};

use crate::ask::Query;
use crate::call::Script;
use crate::config::spell_spec;
use crate::error::{CallFailure, NetworkError};
use crate::network::Network;
use crate::peer::PeerIndex;
use crate::schedule::{ScheduleIndex, ScheduledScript};
use crate::service::{ServiceCall, ServiceResult};

/// Under this key the host counts a spell's runs.
const COUNTER_KEY: &str = "hw_counter";
/// Under this key the host leaves what triggered the run.
const TRIGGER_KEY: &str = "hw_trigger";

/// How a call ends the run of a script, if it does.
type Outcome = Option<Result<Vec<Value>, CallFailure>>;

/// A spell to install on a node.
#[derive(Debug, Clone)]
pub struct SpellSpec {
    /// The alias under which the script reaches its own service, such as `registry-spell`.
    pub alias: String,
    pub air: String,
    /// What the spell's storage holds at first: the script's `getDataSrv` arguments among it.
    pub init_data: BTreeMap<String, Value>,
    /// Whole seconds, at least one.
    pub every: Duration,
    /// When it runs first, from now.
    pub first_after: Duration,
    /// The network's default unless given.
    pub ttl_ms: Option<u32>,
}

impl Network {
    /// Installs a spell as nox does: a spell service under an alias, with script, data and a clock. It survives
    /// restarts of its node.
    pub fn install_spell(&mut self, node: PeerIndex, spell: SpellSpec) -> Result<ScheduleIndex, NetworkError> {
        let alias = spell.alias;
        self.deploy(node, &alias, |dir| spell_spec(&alias, dir))?;
        let period_sec = spell.every.as_secs().max(1);
        let start_sec = self.unix_ms(node)? / 1000 + spell.first_after.as_secs();
        let config = json!({
            "clock": {"start_sec": start_sec, "end_sec": 0, "period_sec": period_sec},
            "connections": {"connect": false, "disconnect": false},
            "blockchain": {"start_block": 0, "end_block": 0},
        });
        self.tell_spell(node, &alias, "set_script", vec![json!(spell.air)])?;
        let data = json!(spell.init_data).to_string();
        self.tell_spell(node, &alias, "set_json_fields", vec![json!(data)])?;
        self.tell_spell(node, &alias, "set_trigger_config", vec![config])?;

        let mut script = ScheduledScript::new(spell.air, Duration::from_secs(period_sec));
        script.first_after = spell.first_after;
        script.ttl_ms = spell.ttl_ms;
        self.schedule_for(node, script, Some(alias))
    }

    /// Starts one run of a node's spell beside those of its clock. What `data` holds stands for what the spell's storage holds
    /// under the same names, for this run alone.
    pub(crate) fn cast_now(
        &mut self,
        node: PeerIndex,
        alias: &str,
        data: BTreeMap<String, Value>,
    ) -> Result<(), NetworkError> {
        let found = self.schedules.iter().position(|schedule| schedule.casts(node, alias));
        let schedule = found.ok_or_else(|| NetworkError::NoSuchService {
            peer: node,
            service: alias.to_owned(),
        })?;
        let ttl_ms = self.schedules[schedule].ttl_ms().unwrap_or(self.config.ttl_ms);
        self.cast_spell(node, alias, schedule, ttl_ms, data)
    }

    /// Starts one run: what the service holds now is what runs, with `data` in place of what it holds of the same names.
    pub(crate) fn cast_spell(
        &mut self,
        node: PeerIndex,
        alias: &str,
        schedule: usize,
        ttl_ms: u32,
        data: BTreeMap<String, Value>,
    ) -> Result<(), NetworkError> {
        let counter = self.ask_spell(node, alias, "get_u32", vec![json!(COUNTER_KEY)])?;
        let counter = counter["value"].as_u64().unwrap_or(0);
        let next = vec![json!(COUNTER_KEY), json!(counter + 1)];
        self.tell_spell(node, alias, "set_u32", next)?;
        let now_sec = self.unix_ms(node)? / 1000;
        let trigger = json!({"timer": [{"timestamp": now_sec}], "connection": []}).to_string();
        let trigger = vec![json!(TRIGGER_KEY), json!(trigger)];
        self.tell_spell(node, alias, "set_string", trigger)?;
        let script = self.ask_spell(node, alias, "get_script", vec![])?;
        let air: Arc<str> = script["value"].as_str().unwrap_or_default().into();

        let identity = self.peers[node.0].services.identity(alias);
        let (service_id, _) = identity.expect("the spell was asked just now");
        let particle_id = particle_id(service_id, counter);
        let script = Script {
            particle_id: Some(particle_id.into()),
            spell: Some(alias.to_owned()),
            ..Script::scheduled(air, data, ttl_ms, schedule)
        };
        self.schedules[schedule].count_run();
        self.start_script(node, script)?;
        Ok(())
    }

    /// Answers what a spell's script asks its host for; `None` for everything else. The outcome, if the call is one,
    /// comes along.
    pub(crate) fn answer_spell(
        &mut self,
        node: PeerIndex,
        alias: &str,
        call: &ServiceCall,
    ) -> Option<(ServiceResult, Outcome)> {
        match (call.service.as_str(), call.function.as_str()) {
            ("getDataSrv", "spell_id") => {
                let (id, _) = self.peers[node.0].services.identity(alias)?;
                Some((ServiceResult::ok(id), None))
            }
            ("getDataSrv", key) => Some((self.spell_argument(node, alias, key).into(), None)),
            ("errorHandlingSrv", "error") => {
                let timestamp = json!(call.unix_ms);
                let args = vec![call.arg(0).clone(), call.arg(1).clone(), timestamp];
                let query = spell_query(alias, "store_error", args).particle_id(&call.particle_id);
                let stored = accepted(alias, "store_error", self.ask(node, &query));
                let failure = CallFailure::Script(call.arg(0).clone());
                Some((acknowledged(stored), Some(Err(failure))))
            }
            ("callbackSrv", "response") => Some(self.keep_response(node, alias, call)),
            _ => None,
        }
    }

    /// A response is an object whose fields are stored. One without arguments is an error, as on nox: scripts for
    /// spells are compiled without empty responses.
    fn keep_response(&mut self, node: PeerIndex, alias: &str, call: &ServiceCall) -> (ServiceResult, Outcome) {
        let Some(response) = call.args.first() else {
            return (ServiceResult::error("the response has no value"), None);
        };
        let fields = vec![json!(response.to_string())];
        match self.tell_spell(node, alias, "set_json_fields", fields) {
            Ok(()) => (ServiceResult::ok(""), Some(Ok(call.args.clone()))),
            Err(error) => (ServiceResult::error(error), None),
        }
    }

    /// An argument of the script: JSON in the spell's storage.
    fn spell_argument(&mut self, node: PeerIndex, alias: &str, key: &str) -> Result<Value, String> {
        let found = self.ask_spell(node, alias, "get_string", vec![json!(key)]);
        let found = found.map_err(|e| e.to_string())?;
        if found["absent"] == json!(true) {
            return Err(format!("spell `{alias}` has no value `{key}`"));
        }
        let text = found["value"].as_str().unwrap_or_default();
        serde_json::from_str(text).map_err(|e| format!("value `{key}` of spell `{alias}` is not JSON: {e}"))
    }

    fn tell_spell(
        &mut self,
        node: PeerIndex,
        alias: &str,
        function: &'static str,
        args: Vec<Value>,
    ) -> Result<(), NetworkError> {
        let answer = self.ask_spell(node, alias, function, args);
        accepted(alias, function, answer)
    }

    fn ask_spell(
        &mut self,
        node: PeerIndex,
        alias: &str,
        function: &str,
        args: Vec<Value>,
    ) -> Result<Value, NetworkError> {
        let service_id = self.peer(node)?.services.identity(alias).map(|(id, _)| id);
        let particle_id = particle_id(service_id.unwrap_or(alias), 0);
        let query = spell_query(alias, function, args).particle_id(particle_id);
        self.ask(node, &query)
    }
}

/// The spell service takes calls from particles of this name as its own script's: those of the host, too.
fn particle_id(service_id: &str, counter: u64) -> String {
    format!("spell_{service_id}_{counter}")
}

fn spell_query(alias: &str, function: &str, args: Vec<Value>) -> Query {
    let query = Query::new(alias, function);
    args.into_iter().fold(query, Query::arg)
}

/// The spell service reports errors in its answers.
fn accepted(alias: &str, what: &'static str, answer: Result<Value, NetworkError>) -> Result<(), NetworkError> {
    let answer = answer?;
    if answer["success"] == json!(true) {
        return Ok(());
    }
    Err(NetworkError::Spell {
        spell: alias.to_owned(),
        what,
        reason: answer["error"].as_str().unwrap_or_default().to_owned(),
    })
}

fn acknowledged(stored: Result<(), NetworkError>) -> ServiceResult {
    ServiceResult::from(stored.map(|()| json!("")))
}
