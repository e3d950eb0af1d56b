//! All that a node holds of one key, and what may become of it.

use super::data::{DhtKey, DhtRecord};
use super::error::{check_count, check_len, quoted, Error};
use super::limits::*;
use super::merge::is_later;
use super::time::{check_not_ahead, is_over, Timeouts};

/// The circumstances of a call.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// Who started the particle.
    pub caller: &'a str,
    /// This node.
    pub host: &'a str,
    /// Seconds since 1970, on this node.
    pub now: u64,
    pub timeouts: Timeouts,
}

impl At<'_> {
    fn key_expired(&self, key: &DhtKey) -> bool {
        is_over(key.timestamp_created, self.timeouts.expired_sec, self.now)
    }

    /// A value of this very node lives longer here, because it renews it.
    fn expired(&self, record: &DhtRecord) -> bool {
        let timeout_sec = if record.peer_id == self.host {
            self.timeouts.host_expired_sec
        } else {
            self.timeouts.expired_sec
        };
        is_over(record.timestamp_created, timeout_sec, self.now)
    }
}

/// A key with its values. No two values have the same peer and setter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    pub key: DhtKey,
    /// When the key was last used here: what is not used becomes stale.
    pub accessed_at: u64,
    pub records: Vec<DhtRecord>,
}

impl Topic {
    /// # Errors
    /// [`Error`] for an oversized or empty key.
    pub fn new(key: DhtKey, accessed_at: u64) -> Result<Self, Error> {
        check_key(&key.key)?;
        check_peer_id("peer_id", &key.peer_id)?;
        Ok(Self {
            key,
            accessed_at,
            records: Vec::new(),
        })
    }

    /// A key that nobody registered for long is as good as absent, unless this node itself is under it.
    pub fn is_dead(&self, at: &At<'_>) -> bool {
        at.key_expired(&self.key) && !self.has_own_value(at)
    }

    fn has_own_value(&self, at: &At<'_>) -> bool {
        let mut own = self.records.iter().filter(|record| record.peer_id == at.host);
        own.any(|record| !at.expired(record))
    }

    pub fn is_stale(&self, at: &At<'_>) -> bool {
        is_over(self.accessed_at, at.timeouts.stale_sec, at.now)
    }

    /// The owner registers again; the later time stands.
    ///
    /// # Errors
    /// [`Error::KeyOfAnother`].
    pub fn register(&mut self, key: DhtKey, at: &At<'_>) -> Result<(), Error> {
        if self.key.peer_id != key.peer_id {
            return Err(Error::KeyOfAnother {
                key: quoted(&self.key.key),
                owner: quoted(&self.key.peer_id),
                peer_id: quoted(&key.peer_id),
            });
        }
        self.accessed_at = at.now;
        if key.timestamp_created >= self.key.timestamp_created {
            self.key.timestamp_created = key.timestamp_created;
            self.key.weight = key.weight;
        }
        Ok(())
    }

    /// Another node brings the key. Of two owners the older one stays, of one owner the later registration; what this node
    /// pinned stays pinned.
    pub fn republish(&mut self, key: DhtKey) {
        let replaces = if key.peer_id == self.key.peer_id {
            key.timestamp_created > self.key.timestamp_created
        } else {
            (key.timestamp_created, &key.peer_id) < (self.key.timestamp_created, &self.key.peer_id)
        };
        if replaces {
            self.key = DhtKey {
                pinned: self.key.pinned,
                ..key
            };
        }
    }

    /// # Errors
    /// [`Error::NotTheOwner`].
    pub fn pin(&mut self, pinned: bool, at: &At<'_>) -> Result<(), Error> {
        if at.caller != self.key.peer_id && at.caller != at.host {
            return Err(Error::NotTheOwner {
                key: quoted(&self.key.key),
                owner: quoted(&self.key.peer_id),
                peer_id: quoted(at.caller),
            });
        }
        self.key.pinned = pinned;
        Ok(())
    }

    /// Puts a value in place of the one with the same peer and setter. Values of nodes have room of their own.
    ///
    /// # Errors
    /// [`Error::ValuesLimit`], [`Error::HostValuesLimit`], and what [`check_record`] finds.
    pub fn put(&mut self, record: DhtRecord, at: &At<'_>) -> Result<(), Error> {
        check_record(&record)?;
        self.drop_expired(at);
        match self.position(&record) {
            Some(position) => self.records[position] = record,
            None => {
                self.make_room(&record, at)?;
                self.records.push(record);
            }
        }
        Ok(())
    }

    fn position(&self, record: &DhtRecord) -> Option<usize> {
        self.records
            .iter()
            .position(|held| held.identity() == record.identity())
    }

    fn make_room(&mut self, record: &DhtRecord, at: &At<'_>) -> Result<(), Error> {
        let of_nodes = is_of_node(record, at);
        let alike = || self.records.iter().filter(|held| is_of_node(held, at) == of_nodes);
        if of_nodes {
            if alike().count() >= HOST_VALUES_MAX {
                return Err(Error::HostValuesLimit {
                    key: quoted(&self.key.key),
                });
            }
            return Ok(());
        }
        if alike().count() < VALUES_MAX {
            return Ok(());
        }
        let lightest = alike().min_by_key(|held| (held.weight, held.timestamp_created, held.identity()));
        match lightest.map(|held| held.weight) {
            Some(weight) if weight < record.weight => {
                let leaving = lightest.cloned();
                self.records.retain(|held| Some(held) != leaving.as_ref());
                Ok(())
            }
            weight => Err(Error::ValuesLimit {
                key: quoted(&self.key.key),
                lightest: weight.unwrap_or_default(),
                weight: record.weight,
            }),
        }
    }

    /// Takes in values that another node passes on, the last write of each (peer, set_by); how many were new here. What has
    /// expired, is dated ahead, does not fit or claims to be of this very node is passed over.
    ///
    /// # Errors
    /// [`Error::TooMany`], and what [`check_record`] finds: nothing is taken in then.
    pub fn take_in(&mut self, records: Vec<DhtRecord>, at: &At<'_>) -> Result<u64, Error> {
        check_count("values", records.len(), BATCH_MAX)?;
        records.iter().try_for_each(check_record)?;
        self.drop_expired(at);
        let mut updated = 0;
        for record in records {
            let ahead = check_not_ahead(record.timestamp_created, at.now).is_err();
            if record.peer_id == at.host || at.expired(&record) || ahead {
                continue;
            }
            match self.position(&record) {
                Some(position) if is_later(&record, &self.records[position]) => self.records[position] = record,
                Some(_) => continue,
                None if self.make_room(&record, at).is_ok() => self.records.push(record),
                None => continue,
            }
            updated += 1;
        }
        Ok(updated)
    }

    /// The value of this node that the caller has put.
    ///
    /// # Errors
    /// [`Error::NoHostValue`].
    fn own_value(&self, at: &At<'_>) -> Result<usize, Error> {
        let found = self
            .records
            .iter()
            .position(|record| record.identity() == (at.host, at.caller) && !at.expired(record));
        found.ok_or_else(|| Error::NoHostValue {
            key: quoted(&self.key.key),
            set_by: quoted(at.caller),
        })
    }

    /// # Errors
    /// [`Error::NoHostValue`].
    pub fn renew_own_value(&mut self, at: &At<'_>) -> Result<(), Error> {
        let position = self.own_value(at)?;
        self.records[position].timestamp_created = at.now;
        Ok(())
    }

    /// # Errors
    /// [`Error::NoHostValue`].
    pub fn clear_own_value(&mut self, at: &At<'_>) -> Result<(), Error> {
        let position = self.own_value(at)?;
        self.records.remove(position);
        Ok(())
    }

    /// The live values, the heaviest first.
    pub fn values(&self, at: &At<'_>) -> Vec<DhtRecord> {
        let mut live: Vec<DhtRecord> = self.records.iter().filter(|held| !at.expired(held)).cloned().collect();
        sort_by_weight(&mut live);
        live
    }

    /// Removes values that have expired; how many.
    pub fn drop_expired(&mut self, at: &At<'_>) -> u64 {
        let before = self.records.len();
        self.records.retain(|record| !at.expired(record));
        (before - self.records.len()) as u64
    }

    /// What eviction leaves of a stale key: this node's own values, the key if those or a pin hold it. None where nothing
    /// is left.
    pub fn evict(mut self, at: &At<'_>) -> Option<Self> {
        self.records
            .retain(|record| record.peer_id == at.host && !at.expired(record));
        let stays = self.key.pinned || !self.records.is_empty();
        // So that it is not stale at once again.
        self.accessed_at = at.now;
        stays.then_some(self)
    }
}

/// A client puts values of its own only, so what somebody else has put is the value of a node; and what is of this very
/// node, whoever put it.
fn is_of_node(record: &DhtRecord, at: &At<'_>) -> bool {
    record.set_by != record.peer_id || record.peer_id == at.host
}

/// # Errors
/// [`Error::FromFuture`], [`Error::Expired`].
pub fn check_passed_on(timestamp_created: u64, what: &'static str, at: &At<'_>) -> Result<(), Error> {
    check_not_ahead(timestamp_created, at.now)?;
    if is_over(timestamp_created, at.timeouts.expired_sec, at.now) {
        return Err(Error::Expired {
            what,
            timestamp_created,
            now: at.now,
        });
    }
    Ok(())
}

/// # Errors
/// [`Error::Empty`], [`Error::TooLong`].
pub fn check_key(key: &str) -> Result<(), Error> {
    if key.is_empty() {
        return Err(Error::Empty { what: "the key" });
    }
    check_len("key", key.len(), KEY_LEN_MAX)
}

/// # Errors
/// [`Error::Empty`], [`Error::TooLong`].
fn check_peer_id(what: &'static str, peer_id: &str) -> Result<(), Error> {
    if peer_id.is_empty() {
        return Err(Error::Empty { what });
    }
    check_len(what, peer_id.len(), PEER_ID_LEN_MAX)
}

/// # Errors
/// [`Error::Empty`], [`Error::TooLong`], [`Error::TooMany`].
fn check_record(record: &DhtRecord) -> Result<(), Error> {
    check_len("value", record.value.len(), VALUE_LEN_MAX)?;
    check_peer_id("peer_id", &record.peer_id)?;
    check_peer_id("set_by", &record.set_by)?;
    check_count("relay ids", record.relay_id.len(), IDS_MAX)?;
    check_count("service ids", record.service_id.len(), IDS_MAX)?;
    for relay in &record.relay_id {
        check_len("relay id", relay.len(), PEER_ID_LEN_MAX)?;
    }
    for service in &record.service_id {
        check_len("service id", service.len(), SERVICE_ID_LEN_MAX)?;
    }
    Ok(())
}

/// The heaviest first, then the latest; the rest decides so that every node says the same.
pub(super) fn sort_by_weight(records: &mut [DhtRecord]) {
    records.sort_by(|a, b| {
        let rank = |record: &DhtRecord| (record.weight, record.timestamp_created);
        rank(b).cmp(&rank(a)).then_with(|| a.cmp(b))
    });
}
