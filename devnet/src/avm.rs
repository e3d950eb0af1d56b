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
/// How long one run may take on a host that can interrupt it: scripts of strangers may loop.
const RUN_TIME_MAX: Duration = Duration::from_secs(2);

pub(crate) struct Avm {
    runner: AVMRunner<WasmBackend>,
    host: Arc<MarineHost>,
    scripts: Scripts,
}

/// Whose scripts are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scripts {
    Own,
    /// Their memory and sizes have limits.
    Strangers,
}

/// Linear memory that a script of strangers gets.
const STRANGERS_MEMORY_BYTES_MAX: u64 = 1 << 30;
/// What else a script of strangers gets, in bytes.
const STRANGERS_LIMITS: AVMRuntimeLimits = AVMRuntimeLimits {
    air_size_limit: Some(1 << 20),
    particle_size_limit: Some(8 << 20),
    call_result_size_limit: Some(4 << 20),
    hard_limit_enabled: true,
};

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
    pub(crate) fn start(host: Arc<MarineHost>, scripts: Scripts) -> Result<Self, NetworkError> {
        let runner = start_runner(&host, scripts)?;
        Ok(Self { runner, host, scripts })
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
        let outcome = match self.host.run_within(RUN_TIME_MAX, call) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => return Err(self.start_anew(&error)),
            Err(timed_out) => return Err(self.start_anew(&timed_out)),
        };
        let elapsed = since.elapsed();
        if self.runner.memory_stats().memory_size > MEMORY_BYTES_MAX {
            self.runner = start_runner(&self.host, self.scripts)?;
        }
        Ok((outcome, elapsed))
    }
}

impl Avm {
    /// The interpreter may have been left in the middle of anything.
    fn start_anew(&mut self, cause: &dyn std::fmt::Display) -> NetworkError {
        match start_runner(&self.host, self.scripts) {
            Ok(runner) => {
                self.runner = runner;
                NetworkError::Avm(cause.to_string())
            }
            Err(error) => error,
        }
    }
}

fn start_runner(host: &MarineHost, scripts: Scripts) -> Result<AVMRunner<WasmBackend>, NetworkError> {
    let wasm = host.module_file(air_interpreter_wasm::INTERPRETER_WASM)?;
    let (memory, limits) = match scripts {
        Scripts::Own => (None, AVMRuntimeLimits::default()),
        Scripts::Strangers => (Some(STRANGERS_MEMORY_BYTES_MAX), STRANGERS_LIMITS),
    };
    let start = AVMRunner::new(wasm, memory, limits, 0, host.backend());
    host.runtime().block_on(start).map_err(avm_error)
}

fn avm_error(error: avm_server::RunnerError) -> NetworkError {
    NetworkError::Avm(error.to_string())
}
