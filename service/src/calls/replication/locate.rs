//! Keys that lie far from this node: its own records, above all. The node knows few of the closest to them, so it looks
//! those up before a round takes them, in a script of its own (see [`Located`](crate::domain::Located)).

use super::ReplicaStep;
use crate::calls::publish::near;
use crate::calls::{Call, CallError};
use crate::domain::{HostTimestamp, KeyId, RoutingTable};
use crate::store::Backend;

impl<B: Backend> Call<'_, B> {
    /// The keys near enough that the table holds their neighbours; those far away whose neighbours were looked up; those
    /// whose neighbours were not. To the closest that are known here these never go: those would have to give them on.
    pub(super) fn by_distance(
        &self,
        ids: &[KeyId],
        table: &RoutingTable,
        now: HostTimestamp,
    ) -> (Vec<KeyId>, Vec<KeyId>, Vec<KeyId>) {
        let horizon = table.horizon();
        let is_far = |id: &&KeyId| horizon.as_ref().is_some_and(|horizon| horizon.is_far(id));
        let (far, near): (Vec<&KeyId>, Vec<&KeyId>) = ids.iter().partition(is_far);
        let is_located = |id: &&KeyId| self.replication.located.peers(id, now).is_some();
        let (located, unknown): (Vec<&KeyId>, Vec<&KeyId>) = far.into_iter().partition(is_located);
        let owned = |ids: Vec<&KeyId>| ids.into_iter().copied().collect();
        (owned(near), owned(located), owned(unknown))
    }

    /// Has these looked up. They are due as soon as that is done.
    pub(super) fn locate(&mut self, unknown: &[KeyId], now: HostTimestamp) -> ReplicaStep {
        self.replication.has_located = true;
        self.lease(unknown, now);
        // The script goes on as in every round: with no keys.
        let number = self.begin_round(Vec::new(), now).number;
        let far: Vec<String> = unknown.iter().map(KeyId::to_string).collect();
        ReplicaStep {
            last: vec![far.len() as u32 - 1],
            far,
            ..ReplicaStep::new(number, Vec::new(), String::new())
        }
    }

    /// Notes the closest nodes to a far key. They count for the next round that takes it, for at most [`LOCATED_SEC`].
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
        let key_id = KeyId::parse(key_id)?;
        self.replication.located.note(key_id, near, now);
        self.replication.leases.end(&key_id);
        Ok(())
    }
}
