use super::error::Error;

/// A weight as it comes as an argument: wider than a `u32`, because Marine ends a call whose `u32` is above `i32::MAX`.
///
/// # Errors
/// [`Error::WeightOutOfRange`].
pub fn check_weight(given: i64) -> Result<u32, Error> {
    u32::try_from(given).map_err(|_| Error::WeightOutOfRange { given })
}
