//! Asking the nodes of a neighbourhood: whom, how long to wait for them, what of their answers counts, and what is said of
//! those that do not.

use std::collections::BTreeMap;

use marine_rs_sdk::marine;

use super::{Call, CallError};
use crate::domain::limits::{ERROR_NODES_NAMED_MAX, NODE_ERROR_LEN_MAX, PEERS_MAX, PEER_ID_LEN_MAX};
use crate::domain::waits::{HEDGE_PERCENT, PUBLISH_PERCENT};
use crate::domain::{check_count, Error};
use crate::store::Backend;

/// Nodes that are asked at once beside those whose answers are needed: one that is silent holds nobody up. The others follow
/// where these are not enough. Each that is asked costs two messages with all that the script has computed.
const SPARE_NODES: usize = 1;
/// Those needed and a few more are asked first; where they are not enough, the others.
const LOOKUP_TURNS: [u8; 2] = [0, 1];
/// Everybody is asked at once.
const PUBLISH_TURNS: [u8; 1] = [0];

/// What one node answers a script that asks many.
#[marine]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeReply {
    pub success: bool,
    pub error: String,
    /// What was asked for, packed.
    pub answer: String,
}

impl From<Result<String, CallError>> for NodeReply {
    fn from(outcome: Result<String, CallError>) -> Self {
        match outcome {
            Ok(answer) => Self {
                success: true,
                answer,
                ..Self::default()
            },
            Err(error) => Self::failed(error.to_string()),
        }
    }
}

impl NodeReply {
    #[must_use]
    pub fn failed(error: String) -> Self {
        Self {
            error,
            ..Self::default()
        }
    }
}

/// A checked reply.
#[marine]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeAnswer {
    pub peer_id: String,
    /// The node, if its answer counts: neither an error, nor from a node that others have not told all.
    pub counts: Vec<String>,
    /// What it brings, whether it counts or not.
    pub answer: String,
    /// Empty if there is none.
    pub error: String,
}

impl NodeAnswer {
    /// An answer that counts.
    pub(super) fn good(peer_id: &str, answer: String) -> Self {
        Self {
            peer_id: peer_id.to_owned(),
            counts: vec![peer_id.to_owned()],
            answer,
            error: String::new(),
        }
    }

    /// A node's answer is none, because of `error`.
    #[must_use]
    pub fn failed(peer_id: &str, error: &str) -> Self {
        Self {
            peer_id: clip(peer_id, PEER_ID_LEN_MAX).to_owned(),
            error: clip(error, NODE_ERROR_LEN_MAX).to_owned(),
            ..Self::default()
        }
    }

    /// Who answered, as errors name it: a script may hand in an answer that `check_answer` has not seen.
    pub(super) fn peer(&self) -> &str {
        clip(&self.peer_id, PEER_ID_LEN_MAX)
    }

    pub(super) fn does_count(&self) -> bool {
        !self.counts.is_empty()
    }
}

/// What a service said whose call failed, without AquaVM's words around it; any other text as it is.
pub(super) fn said(error: &str) -> String {
    let parts = error.strip_prefix("Local service error, ret_code is ");
    let parts = parts.and_then(|parts| parts.strip_suffix('\'')?.split_once(", error message is '"));
    let Some((_, said)) = parts else {
        return error.to_owned();
    };
    // Most services return it as JSON.
    serde_json::from_str(said).unwrap_or_else(|_| said.to_owned())
}

/// The first `len_max` bytes, or a few less: no character is cut.
pub(super) fn clip(text: &str, len_max: usize) -> &str {
    let end = (0..=len_max.min(text.len())).rfind(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// Which nodes of a neighbourhood are to be asked, for what, and how many have to answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The key that is looked up; empty where something is published.
    pub key_id: String,
    /// What of it is looked up, for `get_answer`.
    pub wanted: String,
    /// The nodes to be asked, closest first: all but this one.
    pub ask: Vec<String>,
    /// One item for each wave; none where nobody is to be asked.
    pub turns: Vec<u8>,
    /// How many nodes have to answer well, this one included.
    pub ack: u32,
    /// How much of the particle's time to live the waits may take, in percent.
    pub percent: u8,
    /// This node's own answer, if it belongs to the neighbourhood, and what it has to say.
    pub here: Vec<NodeAnswer>,
}

impl Plan {
    /// Nobody is asked: `peer_id`, as a rule this node, says what is wrong.
    #[must_use]
    pub fn refused(peer_id: &str, error: &str) -> Self {
        Self {
            ack: 1,
            here: vec![NodeAnswer::failed(peer_id, error)],
            ..Self::default()
        }
    }

    pub(super) fn lookup_turns(&mut self) {
        self.turns = LOOKUP_TURNS.to_vec();
    }

    pub(super) fn publish_turns(&mut self) {
        self.percent = PUBLISH_PERCENT;
        self.turns = PUBLISH_TURNS.to_vec();
    }

    /// How many answers of others are needed.
    fn needed(&self) -> usize {
        (self.ack as usize).saturating_sub(count_good(&self.here))
    }

    /// Whether so many others have answered well that nobody else is asked.
    #[must_use]
    pub fn is_answered(&self, answers: &[NodeAnswer]) -> bool {
        count_good(answers) >= self.needed()
    }

    fn is_lookup(&self) -> bool {
        self.turns == LOOKUP_TURNS
    }
}

/// How many different nodes have answered well.
fn count_good(answers: &[NodeAnswer]) -> usize {
    let mut nodes: Vec<&str> = answers
        .iter()
        .filter(|answer| answer.does_count())
        .map(|answer| answer.peer_id.as_str())
        .collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes.len()
}

/// How many of those asked have answered well. Who is asked twice, as the provider of two services is, answers twice.
fn count_asked(asked: &[String], answers: &[NodeAnswer]) -> usize {
    let good = answers.iter().filter(|answer| answer.does_count());
    let mut good: Vec<&str> = good.map(|answer| answer.peer_id.as_str()).collect();
    let take = |peer: &&String| {
        let at = good.iter().position(|answered| answered == *peer);
        at.map(|at| good.swap_remove(at)).is_some()
    };
    asked.iter().filter(take).count()
}

/// The nodes that are asked at once, and what to wait for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wave {
    pub ask: Vec<String>,
    /// One item if their answers are waited for, else none.
    pub more: Vec<bool>,
    /// Index, among the good answers of others, of the one that is enough.
    pub enough: u32,
    /// Index, among all answers of others, of the last.
    pub last: u32,
    /// How long to wait, in milliseconds.
    pub wait_ms: u32,
}

/// What came of asking many nodes to do something.
#[marine]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TallyResult {
    /// Enough nodes have done it.
    pub success: bool,
    /// The last of the errors, if not enough have.
    pub error: String,
    /// One item if enough nodes have done it, else none.
    pub stored: Vec<bool>,
    /// One item if too few have, else none.
    pub missing: Vec<bool>,
    pub errors: Vec<String>,
}

impl TallyResult {
    /// Of `asked` and of this node itself, whose own answer is `here`, `ack` have to do it.
    #[must_use]
    pub fn of(asked: &[String], here: &[NodeAnswer], ack: u32, answers: &[NodeAnswer]) -> Self {
        Self::sum_up(asked, here, ack, answers).unwrap_or_else(|error| Self {
            error: error.to_string(),
            errors: vec![error.to_string()],
            ..Self::default()
        })
    }

    /// Of `providers` as many as `ack` names have to do it, at least one; all where it names none.
    #[must_use]
    pub fn of_providers(providers: &[String], ack: &[i16], answers: &[NodeAnswer]) -> Self {
        let all = providers.len();
        let ack = ack.first().map_or(all as u32, |ack| clamp(*ack, all));
        Self::of(providers, &[], ack, answers)
    }

    fn sum_up(asked: &[String], here: &[NodeAnswer], ack: u32, answers: &[NodeAnswer]) -> Result<Self, Error> {
        check_count("peers", asked.len(), PEERS_MAX)?;
        check_count("answers", here.len() + answers.len(), 2 * PEERS_MAX)?;
        let mut told = Told::new(asked);
        told.note(here);
        told.note(answers);
        let done = count_good(here) + count_asked(asked, answers);
        let success = done >= ack as usize;
        let mut errors = told.errors(!success);
        if !success && !asked.is_empty() {
            errors.push(format!("done on {done} nodes, {ack} are needed"));
        }
        Ok(Self {
            success,
            error: errors.last().filter(|_| !success).cloned().unwrap_or_default(),
            stored: success.then_some(true).into_iter().collect(),
            missing: (!success).then_some(true).into_iter().collect(),
            errors,
        })
    }
}

/// The errors of many nodes: equal ones are one.
pub(super) struct Told<'a> {
    asked: &'a [String],
    answered: Vec<&'a str>,
    errors: Vec<(&'a str, &'a str)>,
}

impl<'a> Told<'a> {
    pub(super) fn new(asked: &'a [String]) -> Self {
        Self {
            asked,
            answered: Vec::new(),
            errors: Vec::new(),
        }
    }

    pub(super) fn note(&mut self, answers: &'a [NodeAnswer]) {
        for answer in answers {
            self.answered.push(answer.peer());
            if !answer.error.is_empty() {
                self.errors
                    .push((clip(&answer.error, NODE_ERROR_LEN_MAX), answer.peer()));
            }
        }
    }

    /// One text for each thing that is wrong, in the order in which they were noted; with `silent`, also who did not answer.
    pub(super) fn errors(mut self, silent: bool) -> Vec<String> {
        if silent {
            for peer in self.asked {
                match self.answered.iter().position(|answered| answered == peer) {
                    Some(at) => {
                        self.answered.swap_remove(at);
                    }
                    None => self.errors.push((NO_ANSWER, peer)),
                }
            }
        }
        let place = |peer: &str| self.asked.iter().position(|asked| asked == peer);
        let mut order: Vec<&str> = Vec::new();
        let mut by_text: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (text, peer) in self.errors {
            let peers = by_text.entry(text).or_default();
            if peers.is_empty() {
                order.push(text);
            }
            peers.push(peer);
        }
        let line = |text: &str| {
            let mut peers = by_text.remove(text).unwrap_or_default();
            peers.sort_by_key(|peer| place(peer));
            match peers.as_slice() {
                [peer] => format!("{peer}: {text}"),
                peers if peers.len() <= ERROR_NODES_NAMED_MAX => {
                    format!("{} nodes: {text} ({})", peers.len(), peers.join(", "))
                }
                peers => format!("{} nodes: {text}", peers.len()),
            }
        };
        order.into_iter().map(line).collect()
    }
}

const NO_ANSWER: &str = "no answer in time";

/// At least one node, at most all.
pub(super) fn clamp(ack: i16, peers: usize) -> u32 {
    (ack.max(1) as u32).min(peers as u32)
}

impl<B: Backend> Call<'_, B> {
    /// Whom to ask in a turn, and how long to wait for them: at most `hedge_ms` for those that are asked first, and at most
    /// `timeout_ms` for all.
    #[must_use]
    pub fn get_wave(&self, plan: &Plan, answers: &[NodeAnswer], turn: u8, hedge_ms: u32, timeout_ms: u32) -> Wave {
        let (needed, all) = (plan.needed(), plan.ask.len());
        let mut first = all;
        if plan.is_lookup() {
            if plan.is_answered(answers) {
                return Wave::default();
            }
            first = (needed + SPARE_NODES).min(all);
        }
        let ttl = self.caller.time_to_live();
        let (ask, until, wait_ms) = match turn {
            0 if first < all => (0..first, first, ttl.part(HEDGE_PERCENT, hedge_ms)),
            0 => (0..all, all, ttl.part(plan.percent, timeout_ms)),
            _ if first < all => {
                let rest = plan.percent.saturating_sub(HEDGE_PERCENT);
                (first..all, all, ttl.part(rest, timeout_ms))
            }
            _ => return Wave::default(),
        };
        let waits = needed > 0 && all > 0;
        Wave {
            ask: plan.ask[ask].to_vec(),
            more: waits.then_some(true).into_iter().collect(),
            enough: (needed as u32).saturating_sub(1),
            last: (until as u32).saturating_sub(1),
            wait_ms,
        }
    }
}
