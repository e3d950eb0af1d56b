//! Several behaviours at once, chosen anew for every call by a seed.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{json, Value};
use sha2::{Digest, Sha256};

use super::distort::{blown_up, emptied, of_another_type};
use super::{Behaviour, Honest, Hostile, Sending};
use crate::particle::Particle;
use crate::service::{Answer, ServiceCall, ServiceResult};

/// Answers that a peer remembers of each function.
const REMEMBERED_MAX: usize = 64;
/// One particle in so many is tampered with, by those who do.
const TAMPER_ONE_IN: u32 = 4;

/// Behaviours of one hostile peer towards whoever calls one of its services.
#[derive(Debug, Clone)]
pub struct Mix {
    seed: u64,
    service: String,
    behaviours: Vec<Behaviour>,
    late_by: Duration,
    huge_len: usize,
    repeat: u32,
    honest_to_half: bool,
}

impl Mix {
    /// These behaviours, all equally often, in calls of `service`. A behaviour that is named twice is chosen twice as often.
    #[must_use]
    pub fn new(seed: u64, service: impl Into<String>, behaviours: impl IntoIterator<Item = Behaviour>) -> Self {
        Self {
            seed,
            service: service.into(),
            behaviours: behaviours.into_iter().collect(),
            late_by: Duration::from_secs(8),
            huge_len: 1 << 20,
            repeat: 8,
            honest_to_half: false,
        }
    }

    /// How late [`Behaviour::Late`] is.
    #[must_use]
    pub fn late_by(mut self, late_by: Duration) -> Self {
        self.late_by = late_by;
        self
    }

    /// Bytes of each text and list in the answers of [`Behaviour::Huge`].
    #[must_use]
    pub fn huge_len(mut self, huge_len: usize) -> Self {
        self.huge_len = huge_len;
        self
    }

    /// Equivocates: one half of those who ask, chosen by the seed, is always treated honestly.
    #[must_use]
    pub fn honest_to_half(mut self) -> Self {
        self.honest_to_half = true;
        self
    }

    /// A peer that behaves so.
    #[must_use]
    pub fn hostile(self) -> Hostile {
        let (of_particles, of_answers): (Vec<_>, Vec<_>) = self
            .behaviours
            .iter()
            .partition(|behaviour| behaviour.is_of_particles());
        let mut hostile = Hostile::new();
        if !of_answers.is_empty() {
            let mut answers = Answers::new(self.clone(), of_answers);
            hostile = hostile.answer(move |call, honest| answers.answer(call, honest));
        }
        if !of_particles.is_empty() {
            let mut rng = self.rng("particles");
            let repeat = self.repeat;
            hostile = hostile.alter(move |particle| tamper(particle, &of_particles, repeat, &mut rng));
        }
        hostile
    }

    fn rng(&self, what: &str) -> StdRng {
        StdRng::from_seed(Sha256::digest(format!("{what}/{}", self.seed)).into())
    }

    fn is_honest_to(&self, init_peer_id: &str) -> bool {
        let digest = Sha256::digest(format!("{}/{init_peer_id}", self.seed));
        self.honest_to_half && digest[0] % 2 == 0
    }
}

struct Answers {
    mix: Mix,
    behaviours: Vec<Behaviour>,
    rng: StdRng,
    remembered: BTreeMap<String, Vec<Value>>,
}

impl Answers {
    fn new(mix: Mix, behaviours: Vec<Behaviour>) -> Self {
        Self {
            rng: mix.rng("answers"),
            mix,
            behaviours,
            remembered: BTreeMap::new(),
        }
    }

    fn answer(&mut self, call: &ServiceCall, honest: Honest<'_>) -> Answer {
        if call.service != self.mix.service || self.mix.is_honest_to(&call.init_peer_id) {
            return honest();
        }
        let behaviour = self.behaviours[self.rng.gen_range(0..self.behaviours.len())];
        match behaviour {
            Behaviour::Silent => Answer::Never,
            Behaviour::Late => match honest() {
                Answer::Now(result) => Answer::After(self.mix.late_by, result),
                other => other,
            },
            Behaviour::Pretend => ok(self
                .earlier(call)
                .unwrap_or_else(|| json!({"success": true, "error": "", "answer": "", "good": [""], "bad": []}))),
            Behaviour::Replay => {
                let earlier = self.earlier(call);
                let now = self.remember(call, honest());
                earlier.map_or(now, ok)
            }
            Behaviour::Withhold => {
                let unknown =
                    json!({"success": false, "error": "unknown key", "answer": "", "good": [], "bad": ["unknown key"]});
                let deny = self.rng.gen_range(0..3) == 0;
                distorted(honest(), |value| if deny { unknown } else { emptied(value) })
            }
            Behaviour::WrongType => distorted(honest(), |value| of_another_type(value, &mut self.rng)),
            Behaviour::Huge => distorted(honest(), |value| blown_up(value, self.mix.huge_len)),
            _ => {
                let answer = honest();
                self.remember(call, answer)
            }
        }
    }

    fn remember(&mut self, call: &ServiceCall, answer: Answer) -> Answer {
        if let Answer::Now(result) = &answer {
            let of_function = self.remembered.entry(call.function.clone()).or_default();
            if result.is_ok() && of_function.len() < REMEMBERED_MAX {
                of_function.push(result.value.clone());
            }
        }
        answer
    }

    /// Something that it answered before to this function.
    fn earlier(&mut self, call: &ServiceCall) -> Option<Value> {
        // What is too long to remember leaves nothing behind.
        let of_function = self.remembered.get(&call.function).filter(|told| !told.is_empty())?;
        Some(of_function[self.rng.gen_range(0..of_function.len())].clone())
    }
}

fn ok(value: Value) -> Answer {
    ServiceResult::ok(value).into()
}

fn distorted(answer: Answer, distort: impl FnOnce(&Value) -> Value) -> Answer {
    match answer {
        Answer::Now(result) => ok(distort(&result.value)),
        other => other,
    }
}

fn tamper(particle: &mut Particle, behaviours: &[Behaviour], repeat: u32, rng: &mut StdRng) -> Sending {
    if rng.gen_range(0..TAMPER_ONE_IN) != 0 {
        return Sending::Send;
    }
    match behaviours[rng.gen_range(0..behaviours.len())] {
        Behaviour::Swallow => Sending::Swallow,
        Behaviour::Repeat => Sending::Repeat(repeat),
        _ => {
            garble(&mut particle.data, rng);
            Sending::Send
        }
    }
}

fn garble(data: &mut Vec<u8>, rng: &mut StdRng) {
    if data.is_empty() {
        return;
    }
    let at = rng.gen_range(0..data.len());
    match rng.gen_range(0..3) {
        0 => data.truncate(at),
        1 => data[at] ^= 1 << rng.gen_range(0..8),
        _ => data.resize(2 * at, rng.gen()),
    }
}
