use crate::auth::AuthError;
use crate::domain::Error;
use crate::store::{SaveError, StoreError};

/// Why a call was refused or failed. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error(transparent)]
    Unproved(#[from] AuthError),
    #[error(transparent)]
    Refused(#[from] Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SaveError> for CallError {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Unfit(error) => Self::Refused(error),
            SaveError::Store(error) => Self::Store(error),
        }
    }
}
