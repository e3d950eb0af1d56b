//! AquaVM: one interpreter for all peers, because it keeps no state between calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use avm_server::avm_runner::{AVMRunner, RawAVMOutcome};
use avm_server::{AVMRuntimeLimits, CallResults};
use fluence_keypair::KeyPair;
use marine_host::{MarineHost, WasmBackend};

use crate::error::NetworkError;
use crate::particle::Particle;

/// Beyond this the interpreter is replaced: its linear memory never shrinks.
const MEMORY_BYTES_MAX: usize = 512 << 20;

pub(crate) struct Avm {
    runner: AVMRunner<WasmBackend>,
    host: Arc<MarineHost>,
}

/// One run of a particle's script on one peer.
pub(crate) struct Run<'a> {
    /// Script, initiator and times; `particle.data` is what arrived.
    pub(crate) particle: &'a Particle,
    pub(crate) previous_data: Vec<u8>,
    pub(crate) data: Vec<u8>,
    pub(crate) peer_id: &'a str,
    pub(crate) key_pair: &'a KeyPair,
    pub(crate) results: CallResults,
}

impl Avm {
    pub(crate) fn start(host: Arc<MarineHost>) -> Result<Self, NetworkError> {
        let runner = start_runner(&host)?;
        Ok(Self { runner, host })
    }

    pub(crate) fn run(&mut self, run: Run<'_>) -> Result<(RawAVMOutcome, Duration), NetworkError> {
        let since = Instant::now();
        let particle = run.particle;
        let call = self.runner.call(
            &*particle.script,
            run.previous_data,
            run.data,
            &*particle.init_peer_id,
            particle.timestamp,
            particle.ttl,
            run.peer_id,
            run.results,
            run.key_pair,
            particle.id.to_string(),
        );
        let outcome = self.host.runtime().block_on(call).map_err(avm_error)?;
        let elapsed = since.elapsed();
        if self.runner.memory_stats().memory_size > MEMORY_BYTES_MAX {
            self.runner = start_runner(&self.host)?;
        }
        Ok((outcome, elapsed))
    }
}

fn start_runner(host: &MarineHost) -> Result<AVMRunner<WasmBackend>, NetworkError> {
    let wasm = host.module_file(air_interpreter_wasm::INTERPRETER_WASM)?;
    let limits = AVMRuntimeLimits::default();
    let start = AVMRunner::new(wasm, None, limits, 0, host.backend());
    host.runtime().block_on(start).map_err(avm_error)
}

fn avm_error(error: avm_server::RunnerError) -> NetworkError {
    NetworkError::Avm(error.to_string())
}
