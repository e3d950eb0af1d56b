//! A network whose nodes all run the spell, and what a scenario does with it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use devnet::kademlia::REPLICATION_FACTOR;
use devnet::{
    AquaCompiler, AquaProgram, CallFailure, CallOptions, Causality, Judgement, Link, Network, NetworkConfig, PeerIndex,
    ProviderLedger, Query, ScheduleIndex, SpellSpec, ARTIFACTS_DIR_VARIABLE, EPOCH_SEC,
};
use eyre::{bail, ensure, eyre, Result, WrapErr};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::{json, Value};

use crate::figures::{resident_mib, Figures, Sample};
use crate::options::Options;
use crate::progress::Progress;

/// How often a node clears, and how long a key stays without being replicated, in seconds.
pub(crate) const INTERVAL_SEC: u64 = 3_600;
/// A particle of a client's: longer than scripts wait and than clocks are apart, together.
const CALL_TTL_MS: u32 = 45_000;
const SPELL_TTL_MS: u32 = 60_000;
/// How often a client starts a write that fails, or a lookup whose answer says that too few nodes have answered.
const ATTEMPTS_MAX: usize = 20;
/// How often a client starts a call whose answer does not come. Where 5 % of the messages are lost, one in ten does not, and
/// eight in a row once in a hundred million times.
const UNANSWERED_MAX: u64 = 8;
const SPELL_ERRORS_MAX: usize = 20;
/// How often the state of all nodes is noted.
const SAMPLE_EVERY: Duration = Duration::from_secs(30 * 60);
/// What ends an answer that does not count.
const PARTIAL: char = '!';
/// Within this time a write has reached everybody whom its messages reach.
const WRITE_SEC: u64 = 10;
/// One lookup in so many, and one more, may meet nodes alone that have missed a registration.
const CHECKS_PER_MISSED_REGISTRATION: u64 = 1_000;
/// Keeps the scenario's choices apart from the network's own.
const CHOICES: u64 = 0x50a_c0de;

/// What replication has still to do, by `get_stats`.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Backlog {
    pub(crate) keys: u64,
    pub(crate) due: u64,
    pub(crate) oldest_due_sec: u64,
    pub(crate) partial: u64,
}

/// A network whose nodes all run the spell, its clients, and what readers must be told.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) network: Network,
    pub(crate) options: Options,
    pub(crate) ledger: ProviderLedger,
    pub(crate) figures: Figures,
    pub(crate) rng: StdRng,
    /// Nodes see fewer others than a lookup asks for: an answer that says so is right, and nobody asks again.
    pub(crate) few_peers: bool,
    program: AquaProgram,
    spell: Arc<str>,
    schedules: BTreeMap<PeerIndex, ScheduleIndex>,
    /// Until when each node's runs are counted.
    harvested: BTreeMap<PeerIndex, Duration>,
    reader: PeerIndex,
    /// When each provider of a key was registered while readers did not have to be told of it, in seconds since 1970.
    registered: BTreeMap<(String, String), u64>,
    /// When the last sample was taken, for adding up how long keys were held.
    sampled: Duration,
    sample_at: Duration,
    started: Instant,
    progress: Progress,
}

impl World {
    /// Starts `nodes` nodes.
    ///
    /// # Errors
    /// Where artifacts are missing or a service does not start.
    pub(crate) fn start(options: &Options, nodes: usize, progress: Progress) -> Result<Self> {
        Self::start_with_tables(options, nodes, None, progress)
    }

    /// The same, where nodes know no more than `bucket` peers of each half, quarter, eighth … of the network.
    ///
    /// # Errors
    /// Where artifacts are missing or a service does not start.
    pub(crate) fn start_with_tables(
        options: &Options,
        nodes: usize,
        bucket: Option<usize>,
        progress: Progress,
    ) -> Result<Self> {
        let dir = std::env::var_os(ARTIFACTS_DIR_VARIABLE).map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../artifacts"),
            Into::into,
        );
        let spell = dir.join("registry-spell.air");
        let spell =
            std::fs::read_to_string(&spell).wrap_err_with(|| format!("{}: run ./build.sh first", spell.display()))?;
        let spell = match options.without_replication {
            true => cut_replication(&spell)?,
            false => spell,
        };
        let program = AquaCompiler::new().compile(Path::new(env!("CARGO_MANIFEST_DIR")).join("aqua/soak.aqua"))?;
        let mut config = NetworkConfig::new(1).seed(options.seed);
        config.ttl_ms = CALL_TTL_MS;
        config.bucket = bucket;
        config.trust_graph = options.trust_graph;
        config.forget_dead_after = Some(Duration::from_secs(options.notice_after));
        config.link = Link {
            jitter: Duration::from_millis(50),
            drop_rate: options.loss,
            ..config.link
        };
        let mut network = Network::start(config)?;
        network.add_checker(Causality::default());
        let reader = network.add_client(PeerIndex(0))?;
        let mut world = Self {
            network,
            options: options.clone(),
            ledger: ProviderLedger::default(),
            figures: Figures::default(),
            rng: StdRng::seed_from_u64(options.seed ^ CHOICES),
            few_peers: false,
            program,
            spell: spell.into(),
            schedules: BTreeMap::new(),
            harvested: BTreeMap::new(),
            reader,
            registered: BTreeMap::new(),
            sampled: Duration::ZERO,
            sample_at: SAMPLE_EVERY,
            started: Instant::now(),
            progress,
        };
        world.settle_in(PeerIndex(0))?;
        for _ in 1..nodes {
            world.add_node()?;
        }
        Ok(world)
    }

    /// Adds a node with empty storage: a clock of its own and the spell.
    ///
    /// # Errors
    /// Where a service does not start.
    pub(crate) fn add_node(&mut self) -> Result<PeerIndex> {
        let node = self.network.add_node()?;
        self.settle_in(node)?;
        Ok(node)
    }

    fn settle_in(&mut self, node: PeerIndex) -> Result<()> {
        self.set_clock(node)?;
        let tick = self.options.tick();
        let lifetime_sec = self.options.lifetime().as_secs();
        let set = Query::new("registry", "set_expired_timeout").arg(lifetime_sec);
        let set = self.ask(node, &set)?;
        if set["success"] != json!(true) {
            bail!("{node} does not take a lifetime of {lifetime_sec} s: {}", set["error"]);
        }
        let config = json!({
            "expired_interval": INTERVAL_SEC,
            "renew_interval": lifetime_sec / 2,
            "replicate_interval": INTERVAL_SEC,
            "expired_timeout_sec": [lifetime_sec], "stale_timeout_sec": [], "total_bytes": [], "owner_bytes": [],
        });
        let spell = SpellSpec {
            alias: "registry-spell".into(),
            air: self.spell.to_string(),
            init_data: BTreeMap::from([("config".to_owned(), config)]),
            every: tick,
            first_after: Duration::from_secs(self.rng.gen_range(1..=tick.as_secs().max(1))),
            ttl_ms: Some(SPELL_TTL_MS),
        };
        let schedule = self.network.install_spell(node, spell)?;
        self.schedules.insert(node, schedule);
        Ok(())
    }

    fn set_clock(&mut self, peer: PeerIndex) -> Result<()> {
        let half_ms = (self.options.clock_skew * 500) as i64;
        let offset_ms = self.rng.gen_range(-half_ms..=half_ms);
        Ok(self.network.set_clock_offset_ms(peer, offset_ms)?)
    }

    /// Adds a client of any node.
    ///
    /// # Errors
    /// Where no node is left.
    pub(crate) fn add_client(&mut self) -> Result<PeerIndex> {
        let relay = self.any_node()?;
        let client = self.network.add_client(relay)?;
        self.set_clock(client)?;
        Ok(client)
    }

    /// Takes a node away for ever.
    ///
    /// # Errors
    /// Where it is no node.
    pub(crate) fn retire(&mut self, node: PeerIndex) -> Result<()> {
        self.harvest(node);
        self.network.retire(node)?;
        self.schedules.remove(&node);
        self.harvested.remove(&node);
        Ok(())
    }

    /// The nodes that are up.
    #[must_use]
    pub(crate) fn live_nodes(&self) -> Vec<PeerIndex> {
        let mut nodes = self.network.nodes();
        nodes.retain(|node| self.network.peers()[node.0].is_alive());
        nodes
    }

    /// # Errors
    /// Where no node is left.
    pub(crate) fn any_node(&mut self) -> Result<PeerIndex> {
        let nodes = self.live_nodes();
        nodes
            .choose(&mut self.rng)
            .copied()
            .ok_or_else(|| eyre!("no node is left"))
    }

    #[must_use]
    pub(crate) fn id(&self, peer: PeerIndex) -> String {
        self.network.peers()[peer.0].id().to_owned()
    }

    /// A client whose relay is gone connects to another node.
    ///
    /// # Errors
    /// Where no node is left.
    pub(crate) fn reconnect(&mut self, client: PeerIndex) -> Result<()> {
        let relay = self.network.peer(client)?.relay();
        if relay.is_some_and(|relay| self.network.peers()[relay.0].is_alive()) {
            return Ok(());
        }
        let relay = self.any_node()?;
        Ok(self.network.set_relay(client, relay)?)
    }

    /// Virtual time passes until then, unless it has. Every half an hour the state of all nodes is noted.
    ///
    /// # Errors
    /// Where a checker objects, or a registry does not say how it is.
    pub(crate) fn run_until(&mut self, until: Duration) -> Result<()> {
        let mut now = self.network.now();
        while now < until {
            self.sample_if_due()?;
            let step = (until - now).min(Duration::from_secs(600)).min(self.sample_at - now);
            self.network.advance(step)?;
            now = self.network.now();
            self.progress.at(now, &self.figures);
        }
        self.sample_if_due()
    }

    /// # Errors
    /// Where a registry does not say how it is.
    pub(crate) fn sample_if_due(&mut self) -> Result<()> {
        let now = self.network.now();
        if now < self.sample_at {
            return Ok(());
        }
        self.sample_at = now + SAMPLE_EVERY;
        self.sample()
    }

    /// # Errors
    /// Where a checker objects.
    pub(crate) fn run_for(&mut self, time: Duration) -> Result<()> {
        self.run_until(self.network.now() + time)
    }

    /// Calls a function; an answer that does not come is waited for and asked for again.
    fn call(&mut self, client: PeerIndex, function: &str, args: &[Value]) -> Result<(Vec<Value>, u64)> {
        let mut repeated = 0;
        loop {
            self.reconnect(client)?;
            let function = self.program.function(function)?;
            let call = self.network.start_call(client, function, args, CallOptions::new())?;
            let outcome = self.network.wait(&call)?;
            self.figures.messages += outcome.stats.hops;
            self.figures.messages_lost += outcome.stats.lost;
            match outcome.result {
                Ok(values) => return Ok((values, repeated)),
                Err(CallFailure::Expired { .. }) if repeated < UNANSWERED_MAX => repeated += 1,
                Err(failure) => bail!("{}, started {} times: {failure}", function.name(), repeated + 1),
            }
        }
    }

    /// Calls a function that writes, until it says that it has written. Returns the first value.
    ///
    /// # Errors
    /// Where it does not after some attempts.
    pub(crate) fn write(&mut self, client: PeerIndex, function: &str, args: &[Value]) -> Result<Value> {
        let mut errors = Value::Null;
        for _ in 0..ATTEMPTS_MAX {
            let (mut values, repeated) = self.call(client, function, args)?;
            self.figures.writes += 1;
            self.figures.writes_repeated += repeated;
            let done = values.swap_remove(0);
            if done == json!(true) || done.as_array().is_some_and(|found| !found.is_empty()) {
                return Ok(done);
            }
            self.figures.writes_repeated += 1;
            errors = values.pop().unwrap_or_default();
        }
        bail!("{function}{args:?} failed {ATTEMPTS_MAX} times; the last time: {errors}");
    }

    /// Has a client of any node look a resource up, and judges what it is told.
    ///
    /// # Errors
    /// Where no answer comes at all.
    pub(crate) fn check(&mut self, key_id: &str) -> Result<()> {
        let ledger = std::mem::take(&mut self.ledger);
        let checked = self.check_with(&ledger, self.reader, key_id, None);
        self.ledger = ledger;
        checked
    }

    /// The same, by what this reader has to be told, through one of the nodes in `from`.
    ///
    /// # Errors
    /// Where no answer comes at all.
    pub(crate) fn check_with(
        &mut self,
        ledger: &ProviderLedger,
        reader: PeerIndex,
        key_id: &str,
        from: Option<&BTreeSet<PeerIndex>>,
    ) -> Result<()> {
        for ack in self.options.ack.clone() {
            self.check_ack(ledger, (reader, ack), key_id, from)?;
        }
        Ok(())
    }

    /// For how long a deletion may be on its way. One answer may be that of a node that missed it, and whose next exchange it
    /// missed, too; of three, one knows after an interval.
    pub(crate) fn agreed_sec(&self, ack: i16) -> u64 {
        let exchanges = if ack > 1 { 1 } else { 2 };
        exchanges * (INTERVAL_SEC + INTERVAL_SEC / 10 + self.options.tick) + self.options.clock_skew
    }

    fn check_ack(
        &mut self,
        ledger: &ProviderLedger,
        (reader, ack): (PeerIndex, i16),
        key_id: &str,
        from: Option<&BTreeSet<PeerIndex>>,
    ) -> Result<()> {
        self.figures.checks += 1;
        self.figures.providers_expected += ledger.live_count(key_id) as u64;
        let first = self.judge(ledger, (reader, ack), key_id, from)?;
        for (provider, deleted_at_sec) in first.returned {
            // A deletion that few nodes took in at first reaches the others like everything else.
            let ago_sec = self.now_sec().saturating_sub(deleted_at_sec);
            if ago_sec <= self.agreed_sec(ack) {
                self.figures.deletions_on_their_way += 1;
                continue;
            }
            let held = self.who_holds(key_id, &provider)?;
            self.violation(format!(
                "{key_id}, ack {ack}: {provider} was deleted {ago_sec} s ago, yet returned; {held}"
            ));
        }
        if self.overdue(key_id, ack, first.missing).is_empty() {
            return Ok(());
        }
        self.figures.lookups_incomplete += 1;
        let mut second = self.judge(ledger, (reader, ack), key_id, from)?;
        second.missing = self.overdue(key_id, ack, second.missing);
        let mut held = Vec::new();
        for provider in &second.missing {
            if self.was_missed_by_chance(key_id, ack, provider)? {
                continue;
            }
            let at_sec = self.registered.get(&(key_id.to_owned(), provider.clone()));
            let ago_sec = at_sec.map_or(0, |at_sec| self.now_sec().saturating_sub(*at_sec));
            let holders = self.who_holds(key_id, provider)?;
            held.push(format!("{provider}, registered {ago_sec} s ago, {holders}"));
        }
        if !held.is_empty() {
            self.violation(format!("{key_id}, ack {ack}: not found, twice: {}", held.join("; ")));
        }
        Ok(())
    }

    /// Whether three nodes that answered had each missed a registration, though most neighbours took it in: where one message
    /// in 20 is lost that befalls one registration in 2,000, until the next exchange. More often it is none.
    fn was_missed_by_chance(&mut self, key_id: &str, ack: i16, provider: &str) -> Result<bool> {
        let since_sec = self.now_sec().saturating_sub(self.agreed_sec(ack));
        let at_sec = self.registered.get(&(key_id.to_owned(), provider.to_owned()));
        let most = 1 + self.figures.checks / CHECKS_PER_MISSED_REGISTRATION;
        if at_sec.is_none_or(|at_sec| *at_sec < since_sec) || self.figures.registrations_missed >= most {
            return Ok(false);
        }
        let holders = self.who_holds(key_id, provider)?;
        let by_chance = holders.matches('R').count() > REPLICATION_FACTOR / 2;
        self.figures.registrations_missed += u64::from(by_chance);
        Ok(by_chance)
    }

    /// Those of the missing that any node must know of. A registration that one node missed reaches it like a deletion.
    fn overdue(&mut self, key_id: &str, ack: i16, mut missing: Vec<String>) -> Vec<String> {
        let since = self.now_sec().saturating_sub(self.agreed_sec(ack));
        let is_new = |provider: &String| {
            let at_sec = self.registered.get(&(key_id.to_owned(), provider.clone()));
            ack <= 1 && at_sec.is_some_and(|at_sec| *at_sec >= since)
        };
        let count = missing.len();
        missing.retain(|provider| !is_new(provider));
        self.figures.registrations_on_their_way += u64::from(missing.len() < count);
        missing
    }

    /// From now on readers must be told of a provider. Who missed a first registration, or any of a crowded key, may not know it.
    pub(crate) fn note_registered(&mut self, (key_id, issuer, provider): (&str, &str, &str), is_crowded: bool) {
        if self.ledger.register(key_id, issuer, provider) || is_crowded {
            let now_sec = self.now_sec();
            self.registered
                .insert((key_id.to_owned(), provider.to_owned()), now_sec);
        }
    }

    /// Has the reader look a resource up through each of these nodes.
    ///
    /// # Errors
    /// Where no answer comes at all.
    pub(crate) fn check_from(&mut self, key_id: &str, nodes: &BTreeSet<PeerIndex>) -> Result<()> {
        let ledger = std::mem::take(&mut self.ledger);
        let each = nodes.iter().map(|node| BTreeSet::from([*node]));
        let checked: Result<()> = each
            .collect::<Vec<_>>()
            .iter()
            .try_for_each(|node| self.check_with(&ledger, self.reader, key_id, Some(node)));
        self.ledger = ledger;
        checked
    }

    /// What the nodes that are up have to do: all numbers of `get_stats` together, the longest due of any of them.
    ///
    /// # Errors
    /// Where a registry does not answer.
    pub(crate) fn backlog(&mut self) -> Result<Backlog> {
        let mut backlog = Backlog::default();
        for node in self.live_nodes() {
            let one = self.backlog_in(node, 0)?;
            backlog.keys += one.keys;
            backlog.due += one.due;
            backlog.oldest_due_sec = backlog.oldest_due_sec.max(one.oldest_due_sec);
            backlog.partial += one.partial;
        }
        Ok(backlog)
    }

    /// What a node has to do so many seconds from now, if nothing happens until then.
    ///
    /// # Errors
    /// Where a registry does not answer.
    pub(crate) fn backlog_in(&mut self, node: PeerIndex, sec: u64) -> Result<Backlog> {
        let then_sec = self.network.unix_ms(node)? / 1_000 + sec;
        let query = Query::new("registry", "get_stats").result_of("peer", "timestamp_sec", then_sec);
        let stats = self.ask(node, &query)?;
        ensure!(stats["success"] == json!(true), "{node}: no statistics: {stats}");
        let number = |name: &str| {
            stats[name]
                .as_u64()
                .ok_or_else(|| eyre!("{node}: no {name} in {stats}"))
        };
        Ok(Backlog {
            keys: number("keys")?,
            due: number("keys_due")?,
            oldest_due_sec: number("oldest_due_sec")?,
            partial: number("keys_partial")?,
        })
    }

    /// What is wrong with the answer of a node that joined at `joined_sec` with empty storage, if something is. While it is not
    /// sure to know everything that was said before, its answer must not count; from when on it `must_count`, it must.
    ///
    /// # Errors
    /// Where a registry does not answer.
    pub(crate) fn fault_of_newcomer(
        &mut self,
        (node, joined_sec): (PeerIndex, u64),
        key_id: &str,
        must_count: bool,
    ) -> Result<Option<String>> {
        self.figures.newcomer_checks += 1;
        let answer = Query::new("registry", "get_answer").arg(key_id).arg("").now();
        let answer = self.ask(node, &answer)?;
        let counts =
            answer["success"] == json!(true) && answer["answer"].as_str().is_some_and(|text| !text.ends_with(PARTIAL));
        let age_sec = self.now_sec() - joined_sec;
        if !counts {
            return Ok(must_count.then(|| {
                format!("{key_id}: {node} joined {age_sec} s ago, has heard of the key and run its spell twice since, and its answer does not count")
            }));
        }
        let held = self.ask(node, &Query::new("registry", "get_records").arg(key_id).now())?;
        let held = held["result"].as_array().into_iter().flatten().map(|record| {
            let metadata = &record["metadata"];
            json!({"set_by": metadata["issued_by"], "peer_id": metadata["peer_id"], "timestamp_created": metadata["timestamp_issued"]})
        });
        let judgement = self.ledger.judge(key_id, &held.collect());
        let hosts: BTreeSet<String> = self.live_nodes().into_iter().map(|node| self.id(node)).collect();
        let missing = judgement.missing.into_iter().filter(|provider| {
            // What a node provides nobody passes on before its spell has signed it.
            let signs_sec = if hosts.contains(provider) {
                self.options.tick + self.options.clock_skew
            } else {
                0
            };
            let at_sec = self.registered.get(&(key_id.to_owned(), provider.clone()));
            at_sec.is_some_and(|at_sec| at_sec + signs_sec + WRITE_SEC < joined_sec)
        });
        let missing: Vec<String> = missing.collect();
        let returned = judgement.returned.into_iter();
        let returned: Vec<String> = returned
            .filter(|(_, at_sec)| *at_sec < joined_sec)
            .map(|(provider, _)| provider)
            .collect();
        Ok((!missing.is_empty() || !returned.is_empty()).then(|| {
            format!("{key_id}: the answer of {node}, which joined {age_sec} s ago, counts, though it lacks {missing:?} and has the deleted {returned:?}")
        }))
    }

    /// What each node that is up knows of a provider, those closest to the key first: `R` the record, `T` a tombstone, `-`
    /// neither, `.` not even the key.
    fn who_holds(&mut self, key_id: &str, provider: &str) -> Result<String> {
        let point = devnet::kademlia::resource_point(key_id).map_err(eyre::Report::msg)?;
        let nodes = self.network.closest_nodes(point, self.live_nodes().len());
        let holders = self.network.holders(key_id)?;
        let mut text = String::from("by distance:");
        for node in nodes {
            let tombstones = self.ask(node, &Query::new("registry", "get_tombstones").arg(key_id).now())?;
            let mut tombstones = tombstones["result"].as_array().into_iter().flatten();
            let names = |record: &Value| record["metadata"]["peer_id"] == provider;
            let known = match holders.get(&node) {
                _ if tombstones.any(|tombstone| tombstone["peer_id"] == provider) => "T",
                Some(held) if held.records.iter().any(names) => "R",
                Some(_) => "-",
                None => ".",
            };
            text = format!("{text} {node}{known}");
        }
        Ok(text)
    }

    /// Judges an answer. One that lacks something and says itself that too few nodes have answered is none: the client asks
    /// again, as after silence.
    fn judge(
        &mut self,
        ledger: &ProviderLedger,
        reader: (PeerIndex, i16),
        key_id: &str,
        from: Option<&BTreeSet<PeerIndex>>,
    ) -> Result<Judgement> {
        for repeated in 1..ATTEMPTS_MAX {
            let (providers, short) = self.look_up(reader, key_id, from)?;
            let judgement = ledger.judge(key_id, &providers);
            if short && self.few_peers {
                self.figures.lookups_short += 1;
                return Ok(Judgement::default());
            }
            if judgement.missing.is_empty() || !short {
                return Ok(judgement);
            }
            self.figures.lookups_short += 1;
            self.figures.short_in_a_row = self.figures.short_in_a_row.max(repeated as u64);
        }
        Ok(ledger.judge(key_id, &self.look_up(reader, key_id, from)?.0))
    }

    /// The providers, and whether fewer nodes answered than were asked for.
    fn look_up(
        &mut self,
        (reader, ack): (PeerIndex, i16),
        key_id: &str,
        from: Option<&BTreeSet<PeerIndex>>,
    ) -> Result<(Value, bool)> {
        let mut nodes = self.live_nodes();
        nodes.retain(|node| from.is_none_or(|from| from.contains(node)));
        let relay = nodes.choose(&mut self.rng).copied();
        let relay = relay.ok_or_else(|| eyre!("no node to ask is left"))?;
        self.network.set_relay(reader, relay)?;
        let args = [json!(key_id), json!(ack)];
        let (mut values, repeated) = self.call(reader, "resolveProviders", &args)?;
        self.figures.lookups_unanswered += repeated;
        self.figures.unanswered_in_a_row = repeated.max(self.figures.unanswered_in_a_row);
        let errors = values.get(1).and_then(Value::as_array).into_iter().flatten();
        let short = errors
            .filter_map(Value::as_str)
            .any(|error| error.ends_with("are needed"));
        Ok((values.swap_remove(0), short))
    }

    /// Notes what must not be; the run goes on.
    pub(crate) fn violation(&mut self, text: String) {
        let hours = self.network.now().as_secs_f64() / 3_600.0;
        let text = format!("after {hours:.2} h, seed {}: {text}", self.options.seed);
        eprintln!("VIOLATION {text}");
        self.figures.violation(text);
    }

    /// The true time, in seconds since 1970.
    #[must_use]
    pub(crate) fn now_sec(&self) -> u64 {
        EPOCH_SEC + self.network.now().as_secs()
    }

    /// Asks a node's registry without a particle.
    ///
    /// # Errors
    /// Where it does not answer.
    pub(crate) fn ask(&mut self, node: PeerIndex, query: &Query) -> Result<Value> {
        Ok(self.network.ask(node, query)?)
    }

    /// The nodes that hold a key. Looking at it is no use of it.
    ///
    /// # Errors
    /// Where a registry does not answer.
    pub(crate) fn holders(&mut self, key_id: &str) -> Result<Vec<PeerIndex>> {
        let query = Query::new("registry", "get_key_metadata").arg(key_id);
        let mut holders = Vec::new();
        for node in self.live_nodes() {
            if self.ask(node, &query)?["success"] == json!(true) {
                holders.push(node);
            }
        }
        Ok(holders)
    }

    /// How many tombstones the nodes hold, all together.
    ///
    /// # Errors
    /// Where a registry does not answer.
    pub(crate) fn tombstones(&mut self) -> Result<u64> {
        let mut count = 0;
        for node in self.live_nodes() {
            let stats = self.ask(node, &Query::new("registry", "get_stats").now())?;
            count += stats["tombstones"]
                .as_u64()
                .ok_or_else(|| eyre!("no statistics: {stats}"))?;
        }
        Ok(count)
    }

    /// Counts what the spell of a node has done since the last time.
    pub(crate) fn harvest(&mut self, node: PeerIndex) {
        let Some(schedule) = self.schedules.get(&node) else {
            return;
        };
        let since = self.harvested.get(&node).copied();
        let mut latest = since;
        for run in self.network.scheduled_runs(*schedule) {
            if since.is_some_and(|since| run.at <= since) {
                continue;
            }
            latest = Some(run.at);
            self.figures.spell_runs += 1;
            self.figures.messages += run.stats.hops;
            self.figures.messages_lost += run.stats.lost;
            self.figures.spell_bytes += run.stats.bytes;
            self.figures.spell_avm_sec += run.stats.avm_time.as_secs_f64();
            self.figures.spell_services_sec += run.stats.service_time.as_secs_f64();
            let Ok(values) = &run.result else {
                self.figures.spell_runs_cut_short += 1;
                continue;
            };
            let jobs = values.iter().filter_map(|report| report["runs"].as_array());
            // How it began, and if there was something to do how it ended.
            let is_round = |jobs: &&Vec<Value>| jobs.iter().filter(|job| job["job"] == "replicate").count() > 1;
            self.figures.rounds += jobs.clone().filter(is_round).count() as u64;
            for job in jobs.flatten() {
                if job["success"] == json!(true) {
                    continue;
                }
                self.figures.spell_jobs_failed += 1;
                if self.figures.spell_errors.len() < SPELL_ERRORS_MAX {
                    self.figures.spell_errors.push(job.to_string());
                }
            }
        }
        if let Some(latest) = latest {
            self.harvested.insert(node, latest);
        }
    }

    /// Counts what all spells have done, and notes the state of all nodes and how big the process is.
    fn sample(&mut self) -> Result<()> {
        for node in self.live_nodes() {
            self.harvest(node);
        }
        let backlog = self.backlog()?;
        let now = self.network.now();
        self.figures.key_hours += backlog.keys as f64 * (now - self.sampled).as_secs_f64() / 3_600.0;
        self.sampled = now;
        let sample = Sample {
            keys: backlog.keys,
            keys_due: backlog.due,
            oldest_due_sec: backlog.oldest_due_sec,
            keys_partial: backlog.partial,
            hour: self.network.now().as_secs_f64() / 3_600.0,
            resident_mib: resident_mib(),
            services_mib: self.network.service_memory_bytes() >> 20,
            nodes_ever: self.network.nodes().len() as u64,
        };
        self.figures.samples.push(sample);
        self.conclude();
        self.progress.save(&self.figures);
        Ok(())
    }

    fn conclude(&mut self) {
        self.figures.virtual_hours = self.network.now().as_secs_f64() / 3_600.0;
        self.figures.wall_sec = self.started.elapsed().as_secs_f64();
        self.figures.digest = self.network.digest();
    }

    /// Ends the run.
    ///
    /// # Errors
    /// Where a registry does not say how it is.
    pub(crate) fn finish(mut self) -> Result<Figures> {
        self.sample()?;
        self.progress.done();
        Ok(self.figures)
    }
}

/// The spell, but for its replication: what each round begins with is a function that no registry has.
fn cut_replication(spell: &str) -> Result<String> {
    let cut = spell.replace("\"begin_replication\"", "\"no_replication\"");
    ensure!(cut != spell, "the spell does not replicate");
    Ok(cut)
}
