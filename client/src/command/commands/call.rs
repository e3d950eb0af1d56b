use registry_client::{Answer, Execute};
use serde_json::{json, Value};

use super::resource::parse;
use crate::arguments::Common;
use crate::failure::{Failure, Outcome};
use crate::{network, output};

/// What is called, and whether of one provider or all.
#[derive(Debug)]
pub(super) struct What<'a> {
    pub(super) service: &'a str,
    pub(super) function: &'a str,
    pub(super) arguments: &'a [String],
    pub(super) one: bool,
}

pub(super) async fn run(common: &Common, resource: &str, what: &What<'_>, json: bool) -> Outcome {
    let client = network::connect(common).await?;
    let id = parse(resource, client.peer_id())?;
    let arguments = what.arguments.iter().map(|text| argument(text)).collect();
    let execute = Execute::new(what.function, arguments).service(what.service);
    let answer = if what.one {
        let Answer { value, errors } = client.execute_one(&id, execute).await?;
        let value = vec![value];
        Answer { value, errors }
    } else {
        client.execute(&id, execute).await?
    };
    output::node_errors(&answer.errors);
    if answer.value.is_empty() {
        return Err(Failure::not_found("the resource has no providers"));
    }
    let mut failed = 0;
    let mut rows = Vec::new();
    for execution in &answer.value {
        let peer_id = &execution.provider.peer_id;
        match &execution.result {
            Ok(result) if json => output::json(&json!({"peer_id": peer_id, "result": result})),
            Ok(result) => rows.push([peer_id.clone(), text(result)]),
            Err(error) => {
                failed += 1;
                match json {
                    true => output::json(&json!({"peer_id": peer_id, "error": error.to_string()})),
                    false => output::warning(&format!("{peer_id}: {error}")),
                }
            }
        }
    }
    if !rows.is_empty() {
        output::table(&["PROVIDER", "RESULT"], rows);
    }
    match failed == answer.value.len() {
        true => Err(Failure::failed(format!("none of the {failed} providers answered"))),
        false => Ok(()),
    }
}

/// JSON where it reads as JSON, else text.
fn argument(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

fn text(result: &Value) -> String {
    result.as_str().map_or_else(|| result.to_string(), str::to_owned)
}
