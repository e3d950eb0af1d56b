//! The exported functions and their result types, nothing else.

// The macro wants everything `pub`, in a binary.
#![allow(unreachable_pub)]
// Only the module exports them.
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]

mod keys;
mod results;
mod upkeep;
mod values;

use std::cell::Cell;

use aqua_dht::calls::{Call, CallError};
use aqua_dht::store::Store;
#[cfg(target_arch = "wasm32")]
use registry_service::store::{move_aside, MarineBackend};
// On every other target the exports exist to be type-checked.
#[cfg(not(target_arch = "wasm32"))]
use registry_service::store::{move_aside, NativeBackend as MarineBackend};

/// Kept over restarts, unlike `/tmp`.
const DATABASE: &str = "/storage/aqua-dht.sqlite";

thread_local! {
    /// Open from the first call on. None while a call has it: if the host aborts a call, the next one opens it again.
    static STORE: Cell<Option<Store<MarineBackend>>> = const { Cell::new(None) };
}

/// One call with the parameters that Marine holds for it.
fn call<T>(work: impl FnOnce(Call<'_, MarineBackend>) -> Result<T, CallError>) -> Result<T, CallError> {
    let mut store = match STORE.take() {
        Some(store) => store,
        None => Store::open(DATABASE)?,
    };
    let outcome = work(Call::new(&mut store, marine_rs_sdk::get_call_parameters()));
    match &outcome {
        Err(CallError::Store(error)) if error.is_damaged_file() => {
            // What SQLite notices only while it reads may not show when the file is opened again.
            drop(store);
            eprintln!("aqua-dht: {DATABASE} is damaged: {error}");
            move_aside(DATABASE)?;
        }
        _ => STORE.set(Some(store)),
    }
    outcome
}
