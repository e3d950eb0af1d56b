//! The exported functions and their result types, nothing else: each decodes its arguments, makes one call and
//! encodes what came of it.

// The macro wants everything `pub`, in a binary.
#![allow(unreachable_pub)]
// Only the module exports them.
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]

mod hosting;
mod lookup;
mod plan;
mod publish;
mod reference;
mod replication;
mod results;
mod upkeep;

use std::cell::Cell;
use std::sync::Once;

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
    /// Open from the first call on. None while a call has it: where the host aborts a call, as it does at an error of the
    /// file system that WASI has no number for, the next call opens the database again.
    static REGISTRY: Cell<Option<Registry<MarineBackend>>> = const { Cell::new(None) };
}

static CANNOT_OPEN: Once = Once::new();

/// Where the database cannot be opened the service is there all the same: each call tries again, and says what is wrong.
/// What an operator should know goes to the host's standard error: a host need not offer a logger.
fn with_registry<T>(work: impl FnOnce(&mut Registry<MarineBackend>) -> Result<T, CallError>) -> Result<T, CallError> {
    let mut registry = match REGISTRY.take() {
        Some(registry) => registry,
        None => open().inspect_err(|error| {
            CANNOT_OPEN.call_once(|| eprintln!("registry: the database cannot be opened yet: {error}"));
        })?,
    };
    let outcome = work(&mut registry);
    match &outcome {
        Err(CallError::Store(error)) if error.is_damaged_file() => {
            // What SQLite notices only while it reads may not show when the file is opened again.
            drop(registry);
            eprintln!("registry: {DATABASE} is damaged: {error}");
            move_aside(DATABASE)?;
        }
        _ => REGISTRY.set(Some(registry)),
    }
    outcome
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
    with_registry(|registry| registry.call(caller, work))
}
