//! Node providers: a client cannot have a node sign for it, so the node takes the client's metadata in as it is
//! (*unsigned*), its neighbours accept that on the proof that it did, and its own renewal signs it.

use super::{Call, CallError};
use crate::auth::WeightResult;
use crate::domain::data::{Record, RecordMetadata};
use crate::domain::limits::PEERS_MAX;
use crate::domain::{check_count, Admission, Arrival, KeyId};
use crate::store::Backend;

impl<B: Backend> Call<'_, B> {
    /// Makes this node a provider, on the issuer's signature alone. Returns the record that stands for these metadata: the
    /// unsigned one, or the one that this node has signed since.
    ///
    /// # Errors
    /// [`CallError`]; also where the issuer has said something later, or voided this.
    pub fn put_host_record(
        &mut self,
        metadata: RecordMetadata,
        weights: &[WeightResult],
        current_timestamp_sec: u64,
    ) -> Result<Record, CallError> {
        let now = self.caller.host_timestamp(2, current_timestamp_sec)?;
        check_count("weights", weights.len(), PEERS_MAX)?;
        let weight = self.caller.weight_of(1, weights, &metadata.issued_by)?;
        self.check_names_host(&metadata)?;
        let record = Record {
            timestamp_created: metadata.timestamp_issued,
            metadata,
            signature: Vec::new(),
        };
        let mut state = self.load(&KeyId::parse(&record.metadata.key_id)?)?;
        let record = state.verify(record, self.verifier)?;
        if !weight.is_positive() && state.held(&record).is_none() {
            self.store.check_room_for_host_record()?;
        }
        let admission = state.admit_record(record.clone(), weight, Arrival::Direct, &self.at(now))?;
        let standing = match admission {
            Admission::Stored | Admission::Known => record,
            Admission::Superseded(error) => match state.held(&record) {
                Some(held) if held.metadata == record.metadata => held.clone(),
                _ => return Err(error.into()),
            },
            Admission::Outranked(error) => return Err(error.into()),
        };
        state.note_use(&self.at(now));
        self.save(state, now)?;
        Ok(standing.into_inner())
    }

    /// Takes away what an issuer had this node provide under a key. Neighbours do not bring it back; the issuer may issue it
    /// anew.
    ///
    /// # Errors
    /// [`CallError`]; for anybody but the host and the service's creator, and where there is nothing to take away.
    pub fn remove_host_record(
        &mut self,
        key_id: &str,
        issued_by: &str,
        current_timestamp_sec: u64,
    ) -> Result<(), CallError> {
        self.caller.check_host_or_creator("remove_host_record")?;
        let now = self.caller.host_timestamp(2, current_timestamp_sec)?;
        let mut state = self.load(&KeyId::parse(key_id)?)?;
        state.remove_host_records(issued_by, &self.at(now))?;
        self.save(state, now)
    }
}
