//! Discovery without a network: the registry as a value, the DHT as a map, and a clock that the tests move.

mod advertise;
mod call;
mod dht;
mod discover;
mod documentation;
mod properties;
mod registry;
mod stage;
