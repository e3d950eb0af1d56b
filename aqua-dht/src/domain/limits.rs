//! The maximum of everything. What is larger is refused before anything else is looked at.

/// Values of clients under one key; the lightest makes room for a heavier one.
pub const VALUES_MAX: usize = 20;
/// Values of nodes under one key, beside those of clients.
pub const HOST_VALUES_MAX: usize = 256;
/// Keys on one node.
pub const KEYS_MAX: u64 = 100_000;
/// Bytes of a key: the most that Kademlia takes for a place.
pub const KEY_LEN_MAX: usize = 64;
/// Bytes of a value.
pub const VALUE_LEN_MAX: usize = 4_096;
/// Bytes of a peer id.
pub const PEER_ID_LEN_MAX: usize = 128;
/// Bytes of a service id.
pub const SERVICE_ID_LEN_MAX: usize = 128;
/// Relays, and services, of one value.
pub const IDS_MAX: usize = 1;
/// Values in one call: what one node can have of a key.
pub const BATCH_MAX: usize = VALUES_MAX + HOST_VALUES_MAX;
/// Answers in one merge.
pub const ANSWERS_MAX: usize = 64;
/// Keys that one `evict_stale` returns: the script that hands them over carries all of them to 20 nodes for each.
pub const EVICT_KEYS_MAX: usize = 16;
/// Bytes of values that one `evict_stale` returns, where more than one key has some.
pub const EVICT_BYTES_MAX: usize = 65_536;
/// Keys that one `clear_expired` looks at.
pub const CLEAR_KEYS_MAX: usize = 10_000;
/// How far a timestamp of another node may be ahead, in seconds: the clocks of two nodes differ.
pub const CLOCK_SKEW_MAX_SEC: u64 = 30;
/// Timeouts that can be set, in seconds: from a minute to ten years.
pub const TIMEOUT_MIN_SEC: u64 = 60;
pub const TIMEOUT_MAX_SEC: u64 = 315_360_000;
/// A key is stale when it was not used for so many seconds.
pub const STALE_TIMEOUT_DEFAULT_SEC: u64 = 3_600;
/// A key or a client's value ends after so many seconds.
pub const EXPIRED_TIMEOUT_DEFAULT_SEC: u64 = 86_400;
/// A value of the node itself ends there after so many seconds.
pub const HOST_EXPIRED_TIMEOUT_DEFAULT_SEC: u64 = 864_000;
