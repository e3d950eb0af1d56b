use crate::auth::AuthError;
use crate::domain::Error;
use crate::store::StoreError;

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
