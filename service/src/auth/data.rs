use marine_rs_sdk::marine;
use serde::{Deserialize, Serialize};

/// What trust-graph's `get_weight` returns.
#[marine]
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightResult {
    pub success: bool,
    pub weight: u32,
    pub peer_id: String,
    pub error: String,
}
