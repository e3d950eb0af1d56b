//! Keys that lie far from this node: its own records, above all. The node knows few of the closest to them, so it looks
//! those up before it replicates, in a script of its own (see [`Located`](crate::domain::Located)).

use std::collections::BTreeSet;

use marine_rs_sdk::marine;

use crate::calls::publish::near;
use crate::calls::{Call, CallError};
use crate::domain::limits::*;
use crate::domain::{check_count, Horizon, HostTimestamp, KeyId, RoutingTable};
use crate::store::Backend;

/// Due keys whose neighbourhoods the node has to look up.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct FarKeys {
    pub success: bool,
    pub error: String,
    pub key_ids: Vec<String>,
    /// One item if there are any, else none.
    pub more: Vec<bool>,
    /// One item if there are none, else none: then it is the turn of a round.
    pub none: Vec<bool>,
    /// Index of the last one.
    pub last: u32,
}

impl FarKeys {
    fn of(key_ids: Vec<String>) -> Self {
        let one_if = |is: bool| is.then_some(true).into_iter().collect();
        Self {
            success: true,
            error: String::new(),
            more: one_if(!key_ids.is_empty()),
            none: one_if(key_ids.is_empty()),
            last: key_ids.len().saturating_sub(1) as u32,
            key_ids,
        }
    }

    /// Nothing is to be looked up: the round says what is wrong, too.
    #[must_use]
    pub fn failed(error: String) -> Self {
        Self {
            success: false,
            error,
            ..Self::of(Vec::new())
        }
    }
}

/// The due keys of a round, as far as it is clear where they go.
pub(super) struct Ready {
    pub(super) ids: Vec<KeyId>,
    /// Those among them that lie far away.
    pub(super) far: BTreeSet<KeyId>,
}

impl<B: Backend> Call<'_, B> {
    /// Due keys whose neighbourhoods this node has to look up before a round can take them, oldest first, at most
    /// [`FAR_KEYS_MAX`]; none where it did that less than [`LOCATING_REST_SEC`] ago. `peers` is what the host's
    /// `kad.neighborhood` returned when it was asked for [`PEERS_MAX`].
    ///
    /// # Errors
    /// [`CallError`]; for anybody but the host.
    pub fn get_far_keys(
        &mut self,
        peers: Vec<String>,
        stale_sec: u64,
        current_timestamp_sec: u64,
    ) -> Result<FarKeys, CallError> {
        self.caller.check_host("get_far_keys")?;
        let now = self.caller.host_timestamp(2, current_timestamp_sec)?;
        check_count("peers", peers.len(), PEERS_MAX)?;
        let due = self.due_ids(stale_sec, now)?;
        if due.is_empty() || !self.located.is_time(now) {
            return Ok(FarKeys::of(Vec::new()));
        }
        let table = RoutingTable::new(peers, self.here());
        let Some(horizon) = table.horizon() else {
            return Ok(FarKeys::of(Vec::new()));
        };
        let unknown = due.iter().filter(|id| self.is_to_be_located(id, &horizon, now));
        let key_ids: Vec<String> = unknown.take(FAR_KEYS_MAX).map(KeyId::to_string).collect();
        if !key_ids.is_empty() {
            self.located.note_begun(now);
        }
        Ok(FarKeys::of(key_ids))
    }

    /// Notes the closest nodes to a far key. They count for [`LOCATED_SEC`].
    ///
    /// # Errors
    /// [`CallError`]; for anybody but the host.
    pub fn note_neighbours(
        &mut self,
        key_id: &str,
        peers: Vec<String>,
        current_timestamp_sec: u64,
    ) -> Result<(), CallError> {
        self.caller.check_host("note_neighbours")?;
        let now = self.caller.host_timestamp(2, current_timestamp_sec)?;
        let near = near(key_id, peers, self.here())?;
        self.located.note(KeyId::parse(key_id)?, near, now);
        Ok(())
    }

    /// Leaves out what is to be looked up first. Where too much waits for that, the rest is put off: far keys, of which
    /// anybody can make many, must not keep others waiting. To the closest that are known here they never go: those would
    /// have to give them on.
    pub(super) fn ready(
        &mut self,
        ids: Vec<KeyId>,
        table: &RoutingTable,
        stale_sec: u64,
        now: HostTimestamp,
    ) -> Result<Ready, CallError> {
        let Some(horizon) = table.horizon() else {
            return Ok(Ready {
                ids,
                far: BTreeSet::new(),
            });
        };
        let (waiting, ids): (Vec<KeyId>, Vec<KeyId>) =
            ids.into_iter().partition(|id| self.is_to_be_located(id, &horizon, now));
        let far = ids.iter().filter(|id| horizon.is_far(id)).copied().collect();
        if let Some(put_off) = waiting.get(FAR_WAITING_MAX..) {
            self.store.lease(put_off, now, stale_sec)?;
        }
        Ok(Ready { ids, far })
    }

    fn is_to_be_located(&self, key_id: &KeyId, horizon: &Horizon<'_>, now: HostTimestamp) -> bool {
        self.located.peers(key_id, now).is_none() && horizon.is_far(key_id)
    }
}
