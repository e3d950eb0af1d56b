//! The exported functions and their result types, nothing else: each decodes its arguments, makes one call and
//! encodes what came of it.

// The macro wants everything `pub`, in a binary.
#![allow(unreachable_pub)]
// Only the module exports them.
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]

mod keys;
mod lookup;
mod publish;
mod records;
mod replication;
mod results;
mod tombstones;
mod upkeep;

use std::cell::RefCell;

use registry_service::auth::Caller;
use registry_service::calls::{Call, CallError, Registry};
#[cfg(target_arch = "wasm32")]
use registry_service::store::{move_aside, MarineBackend};
// On every other target the exports exist to be type-checked.
#[cfg(not(target_arch = "wasm32"))]
use registry_service::store::{move_aside, NativeBackend as MarineBackend};

/// Kept over restarts, unlike `/tmp`.
const DATABASE: &str = "/storage/registry.sqlite";

thread_local! {
    /// Open for the life of the service. None until the database could be opened.
    static REGISTRY: RefCell<Option<Registry<MarineBackend>>> = const { RefCell::new(None) };
}

/// Opens the database. Where that fails the service comes up all the same, each call tries again, and says what is
/// wrong. What an operator should know goes to the host's standard error: a host need not offer a logger.
pub(crate) fn start() {
    if let Err(error) = with_registry(|_| Ok(())) {
        eprintln!("registry: the database cannot be opened yet: {error}");
    }
}

fn with_registry<T>(work: impl FnOnce(&mut Registry<MarineBackend>) -> Result<T, CallError>) -> Result<T, CallError> {
    REGISTRY.with_borrow_mut(|slot| {
        let registry = match slot {
            Some(registry) => registry,
            None => slot.insert(open()?),
        };
        let outcome = work(registry);
        if let Err(CallError::Store(error)) = &outcome {
            if error.is_damaged_file() {
                // What SQLite notices only while it reads may not show when the file is opened again.
                *slot = None;
                eprintln!("registry: {DATABASE} is damaged: {error}");
                move_aside(DATABASE)?;
            }
        }
        outcome
    })
}

fn open() -> Result<Registry<MarineBackend>, CallError> {
    let registry = Registry::open(DATABASE)?;
    if let Some(notice) = registry.store().moved_aside() {
        eprintln!("registry: {notice}");
    }
    Ok(registry)
}

/// One call with the parameters that Marine holds for it.
fn call<T>(work: impl FnOnce(Call<'_, MarineBackend>) -> Result<T, CallError>) -> Result<T, CallError> {
    let caller = Caller::new(marine_rs_sdk::get_call_parameters());
    with_registry(|registry| work(registry.call(caller)?))
}
