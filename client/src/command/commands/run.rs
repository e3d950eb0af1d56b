//! Calling a function of an Aqua file, through the client.

use std::path::{Path, PathBuf};

use devnet::{AquaCompiler, Invocation};
use registry_client::Client;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::arguments::Common;
use crate::failure::{Failure, Outcome};
use crate::{network, output};

pub(super) fn run(
    common: &Common,
    file: &Path,
    call: &str,
    imports: &[PathBuf],
    json: bool,
    runtime: &Runtime,
) -> Outcome {
    let call: Invocation = call.parse().map_err(Failure::usage)?;
    let mut compiler = AquaCompiler::new();
    for dir in imports {
        compiler = compiler.import_dir(dir.canonicalize().unwrap_or_else(|_| dir.clone()));
    }
    let program = compiler.compile(file).map_err(Failure::usage)?;
    for warning in program.warnings() {
        output::warning(warning);
    }
    let function = program.function(&call.function).map_err(Failure::usage)?;
    let data = function.bind(&call.args, |_| false).map_err(Failure::usage)?;
    let values = runtime.block_on(async {
        let client = network::connect(common).await?;
        offer_builtins(&client);
        Ok::<_, Failure>(client.run_air(function.air(), data).await?)
    })?;
    let value = match values.len() {
        0 => return Ok(()),
        1 => values.into_iter().next().unwrap_or_default(),
        _ => Value::Array(values),
    };
    match (&value, json) {
        (Value::String(text), false) => output::line(text),
        (_, false) => output::line(&format!("{value:#}")),
        (_, true) => output::json(&value),
    }
    Ok(())
}

/// What scripts expect of any peer, beside what the client has anyway.
fn offer_builtins(client: &Client) {
    for service in devnet::PURE_BUILTINS {
        client.serve(*service, |call| async move {
            let answer = devnet::pure_builtin(&call.service_id, &call.function, &call.arguments);
            answer.unwrap_or_else(|| Err(format!("there is no `{}.{}`", call.service_id, call.function)))
        });
    }
    client.serve("run-console", |call| async move {
        for argument in &call.arguments {
            output::note(&argument.as_str().map_or_else(|| argument.to_string(), str::to_owned));
        }
        Ok(Value::from(""))
    });
}
