//! Plans on the wire. A particle carries to every node all that it has computed so far, lists of peers before anything
//! else, so a plan says where in the lists that the script holds anyway the nodes stand.

use marine_rs_sdk::marine;
use registry_service::calls::{self, Call, NodeAnswer};
use registry_service::store::Backend;

/// Which nodes are to be asked, for what, and how many have to answer.
#[marine]
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The key that is looked up; empty where something is published.
    pub key_id: String,
    /// What of it is looked up, for `get_answer`.
    pub wanted: String,
    /// Who is asked at once, and who then, if good answers are missing; none where nobody is to be asked.
    pub waves: Vec<Wave>,
    /// How many nodes have to answer well, this one included.
    pub ack: u32,
    /// This node's own answer, if it belongs to the neighbourhood, and what it has to say.
    pub here: Vec<NodeAnswer>,
}

/// The nodes that are asked at once, and what to wait for.
#[marine]
#[derive(Debug, Clone, Default)]
pub struct Wave {
    /// Two numbers for each node: a list of peers, and where it stands in that.
    pub ask: Vec<Vec<u8>>,
    /// One item if their answers are waited for, else none.
    pub more: Vec<bool>,
    /// Index, among the good answers of others, of the one that is enough.
    pub enough: u32,
    /// Index, among all answers of others, of the last.
    pub last: u32,
    /// How long to wait, in milliseconds.
    pub wait_ms: u32,
}

impl Plan {
    /// `lists` name the peers; `hedge_ms` and `timeout_ms` are for [`Call::get_wave`].
    pub(super) fn new<B: Backend>(
        call: &Call<'_, B>,
        plan: calls::Plan,
        lists: &[Vec<String>],
        (hedge_ms, timeout_ms): (u16, u16),
    ) -> Self {
        let wave = |turn: &u8| {
            Wave::new(
                call.get_wave(&plan, &[], *turn, hedge_ms.into(), timeout_ms.into()),
                lists,
            )
        };
        Self {
            waves: plan
                .turns
                .iter()
                .map(wave)
                .filter(|wave| !wave.ask.is_empty())
                .collect(),
            key_id: plan.key_id,
            wanted: plan.wanted,
            ack: plan.ack,
            here: plan.here,
        }
    }

    pub(super) fn refused(error: &impl ToString) -> Self {
        let calls::Plan { ack, here, .. } = calls::Plan::refused("the asking node", &error.to_string());
        Self {
            ack,
            here,
            ..Self::default()
        }
    }

    /// With names for those who are asked.
    pub(super) fn named(self, lists: &[Vec<String>]) -> calls::Plan {
        let asked = self.waves.iter().flat_map(|wave| &wave.ask);
        let ask = asked.filter_map(|place| peer_at(place, lists)).collect();
        calls::Plan {
            key_id: self.key_id,
            wanted: self.wanted,
            ask,
            ack: self.ack,
            here: self.here,
            ..calls::Plan::default()
        }
    }
}

impl Wave {
    fn new(wave: calls::Wave, lists: &[Vec<String>]) -> Self {
        Self {
            ask: wave.ask.iter().filter_map(|peer| place_of(peer, lists)).collect(),
            more: wave.more,
            enough: wave.enough,
            last: wave.last,
            wait_ms: wave.wait_ms,
        }
    }
}

fn place_of(peer: &str, lists: &[Vec<String>]) -> Option<Vec<u8>> {
    let place = |(list, peers): (usize, &Vec<String>)| {
        let at = peers.iter().position(|other| other == peer)?;
        Some(vec![u8::try_from(list).ok()?, u8::try_from(at).ok()?])
    };
    lists.iter().enumerate().find_map(place)
}

fn peer_at(place: &[u8], lists: &[Vec<String>]) -> Option<String> {
    match place {
        [list, at] => lists.get(usize::from(*list))?.get(usize::from(*at)).cloned(),
        _ => None,
    }
}
