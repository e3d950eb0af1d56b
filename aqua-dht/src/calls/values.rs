use marine_rs_sdk::SecurityTetraplet;
use registry_service::store::Backend;

use super::{Call, CallError};
use crate::domain::data::DhtRecord;
use crate::domain::{check_passed_on, check_weight, quoted, Error};

/// Functions of this service whose untouched result says that a node has taken a value of its own.
const PUT_HOST_VALUE: [&str; 2] = ["put_host_value", "put_host_value_relay"];
const SERVICE: &str = "aqua-dht";

/// What `put_host_value` returned on the node whose value it is.
#[derive(Debug, Clone)]
pub struct HostValue {
    pub key: String,
    pub records: Vec<DhtRecord>,
}

/// What a caller says of a value; the rest follows from who calls.
#[derive(Debug, Default, Clone)]
pub struct Said {
    pub value: String,
    pub relay_id: Vec<String>,
    pub service_id: Vec<String>,
    pub weight: i64,
}

impl<B: Backend> Call<'_, B> {
    /// Puts a value of the particle's initiator.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn put_value(&mut self, key: &str, said: Said, now: u64) -> Result<(), CallError> {
        self.change(key, (2, now), |topic, at| {
            topic.put(record(said, at.caller, at.caller, at.now)?, at)
        })
    }

    /// Puts a value of this node, in the name of the particle's initiator.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn put_host_value(&mut self, key: &str, said: Said, now: u64) -> Result<HostValue, CallError> {
        self.change(key, (2, now), |topic, at| {
            let record = record(said, at.host, at.caller, at.now)?;
            topic.put(record.clone(), at)?;
            Ok(HostValue {
                key: key.to_owned(),
                records: vec![record],
            })
        })
    }

    /// Takes in what `put_host_value` returned on the node whose value it is. Position 0 must prove that.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn propagate_host_value(
        &mut self,
        result: Result<HostValue, String>,
        now: u64,
        weight: i64,
    ) -> Result<(), CallError> {
        let weight = check_weight(weight)?;
        let hosted = result.map_err(|error| Error::HostValueFailed { error: quoted(&error) })?;
        let count = hosted.records.len();
        let Ok([record]) = <[DhtRecord; 1]>::try_from(hosted.records) else {
            return Err(Error::NotOneHostValue { count }.into());
        };
        let from = &record.peer_id;
        self.check_host_value(from)?;
        self.change(&hosted.key, (1, now), |topic, at| {
            check_passed_on(record.timestamp_created, "the value", at)?;
            topic.put(DhtRecord { weight, ..record }, at)
        })
    }

    /// Whether argument 0 is what this service returned on that very node: its word for the value.
    fn check_host_value(&self, peer_id: &str) -> Result<(), Error> {
        let given = self.parameters.tetraplets.first().and_then(|items| items.first());
        let expected = |function: &&str| given == Some(&SecurityTetraplet::new(peer_id, SERVICE, *function, ""));
        if PUT_HOST_VALUE.iter().any(expected) {
            return Ok(());
        }
        Err(Error::UnprovedHostValue {
            peer_id: quoted(peer_id),
        })
    }

    /// # Errors
    /// [`CallError`].
    pub fn renew_host_value(&mut self, key: &str, now: u64) -> Result<(), CallError> {
        self.change(key, (1, now), |topic, at| topic.renew_own_value(at))
    }

    /// # Errors
    /// [`CallError`].
    pub fn clear_host_value(&mut self, key: &str, now: u64) -> Result<(), CallError> {
        self.change(key, (1, now), |topic, at| topic.clear_own_value(at))
    }

    /// The live values of a key, the heaviest first.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn get_values(&mut self, key: &str, now: u64) -> Result<Vec<DhtRecord>, CallError> {
        self.change(key, (1, now), |topic, at| Ok(topic.values(at)))
    }

    /// Takes in values that another node passes on; how many were new here.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn republish_values(&mut self, key: &str, records: Vec<DhtRecord>, now: u64) -> Result<u64, CallError> {
        self.change(key, (2, now), |topic, at| topic.take_in(records, at))
    }
}

fn record(said: Said, peer_id: &str, set_by: &str, now: u64) -> Result<DhtRecord, Error> {
    Ok(DhtRecord {
        value: said.value,
        peer_id: peer_id.to_owned(),
        set_by: set_by.to_owned(),
        relay_id: said.relay_id,
        service_id: said.service_id,
        timestamp_created: now,
        weight: check_weight(said.weight)?,
    })
}
