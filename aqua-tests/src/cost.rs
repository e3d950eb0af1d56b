//! What a call costs, and whether a document says so.

use std::time::Duration;

use serde_json::Value;

use crate::{Scene, TTL_MS};

/// With links of this much, a round trip takes 100 ms.
pub const LINK: Duration = Duration::from_millis(50);
const ROUND_TRIP_MS: u64 = 100;
/// How far from it a figure may be: the scripts of two calls that differ in a peer id differ in bytes, too.
const TOLERATED_PERCENT: u64 = 5;

/// All bytes that travel until the particle's end, and round trips until the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    pub kib: u64,
    pub trips: u64,
}

/// Calls a function as the first client; all its results, and its cost.
///
/// # Panics
/// Where the call fails.
pub fn measure(scene: &mut Scene, function: &str, args: &[Value]) -> (Vec<Value>, Cost) {
    let handle = scene.start(scene.client, function, args);
    let reply = scene.wait(&handle);
    // Once the particle has expired nobody counts any more.
    let rest_ms = u64::from(TTL_MS) - 1 - reply.latency_ms();
    scene
        .network
        .advance(Duration::from_millis(rest_ms))
        .expect("nobody objects");
    let bytes = scene.network.stats(&handle).expect("it has not expired").bytes;
    let cost = Cost {
        kib: bytes.div_ceil(1024),
        trips: reply.latency_ms().div_ceil(ROUND_TRIP_MS),
    };
    (reply.values, cost)
}

/// All that a document's tables state: a call in backquotes, KiB and round trips in cells beside each other.
fn stated(document: &str) -> Vec<(&str, Cost)> {
    let number = |cell: &str| cell.replace(',', "").parse::<u64>().ok();
    let mut found = Vec::new();
    for line in document.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        for cell in cells.windows(3) {
            let call = cell[0].strip_prefix('`').and_then(|call| call.strip_suffix('`'));
            if let (Some(call), Some(kib), Some(trips)) = (call, number(cell[1]), number(cell[2])) {
                found.push((call, Cost { kib, trips }));
            }
        }
    }
    found
}

/// That a document states what was measured, wherever it names the call.
///
/// # Panics
/// Where it says otherwise, or nothing.
pub fn assert_stated(document: &str, measured: &[(&str, Cost)]) {
    let stated = stated(document);
    let mut wrong = Vec::new();
    for (call, cost) in measured {
        println!("| `{call}` | {} | {} |", cost.kib, cost.trips);
        let of_call: Vec<&Cost> = stated
            .iter()
            .filter(|(name, _)| name == call)
            .map(|(_, cost)| cost)
            .collect();
        let holds = |said: &&Cost| {
            cost.kib.abs_diff(said.kib) * 100 <= said.kib * TOLERATED_PERCENT && cost.trips == said.trips
        };
        if of_call.is_empty() || !of_call.iter().all(holds) {
            wrong.push(format!("`{call}`: {cost:?}, stated: {of_call:?}"));
        }
    }
    assert!(wrong.is_empty(), "the document says otherwise: {wrong:#?}");
}
