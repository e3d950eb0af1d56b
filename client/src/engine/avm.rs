//! AquaVM: one interpreter on a thread of its own, for all clients of the process. It keeps no state between calls.

use std::sync::{mpsc, Arc, Mutex, Weak};

use avm_server::avm_runner::{AVMRunner, RawAVMOutcome};
use avm_server::{AVMRuntimeLimits, CallResults};
use fluence_keypair::KeyPair;
use marine_host::{MarineHost, WasmBackend};
use particle::Particle;
use tokio::sync::oneshot;

use crate::error::Error;

/// Beyond this the interpreter is replaced: its linear memory never shrinks.
const MEMORY_BYTES_MAX: usize = 256 << 20;

/// One run of a particle's script on the client.
pub(crate) struct Run {
    /// Script, initiator and times. Its data is what arrived.
    pub(crate) particle: Particle,
    pub(crate) previous_data: Vec<u8>,
    pub(crate) results: CallResults,
    pub(crate) peer_id: Arc<str>,
    pub(crate) key_pair: Arc<KeyPair>,
}

type Outcome = Result<RawAVMOutcome, String>;

pub(crate) struct Avm {
    runs: mpsc::Sender<(Run, oneshot::Sender<Outcome>)>,
}

impl Avm {
    /// The interpreter of this process, started if it is not there. It ends with the last client.
    pub(crate) async fn shared() -> Result<Arc<Self>, Error> {
        static SHARED: Mutex<Weak<Avm>> = Mutex::new(Weak::new());
        let upgraded = || SHARED.lock().expect("no holder panics").upgrade();
        if let Some(avm) = upgraded() {
            return Ok(avm);
        }
        let started = Self::start().await?;
        let mut shared = SHARED.lock().expect("no holder panics");
        // Another client may have been as quick.
        if let Some(avm) = shared.upgrade() {
            return Ok(avm);
        }
        let avm = Arc::new(started);
        *shared = Arc::downgrade(&avm);
        Ok(avm)
    }

    async fn start() -> Result<Self, Error> {
        let (runs, todo) = mpsc::channel::<(Run, oneshot::Sender<Outcome>)>();
        let (ready, started) = oneshot::channel();
        std::thread::Builder::new()
            .name("aquavm".to_owned())
            .spawn(move || {
                let mut interpreter = match Interpreter::start() {
                    Ok(interpreter) => interpreter,
                    Err(error) => return drop(ready.send(Err(error))),
                };
                let _ = ready.send(Ok(()));
                while let Ok((run, outcome)) = todo.recv() {
                    let _ = outcome.send(interpreter.run(run));
                }
            })
            .map_err(|error| Error::Avm(error.to_string()))?;
        started
            .await
            .unwrap_or_else(|_| Err("its thread ended".to_owned()))
            .map_err(Error::Avm)?;
        Ok(Self { runs })
    }

    /// The outcome of a run, once those before it are done.
    pub(crate) async fn run(&self, run: Run) -> Outcome {
        let (outcome, result) = oneshot::channel();
        let gone = || "its thread ended".to_owned();
        self.runs.send((run, outcome)).map_err(|_| gone())?;
        result.await.unwrap_or_else(|_| Err(gone()))
    }
}

struct Interpreter {
    host: MarineHost,
    runner: AVMRunner<WasmBackend>,
}

impl Interpreter {
    fn start() -> Result<Self, String> {
        let host = MarineHost::new().map_err(|error| error.to_string())?;
        let runner = start_runner(&host)?;
        Ok(Self { host, runner })
    }

    fn run(&mut self, run: Run) -> Outcome {
        let Run {
            particle,
            previous_data,
            results,
            peer_id,
            key_pair,
        } = run;
        let call = self.runner.call(
            &*particle.script,
            previous_data,
            particle.data,
            &*particle.init_peer_id,
            particle.timestamp,
            particle.ttl,
            &*peer_id,
            results,
            &key_pair,
            particle.id.to_string(),
        );
        let outcome = self.host.runtime().block_on(call).map_err(|error| error.to_string());
        // After a trap the instance is in no state to go on.
        if outcome.is_err() || self.runner.memory_stats().memory_size > MEMORY_BYTES_MAX {
            self.runner = start_runner(&self.host)?;
        }
        outcome
    }
}

fn start_runner(host: &MarineHost) -> Result<AVMRunner<WasmBackend>, String> {
    let wasm = host.module_file(air_interpreter_wasm::INTERPRETER_WASM);
    let wasm = wasm.map_err(|error| error.to_string())?;
    let start = AVMRunner::new(wasm, None, AVMRuntimeLimits::default(), 0, host.backend());
    host.runtime().block_on(start).map_err(|error| error.to_string())
}
