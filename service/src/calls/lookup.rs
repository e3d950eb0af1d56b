//! Reading what the neighbourhood knows of a key: the node that reads asks itself first, tells the others what it holds, so
//! that they answer with the rest, checks every answer before it counts, and merges them.
//!
//! A write begins with it, too: it needs the key, and the latest of what stands for its issuer and provider.

use std::collections::BTreeMap;

use marine_rs_sdk::marine;

use super::asking::{clamp, said, NodeAnswer, NodeReply, Plan, Told};
use super::publish::near;
use super::records::merge;
use super::voided::Voided;
use super::{Call, CallError};
use crate::domain::data::{Key, Record, Tombstone};
use crate::domain::limits::{MERGE_LISTS_MAX, OWNERS_MAX, PEERS_MAX, REPUBLISH_BATCH_MAX, TRIES_MAX};
use crate::domain::waits::{CALL_PERCENT, HOST_PERCENT, READ_PERCENT};
use crate::domain::{
    check_count, check_label, merge_keys, pack_answer, pack_key, quoted, unpack_answer, unpack_key, verify_key,
    verify_tombstone, Entry, Error, Extent, HostTimestamp, KeyId, KnownRecords, PeerKey, Unpacker, Wanted,
};
use crate::store::Backend;

/// What this node's own answer says: what it holds is read where it is needed.
const HERE: &str = "here";
/// Between the key and its entries: no character of base64.
const KEY_SEPARATOR: char = ':';

/// Packed answers, each with the nodes that gave it.
type PackedAnswers<'a> = BTreeMap<&'a str, Vec<&'a str>>;

/// A record as applications see it.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct FlatRecord {
    pub key_id: String,
    pub value: String,
    pub peer_id: String,
    pub set_by: String,
    pub relay_id: Vec<String>,
    pub service_id: Vec<String>,
    pub timestamp_created: u64,
    pub solution: Vec<u8>,
    pub signature: Vec<u8>,
}

impl From<Record> for FlatRecord {
    fn from(Record { metadata, .. }: Record) -> Self {
        Self {
            key_id: metadata.key_id,
            value: metadata.value,
            peer_id: metadata.peer_id,
            set_by: metadata.issued_by,
            relay_id: metadata.relay_id,
            service_id: metadata.service_id,
            timestamp_created: metadata.timestamp_issued,
            solution: metadata.solution,
            signature: metadata.issuer_signature,
        }
    }
}

/// What a look-up found. What a write does with it, it does for each item of a list: a list is what a script can loop over
/// without a condition, which costs far more.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct FindResult {
    /// Some node knew the key.
    pub success: bool,
    pub error: String,
    pub errors: Vec<String>,
    /// One item if some node knew the key, else none.
    pub found: Vec<bool>,
    /// The records, where they were looked up.
    pub result: Vec<FlatRecord>,
    /// Index of the last record, if there is any.
    pub last: Vec<u32>,
    /// Before a call of providers: indices of those to try, one after the other, where one is enough. Each particle begins
    /// with another.
    pub tries: Vec<u32>,
    /// Before a write: the key.
    pub keys: Vec<Key>,
    /// The `timestamp_issued` that a write takes: now, or one second later than what stands. None where it cannot be.
    pub issue_at: Vec<u64>,
    /// The way to the provider if that is the initiator itself: this node.
    pub relay_id: Vec<String>,
    /// The provider if it is another peer.
    pub hosts: Vec<String>,
    /// That nothing stands which the initiator issued for the provider, in words.
    pub absent: Vec<String>,
    /// How long what follows may wait, in milliseconds.
    pub wait_ms: u32,
}

/// That one node does not know a key does not make it new: the node may have just joined.
const NEW_KEY_ANSWERS: u32 = 2;

/// What stands of what one issuer said of one provider.
#[derive(Debug, Default)]
struct Standing {
    records: Vec<Record>,
    tombstones: Vec<Tombstone>,
}

impl Standing {
    /// When the latest was issued, and whether it is a tombstone.
    fn latest(&self) -> Option<(u64, bool)> {
        let records = self.records.iter();
        let records = records.map(|record| (record.metadata.timestamp_issued, false));
        let tombstones = self.tombstones.iter();
        let tombstones = tombstones.map(|tombstone| (tombstone.timestamp_issued, true));
        records.chain(tombstones).max()
    }
}

impl<B: Backend> Call<'_, B> {
    /// Begins to look a key up: its records where `provider` is empty, else for a write, see [`Wanted::Entry`]; `labels` has
    /// the label of a key that the write brings along. `peers` is
    /// what this node's `kad.neighborhood` returned. `ack` is clamped to what there is. Position 6 proves the time.
    pub fn begin_lookup(
        &mut self,
        key_id: &str,
        (provider, labels): (&str, &[String]),
        peers: Vec<String>,
        (ack, percent): (i16, u8),
        current_timestamp_sec: u64,
    ) -> Plan {
        let host_id = self.here().host_id().to_owned();
        let begun = self.plan_lookup(key_id, (provider, labels), peers, (ack, percent), current_timestamp_sec);
        begun.unwrap_or_else(|error| {
            self.refusals.note(&error);
            Plan::refused(&host_id, &error.to_string())
        })
    }

    fn plan_lookup(
        &mut self,
        key_id: &str,
        (provider, labels): (&str, &[String]),
        peers: Vec<String>,
        (ack, percent): (i16, u8),
        current_timestamp_sec: u64,
    ) -> Result<Plan, CallError> {
        let now = self.caller.host_timestamp(6, current_timestamp_sec)?;
        check_count("labels", labels.len(), OWNERS_MAX)?;
        for label in labels {
            check_label(label)?;
        }
        let may_be_new = !labels.is_empty();
        // An owner's word is enough that its key is new. Of an open name everybody is the owner, so others may know it.
        let is_own = |label: &String| KeyId::of(label, self.caller.init_peer_id()).to_string() == key_id;
        let of_unknown = match labels.iter().all(is_own) {
            true => Extent::Whole,
            false => Extent::Partial,
        };
        if !provider.is_empty() {
            PeerKey::parse("peer id", provider)?;
        }
        let host_id = self.here().host_id().to_owned();
        let mut peers = near(key_id, peers, self.here())?;
        let mut plan = Plan {
            key_id: key_id.to_owned(),
            ack: clamp(ack, peers.len()),
            percent,
            ..Plan::default()
        };
        if !provider.is_empty() {
            plan.wanted = Wanted::entry(provider, may_be_new);
        }
        let count = peers.len();
        peers.retain(|peer| *peer != host_id);
        let mut knows_enough = false;
        if peers.len() < count {
            let held = match self.hold(key_id, provider, now) {
                Err(CallError::Refused(Error::UnknownKey { .. })) if may_be_new => Ok((Vec::new(), of_unknown)),
                held => held,
            };
            match held {
                Ok((records, extent)) => {
                    // There is nobody who could hold more than a node alone.
                    let whole = peers.is_empty() || extent == Extent::Whole;
                    let mut own = NodeAnswer::good(&host_id, HERE.to_owned());
                    if !whole {
                        own.counts.clear();
                    }
                    plan.here.push(own);
                    knows_enough = whole && plan.ack == 1;
                    if provider.is_empty() && !knows_enough {
                        plan.wanted = KnownRecords::describe(&records);
                    }
                }
                Err(error) => {
                    self.refusals.note(&error);
                    plan.here.push(NodeAnswer::failed(&host_id, &error.to_string()));
                }
            }
        }
        if !knows_enough && !peers.is_empty() {
            if may_be_new {
                plan.ack = plan.ack.max(NEW_KEY_ANSWERS.min(peers.len() as u32));
            }
            plan.ask = peers;
            plan.lookup_turns();
        }
        Ok(plan)
    }

    /// What this node holds of what is looked up, and whether that is all that there should be.
    fn hold(&mut self, key_id: &str, provider: &str, now: HostTimestamp) -> Result<(Vec<Record>, Extent), CallError> {
        let records = match provider {
            "" => self.read_records(key_id, now)?,
            _ => self.standing(key_id, provider, now).map(|_| Vec::new())?,
        };
        Ok((records, self.extent(key_id, now)?))
    }

    /// What a node holds of a key and the reader wants of it, packed.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn get_answer(&mut self, key_id: &str, wanted: &str, current_timestamp_sec: u64) -> Result<String, CallError> {
        let wanted = Wanted::parse(wanted)?;
        let now = self.caller.host_timestamp(2, current_timestamp_sec)?;
        match wanted {
            // The tombstones, too: others may still answer with what they void.
            Wanted::Records(known) => {
                let (records, tombstones) = self.read_entries(key_id, now)?;
                let unknown = records.iter().filter(|record| !known.contains(record));
                Ok(pack_answer(unknown, &tombstones, self.extent(key_id, now)?))
            }
            Wanted::Entry { provider, may_be_new } => match self.standing(key_id, provider, now) {
                Ok((key, mut standing)) => {
                    // Without a signature it is this node's own word about its own record, and for nobody else.
                    standing
                        .tombstones
                        .retain(|tombstone| !tombstone.issuer_signature.is_empty());
                    Ok(format!(
                        "{}{KEY_SEPARATOR}{}",
                        pack_key(&key),
                        pack_answer(&standing.records, &standing.tombstones, self.extent(key_id, now)?)
                    ))
                }
                Err(CallError::Refused(Error::UnknownKey { .. })) if may_be_new => Ok(String::new()),
                Err(error) => Err(error),
            },
        }
    }

    /// A key, and the latest of what stands here for the particle's initiator and a provider.
    fn standing(&mut self, key_id: &str, provider: &str, now: HostTimestamp) -> Result<(Key, Standing), CallError> {
        let state = self.load_alive(&KeyId::parse(key_id)?, now)?;
        let at = self.at(now);
        let latest = state.latest_entry(self.caller.init_peer_id(), provider, &at);
        let mut standing = Standing::default();
        match latest {
            Some(Entry::Record(held)) => standing.records.push((*held.record).clone()),
            Some(Entry::Tombstone(tombstone)) => standing.tombstones.push((**tombstone).clone()),
            None => {}
        }
        let key = state.key().clone().into_inner();
        self.store.keep(state);
        Ok((key, standing))
    }

    /// Checks what a node replied that was asked for `wanted` of a key: one forgery, and nothing of it counts. Where nothing was
    /// asked for, `key_id` is empty.
    pub fn check_answer(&mut self, peer_id: &str, key_id: &str, wanted: &str, reply: NodeReply) -> NodeAnswer {
        if !reply.success {
            return NodeAnswer::failed(peer_id, &said(&reply.error));
        }
        if key_id.is_empty() {
            return NodeAnswer::good(peer_id, String::new());
        }
        match self.check_content(key_id, wanted, &reply.answer) {
            Ok(extent) => {
                let mut answer = NodeAnswer::good(peer_id, reply.answer);
                if extent == Extent::Partial {
                    answer.counts.clear();
                }
                answer
            }
            Err(error) => NodeAnswer::failed(peer_id, &format!("the answer is dropped: {error}")),
        }
    }

    fn check_content(&mut self, key_id: &str, wanted: &str, packed: &str) -> Result<Extent, Error> {
        KeyId::parse(key_id)?;
        let (entries, provider) = match Wanted::parse(wanted)? {
            Wanted::Records(_) => (packed, None),
            Wanted::Entry { may_be_new: true, .. } if packed.is_empty() => return Ok(Extent::Whole),
            Wanted::Entry { provider, .. } => {
                let (key, entries) = split_key(packed)?;
                check_same_key(key_id, &verify_key(key)?.id)?;
                (entries, Some(provider))
            }
        };
        let (records, tombstones) = unpack_answer(key_id, entries, Unpacker::sharing(1))?;
        check_count("records", records.len(), provider.map_or(REPUBLISH_BATCH_MAX, |_| 1))?;
        for record in records {
            check_same_key(key_id, &record.metadata.key_id)?;
            if let Some(provider) = provider {
                self.check_entry((&record.metadata.issued_by, &record.metadata.peer_id), provider)?;
            }
            self.verifier.record(record, None)?;
        }
        // A reader looks at tombstones only where they void something.
        if let Some(provider) = provider {
            check_count("tombstones", tombstones.len(), 1)?;
            for tombstone in tombstones {
                self.check_entry((&tombstone.issued_by, &tombstone.peer_id), provider)?;
                verify_tombstone(tombstone)?;
            }
        }
        Ok(Extent::of_answer(packed))
    }

    fn check_entry(&self, (issued_by, peer_id): (&str, &str), provider: &str) -> Result<(), Error> {
        if issued_by == self.caller.init_peer_id() && peer_id == provider {
            return Ok(());
        }
        Err(Error::BadPacked {
            why: "an entry of another issuer or provider",
        })
    }

    /// Ends a look-up. Position 3 proves the time.
    ///
    /// Records: the latest of every provider. What is expired, or what a genuine tombstone of any of the nodes voids, is
    /// left out, whoever answers with it.
    pub fn end_lookup(
        &mut self,
        plan: &Plan,
        answers: &[NodeAnswer],
        timeout_ms: u32,
        current_timestamp_sec: u64,
    ) -> FindResult {
        let host_id = self.here().host_id().to_owned();
        self.sum_up(plan, answers, timeout_ms, current_timestamp_sec)
            .unwrap_or_else(|error| {
                self.refusals.note(&error);
                let error = format!("{host_id}: {error}");
                FindResult {
                    errors: vec![error.clone()],
                    error,
                    ..FindResult::default()
                }
            })
    }

    fn sum_up(
        &mut self,
        plan: &Plan,
        answers: &[NodeAnswer],
        timeout_ms: u32,
        current_timestamp_sec: u64,
    ) -> Result<FindResult, CallError> {
        let now = self.caller.host_timestamp(3, current_timestamp_sec)?;
        check_count("peers", plan.ask.len(), PEERS_MAX)?;
        check_count("answers", plan.here.len() + answers.len(), MERGE_LISTS_MAX)?;
        let mut found = FindResult {
            errors: lookup_errors(plan, answers),
            ..FindResult::default()
        };
        found.errors.extend(
            self.clock_error(now)
                .map(|error| format!("{}: {error}", self.here().host_id())),
        );
        let ttl = self.caller.time_to_live();
        match Wanted::parse(&plan.wanted)? {
            Wanted::Records(_) => {
                found.wait_ms = ttl.part(CALL_PERCENT, timeout_ms);
                self.find_records(plan, answers, now, &mut found)?;
            }
            Wanted::Entry { provider, may_be_new } => {
                found.wait_ms = ttl.part(HOST_PERCENT, timeout_ms);
                self.find_entry(plan, answers, (provider, may_be_new), now, &mut found)?;
            }
        }
        found.success = !found.found.is_empty();
        if !found.success {
            found.error = found.errors.last().cloned().unwrap_or_default();
        }
        Ok(found)
    }

    fn find_records(
        &mut self,
        plan: &Plan,
        answers: &[NodeAnswer],
        now: HostTimestamp,
        found: &mut FindResult,
    ) -> Result<(), CallError> {
        let key_id = plan.key_id.as_str();
        let (own, others) = packed_answers(plan, answers);
        let mut voided = Voided::new(key_id, self.timeouts(), now);
        let mut lists = Vec::new();
        if own {
            let (records, tombstones) = self.read_entries(key_id, now)?;
            lists.push(records);
            voided.note(tombstones);
        }
        let unpacker = Unpacker::sharing(others.len());
        for (packed, from) in others {
            match unpack_answer(key_id, packed, unpacker) {
                Ok((mut records, tombstones)) => {
                    records.retain(|record| voided.is_due(record, &from));
                    lists.push(records);
                    voided.note(tombstones);
                }
                // Too large to be read beside the others.
                Err(error) => found.errors.extend(
                    from.iter()
                        .map(|peer| format!("{peer}: the answer is dropped: {error}")),
                ),
            }
        }
        let host_id = self.here().host_id();
        found
            .errors
            .extend(voided.ahead().map(|error| format!("{host_id}: {error}")));
        if lists.is_empty() {
            return Ok(());
        }
        let mut records = merge(lists, Some(key_id), self.verifier)?;
        records.retain(|record| !voided.voids(record));
        found.found.push(true);
        found.last = records
            .len()
            .checked_sub(1)
            .map(|last| last as u32)
            .into_iter()
            .collect();
        if plan.percent < READ_PERCENT {
            found.tries = tries(records.len(), self.caller.particle_id());
        }
        found.result = records.into_iter().map(FlatRecord::from).collect();
        Ok(())
    }

    fn find_entry(
        &mut self,
        plan: &Plan,
        answers: &[NodeAnswer],
        (provider, may_be_new): (&str, bool),
        now: HostTimestamp,
        found: &mut FindResult,
    ) -> Result<(), CallError> {
        let key_id = plan.key_id.as_str();
        let (own, others) = packed_answers(plan, answers);
        let host_id = self.here().host_id().to_owned();
        let heard = own || !others.is_empty();
        let (mut keys, mut latest) = (Vec::new(), None);
        if own {
            match self.standing(key_id, provider, now) {
                Ok((key, standing)) => {
                    keys.push(key);
                    latest = standing.latest();
                }
                Err(CallError::Refused(Error::UnknownKey { .. })) if may_be_new => {}
                Err(error) => return Err(error),
            }
        }
        for packed in others.into_keys().filter(|packed| !packed.is_empty()) {
            let (key, entries) = split_key(packed)?;
            let (records, tombstones) = unpack_answer(key_id, entries, Unpacker::sharing(answers.len()))?;
            keys.push(key);
            latest = latest.max(Standing { records, tombstones }.latest());
        }
        if keys.is_empty() && !(may_be_new && heard) {
            return Ok(());
        }
        if !keys.is_empty() {
            found.found.push(true);
            found.keys.push(merge_keys(keys, Some(key_id))?.into_inner());
        }
        match now.issue_after(latest.map(|(issued, _)| issued)) {
            Ok(issue_at) => found.issue_at.push(issue_at),
            Err(error) => {
                found.errors.push(format!("{host_id}: {error}"));
                return Ok(());
            }
        }
        if latest.is_none_or(|(_, is_tombstone)| is_tombstone) {
            found.absent.push(format!(
                "nothing stands that {} issued for {provider}",
                self.caller.init_peer_id()
            ));
        }
        match provider == self.caller.init_peer_id() {
            true => found.relay_id.push(host_id),
            false => found.hosts.push(provider.to_owned()),
        }
        Ok(())
    }

    /// Whether what is here of a key is all that there should be.
    fn extent(&mut self, key_id: &str, now: HostTimestamp) -> Result<Extent, CallError> {
        let state = self.load(&KeyId::parse(key_id)?)?;
        let is_partial = state.is_partial() || self.is_away(now);
        self.store.keep(state);
        match is_partial {
            true => Ok(Extent::Partial),
            false => Ok(Extent::Whole),
        }
    }
}

/// Which of so many to try, each of them first in as many particles as any other.
fn tries(count: usize, particle_id: &str) -> Vec<u32> {
    let Some(first) = usize::try_from(crc32fast::hash(particle_id.as_bytes()))
        .unwrap_or(0)
        .checked_rem(count)
    else {
        return Vec::new();
    };
    let tries = 0..count.min(TRIES_MAX);
    tries.map(|turn| ((first + turn) % count) as u32).collect()
}

/// Everybody's errors; that others were silent is one if too few answered.
fn lookup_errors(plan: &Plan, answers: &[NodeAnswer]) -> Vec<String> {
    let mut told = Told::new(&plan.ask);
    told.note(&plan.here);
    told.note(answers);
    let all = || plan.here.iter().chain(answers);
    let good = all().filter(|answer| answer.does_count()).count();
    let too_few = good < plan.ack as usize;
    let mut errors = told.errors(too_few);
    if too_few && !plan.ask.is_empty() {
        let partial = all().filter(|answer| is_partial(answer)).count();
        let beside = match partial {
            0 => String::new(),
            _ => format!(" beside {partial} that have not been given all of it yet"),
        };
        errors.push(format!(
            "{good} nodes answered with what was looked for{beside}, {} are needed",
            plan.ack
        ));
    }
    errors
}

fn is_partial(answer: &NodeAnswer) -> bool {
    !answer.does_count() && answer.error.is_empty()
}

/// Whether this node has an answer of its own, and the packed answers of the others, equal ones once, with those who gave
/// them: the partial ones, too, as what they bring is genuine.
fn packed_answers<'a>(plan: &Plan, answers: &'a [NodeAnswer]) -> (bool, PackedAnswers<'a>) {
    let own = plan.here.iter().any(|here| here.answer == HERE);
    let mut packed = PackedAnswers::new();
    for answer in answers.iter().filter(|answer| answer.error.is_empty()) {
        packed.entry(&answer.answer).or_default().push(answer.peer());
    }
    (own, packed)
}

fn split_key(packed: &str) -> Result<(Key, &str), Error> {
    let (key, entries) = packed.split_once(KEY_SEPARATOR).ok_or(Error::BadPacked {
        why: "the key is missing",
    })?;
    Ok((unpack_key(key)?, entries))
}

fn check_same_key(wanted: &str, given: &str) -> Result<(), Error> {
    if wanted == given {
        return Ok(());
    }
    Err(Error::SeveralKeys {
        first: wanted.to_owned(),
        other: quoted(given),
    })
}
