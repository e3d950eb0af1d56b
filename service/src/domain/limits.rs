//! Every maximum the service enforces. Lengths are in bytes, counts in items.
//!
//! A value above its maximum is refused with [`Error::TooLong`](super::Error::TooLong) or
//! [`Error::TooMany`](super::Error::TooMany) before anything else is looked at.

/// Label of a key.
pub const LABEL_LEN_MAX: usize = 512;
/// Challenge of a key.
pub const CHALLENGE_LEN_MAX: usize = 1024;
/// Challenge type of a key.
pub const CHALLENGE_TYPE_LEN_MAX: usize = 64;
/// Value of a record.
pub const VALUE_LEN_MAX: usize = 4096;
/// Solution of a record or tombstone.
pub const SOLUTION_LEN_MAX: usize = 1024;
/// A peer id in base58. Ed25519 and secp256k1 ids have 52 or 53 characters, RSA ids 46.
pub const PEER_ID_LEN_MAX: usize = 64;
/// A key id in base58: 32 bytes never take more than 44 characters.
pub const KEY_ID_LEN_MAX: usize = 44;
/// A service id or alias.
pub const SERVICE_ID_LEN_MAX: usize = 128;
/// A signature. Ed25519 takes 64, secp256k1 up to 72, an RSA envelope (see `signature`) up to about 1,050.
pub const SIGNATURE_LEN_MAX: usize = 1200;

/// Relay ids of a record.
pub const RELAY_IDS_MAX: usize = 1;
/// Service ids of a record.
pub const SERVICE_IDS_MAX: usize = 1;
/// Owners named in one key registration; none stands for the particle's initiator.
pub const OWNERS_MAX: usize = 1;
/// Keys in a `publish`: the one that others know, and the one that its owner has signed now.
pub const PUBLISHED_KEYS_MAX: usize = 2;

/// Live records of a key, host records aside.
pub const RECORDS_PER_KEY_MAX: usize = 32;
/// Host records of a key on their own host: a bound against abuse, far above any use.
pub const HOST_RECORDS_PER_KEY_MAX: usize = 512;
/// Tombstones of a key; beyond it the one that would end first makes room.
pub const TOMBSTONES_PER_KEY_MAX: usize = 256;

/// Records or tombstones in one `republish_*` call: what one node can hold of one key.
pub const REPUBLISH_BATCH_MAX: usize = RECORDS_PER_KEY_MAX + HOST_RECORDS_PER_KEY_MAX;
/// Records in all lists of one `merge`.
pub const MERGE_RECORDS_MAX: usize = 16_384;
/// Lists in one `merge`, or keys in one `merge_keys`.
pub const MERGE_LISTS_MAX: usize = 256;
/// Peers that share a key: the closest to it. Kademlia's k, which is also the size of a bucket: a node knows those
/// around it.
pub const NEIGHBOURHOOD_MAX: usize = 20;
/// Peers among whom the closest are chosen: a routing table holds fewer in a network of 5,000 nodes.
pub const PEERS_MAX: usize = 256;
/// Nodes that are asked for closer ones.
pub const CLOSER_ASKED: usize = 5;
/// Of those that they name, the ones that are asked for the closest.
pub const CLOSEST_ASKED: usize = 3;
/// A node outside a key's neighbourhood need not keep it where so many of the neighbours hold it. Where 30 % of the nodes
/// leave in an hour all of them do with 7 in 100,000.
pub const HANDED_OVER_TO: usize = 8;
/// Keys that lie far from the node and whose neighbourhoods one script looks up.
pub const FAR_KEYS_MAX: usize = 4;
/// Far keys that one round takes where others are due, too: each has a neighbourhood of its own.
pub const FAR_KEYS_PER_ROUND: usize = 2;
/// Keys of which the node remembers the neighbourhoods that it has looked up.
pub const LOCATED_KEYS_MAX: usize = 256;
/// For how long it does, in seconds, unless a round takes the key before: until the next run of a host that replicates once
/// an hour, and the one after that.
pub const LOCATED_SEC: u64 = 7_200;
/// The nearest peers in a routing table of which certainly none is missing: it holds all of each bucket of 20 that is not
/// full, and where twice as many share this node's side, one is not.
pub const NEAR_PEERS: usize = 40;
/// Records that a reader names as held already.
pub const KNOWN_RECORDS_MAX: usize = 64;
/// Bytes of one packed key.
pub const PACKED_KEY_LEN_MAX: usize = 8 * 1024;
/// Bytes of an error text that one node answers about another's.
pub const NODE_ERROR_LEN_MAX: usize = 1_024;
/// Nodes that one error names where it is the same of several.
pub const ERROR_NODES_NAMED_MAX: usize = 10;
/// Records, results of `put_host_record` or tombstones that are published together.
pub const PUBLISHED_MAX: usize = RECORDS_PER_KEY_MAX;
/// Bytes of one packed list of records.
pub const PACKED_LEN_MAX: usize = 8 * 1024 * 1024;
/// Bytes that all packed lists of one call may unpack to.
pub const UNPACKED_LEN_MAX: usize = 32 * 1024 * 1024;
/// Keys that one `evict_stale` returns.
pub const EVICT_STALE_KEYS_MAX: usize = 100;
/// Records and tombstones that one `evict_stale` returns, unless a single key has more.
pub const EVICT_STALE_ENTRIES_MAX: usize = 2_000;
/// Host records that one `get_stale_local_records` returns.
pub const RENEW_BATCH_MAX: usize = 100;
/// Of these, records that are dated ahead.
pub const RENEW_AHEAD_MAX: usize = 25;
/// Keys of one round of replication.
pub const REPLICA_KEYS_MAX: usize = 1_024;
/// Records and tombstones of the keys of one round, unless a single key has more.
pub const REPLICA_ENTRIES_MAX: usize = 8_192;
/// Their bytes as they lie in the database, and those of 16 keys more.
pub const REPLICA_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Nodes that one round of replication asks, unless a single key has more neighbours.
pub const REPLICA_PEERS_MAX: usize = 64;
/// Records and tombstones in one bundle, unless a single key has more.
pub const BUNDLE_ENTRIES_MAX: usize = 1_024;
/// Bytes of one packed bundle. A key whose entries alone take more travels in parts.
pub const BUNDLE_LEN_MAX: usize = 512 * 1024;
/// Owners and issuers in a bundle, whose weights a node asks for before it takes it in.
pub const BUNDLE_ISSUERS_MAX: usize = 64;
/// Bytes of a list of digests, an answer to one or a receipt, in text.
pub const REPLICA_TEXT_LEN_MAX: usize = 256 * 1024;
/// Tags of one key that a neighbour names as held. One key has at most 289 (its registration, 32 records, 256 tombstones);
/// keys whose ids begin with the same bytes are named together.
pub const HELD_TAGS_MAX: usize = 1_024;
/// Nodes of which one item is fetched, in case that one does not answer or does not have what it named.
pub const FETCHED_FROM: usize = 2;
/// Nodes of which one round fetches: with [`FETCH_LEN_MAX`] that is the most that comes.
pub const FETCH_PEERS_MAX: usize = 8;
/// Tags that one node is asked for: more than those of one key, and more entries than [`FETCH_LEN_MAX`] holds.
pub const FETCH_ENTRIES_MAX: usize = 512;
/// Bytes of the bundle that is fetched of one node.
pub const FETCH_LEN_MAX: usize = 128 * 1024;
/// Keys that the statistics count as due, or as partial: so many stand for as many or more.
pub const BEHIND_COUNTED_MAX: u64 = 10_000;
/// Keys that are leased at a time: rounds of five minutes, and room for a few more.
pub const LEASED_KEYS_MAX: usize = 8_192;
/// For how many intervals others can put off that a node exchanges a key itself. Of 20 neighbours then 20 / 12 exchange
/// it in an interval on average, whatever anybody sends.
pub const POSTPONED_INTERVALS: u64 = 12;
/// A node that has not run, or that nobody has answered, for more intervals may have missed deletions. A restart is
/// shorter.
pub const AWAY_INTERVALS: u64 = 3;
/// By what part an interval is shorter or longer than another at most.
pub const SPREAD_ONE_IN: u64 = 10;
/// In how many steps: keys that are due at one time are written together.
pub const SPREAD_STEPS: u8 = 16;
/// How old a key is at most that nobody can hold more of than the node that it is registered at, in seconds: its
/// registration reaches all neighbours within the time to live of its particle.
pub const NEW_KEY_SEC: u64 = 60;
/// Rows of each kind that one `clear_expired` removes; call again while it reports that many.
pub const CLEAR_BATCH_MAX: usize = 10_000;

/// Bytes charged for a row beside those of the key, record or tombstone in it: its place in the table and the indices, and
/// the pages that are never quite full.
pub const ROW_OVERHEAD_BYTES: u64 = 192;
/// Default of how many bytes a node stores: about two million keys with a record of common size each.
pub const STORAGE_BYTES_DEFAULT: u64 = 2 << 30;
/// Smallest that can be set.
pub const STORAGE_BYTES_MIN: u64 = 1 << 20;
/// Largest that can be set.
pub const STORAGE_BYTES_MAX: u64 = 1 << 40;
/// Default of how many bytes a node stores for one owner: a thirty-second of all, about 60,000 keys with a record each.
pub const OWNER_BYTES_DEFAULT: u64 = 64 << 20;
/// Smallest that can be set: room for the largest key with a record.
pub const OWNER_BYTES_MIN: u64 = 64 << 10;
/// Host records without a proved weight on their own host. They live as long as the host renews them.
pub const HOST_RECORDS_MAX: usize = 10_000;
/// Keys that make room at once.
pub const ROOM_BATCH_KEYS: usize = 16;
/// How often one call makes room at most.
pub const ROOM_BATCHES_MAX: usize = 64;
/// Keys that one `clear_expired` removes because the limit was lowered.
pub const SHRINK_BATCH_KEYS: usize = 1_000;

/// Providers that are tried where one is enough.
pub const TRIES_MAX: usize = 3;

/// Records whose signatures this node remembers to be good: at most twice as many.
pub const VERIFIED_REMEMBERED_MAX: usize = 4_096;
/// Entries (and keys) that are kept in memory beside the database: at most twice as many.
pub const CACHED_ENTRIES_MAX: usize = 1_024;

/// How far ahead of this host's clock a signed timestamp may be, in seconds.
pub const CLOCK_SKEW_MAX_SEC: u64 = 30;
/// The largest timestamp there is: SQLite's integers are signed.
pub const TIMESTAMP_MAX: u64 = i64::MAX as u64;
/// A round is over by then, unless its particle was lost, in seconds: it waits three times for `DEFAULT_TIMEOUT`, 6 s. A run
/// that begins earlier leaves it alone.
pub const ROUND_SEC: u64 = 60;
/// How long a key that a round, or the host's own `evict_stale`, has taken is not taken again, in seconds: longer than
/// any round lives.
pub const LEASE_SEC: u64 = 300;

/// The shortest time for which a provider can be registered, in seconds.
pub const LEASE_MIN_SEC: u64 = 60;

/// Default of `expired_timeout`: 24 hours, as in 0.9.4, whose clients register daily.
pub const EXPIRED_TIMEOUT_DEFAULT_SEC: u64 = 86_400;
/// Default of `stale_timeout`: one hour, as in 0.9.4 and in nox. A record is then exchanged 24 times in its life.
pub const STALE_TIMEOUT_DEFAULT_SEC: u64 = 3_600;
/// Smallest timeout that can be set.
pub const TIMEOUT_MIN_SEC: u64 = 1;
/// Largest timeout that can be set: a year.
pub const TIMEOUT_MAX_SEC: u64 = 365 * 86_400;
