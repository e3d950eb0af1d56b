//! `peer`: clocks and timeouts.

use std::time::Duration;

use serde_json::{json, Value};

use super::{Args, Host};
use crate::service::{Answer, ServiceCall, ServiceResult};

pub(super) fn call(host: &Host<'_>, call: &ServiceCall, args: Args<'_>) -> Option<Answer> {
    let result = match call.function.as_str() {
        "timestamp_ms" => Ok(json!(call.unix_ms)),
        "timestamp_sec" => Ok(json!(call.unix_ms / 1000)),
        "identify" => Ok(identify()),
        "is_connected" => is_connected(host, args),
        "timeout" => return Some(timeout(args).unwrap_or_else(|e| ServiceResult::error(e).into())),
        _ => return None,
    };
    Some(ServiceResult::from(result).into())
}

/// Answers `message` (or an empty string) once `duration_ms` of virtual time have passed. The duration may be given as
/// a string.
fn timeout(mut args: Args<'_>) -> Result<Answer, String> {
    let duration: Value = args.next("duration_ms")?;
    let duration_ms = match &duration {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    };
    let duration_ms = duration_ms.ok_or_else(|| format!("argument `duration_ms`: {duration} is no duration"))?;
    let message: Option<String> = args.next_opt("message")?;
    let result = ServiceResult::ok(message.unwrap_or_default());
    Ok(Answer::After(Duration::from_millis(duration_ms), result))
}

fn identify() -> Value {
    json!({
        "external_addresses": [],
        "node_version": concat!("devnet-", env!("CARGO_PKG_VERSION")),
        "air_version": air_interpreter_wasm::VERSION,
        "spell_version": fluence_spell_distro::VERSION,
        "allowed_binaries": [],
    })
}

fn is_connected(host: &Host<'_>, mut args: Args<'_>) -> Result<Value, String> {
    let peer: String = args.next("peer_id")?;
    let known = (host.known)().into_iter().any(|n| n.peer_id == peer);
    Ok(json!(known || (host.has_client)(&peer)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtins::testing::ask;

    #[test]
    fn the_clock_is_the_peers_own() {
        assert_eq!(ask("peer", "timestamp_ms", json!([])), Ok(json!(1_500)));
        assert_eq!(ask("peer", "timestamp_sec", json!([])), Ok(json!(1)));
    }

    #[test]
    fn a_timeout_answers_its_message_later() {
        for duration in [json!(250), json!("250")] {
            let args = [duration, json!("late")];
            let expected = Answer::After(Duration::from_millis(250), ServiceResult::ok("late"));
            assert_eq!(timeout(Args::new(&args)), Ok(expected));
        }
        assert!(timeout(Args::new(&[json!("soon")])).is_err());
        assert!(timeout(Args::new(&[json!(-1)])).is_err());
    }
}
