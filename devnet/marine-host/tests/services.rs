//! Services on a host, shown with the published registry 0.9.4.

use std::path::Path;
use std::time::Instant;

use marine_host::{literal, tetraplet, CallContext, CallError, IValue, MarineHost, Service, ServiceSpec, StartError};
use registry_distro::{REGISTRY_WASM, SQLITE_WASM};
use serde_json::json;

const HOST: &str = "12D3KooWHost";

fn registry(working_dir: &Path) -> ServiceSpec {
    ServiceSpec::new("registry", working_dir)
        .module("sqlite3", SQLITE_WASM)
        .module("registry", REGISTRY_WASM)
}

fn started(dir: &tempfile::TempDir) -> Service {
    let host = MarineHost::new().expect("host starts");
    host.start(registry(dir.path())).expect("registry starts")
}

#[test]
fn a_call_returns_what_the_module_answers() {
    let dir = tempfile::tempdir().unwrap();
    let mut service = started(&dir);
    let call = CallContext::new(HOST).build();
    let id = service
        .call("get_key_id", json!(["label", "12D3KooWOwner"]), call)
        .unwrap();
    let id = id.as_str().expect("a key id is a string");
    assert!((43..=44).contains(&id.len()), "base58 of a sha256: {id}");
}

#[test]
fn a_call_with_ivalues_returns_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut service = started(&dir);
    let json_id = service
        .call("get_key_id", json!(["label", "owner"]), CallContext::new(HOST).build())
        .unwrap();
    let arguments = [IValue::String("label".into()), IValue::String("owner".into())];
    let ids = service
        .call_with_ivalues("get_key_id", &arguments, CallContext::new(HOST).build())
        .unwrap();
    assert_eq!(ids, [IValue::String(json_id.as_str().unwrap().into())]);
}

#[test]
fn an_unknown_function_is_named_in_the_error() {
    let dir = tempfile::tempdir().unwrap();
    let error = started(&dir)
        .call("no_such", json!([]), CallContext::new(HOST).build())
        .unwrap_err();
    assert!(matches!(error, CallError::UnknownFunction { .. }), "{error:?}");
    assert_eq!(error.to_string(), "service `registry` has no function `no_such`");
}

#[test]
fn arguments_that_do_not_fit_are_refused_and_the_service_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut service = started(&dir);
    let error = service
        .call("get_key_id", json!(["label"]), CallContext::new(HOST).build())
        .unwrap_err();
    assert!(matches!(error, CallError::Arguments { .. }), "{error:?}");
    service
        .call("get_key_id", json!(["label", "owner"]), CallContext::new(HOST).build())
        .unwrap();
}

#[test]
fn tetraplets_and_initiator_reach_the_module() {
    let dir = tempfile::tempdir().unwrap();
    let mut service = started(&dir);
    let ask = |service: &mut Service, call: CallContext| {
        let answer = service.call("get_records", json!(["no key", 1000]), call.build());
        answer.unwrap()
    };
    let unproved = CallContext::new(HOST).argument(1, literal(HOST));
    let answer = ask(&mut service, unproved);
    assert_eq!(answer["success"], json!(false), "{answer}");
    let text = answer["error"].as_str().unwrap();
    assert!(text.contains("timestamp"), "{text}");

    let proved = CallContext::new(HOST)
        .argument(0, literal(HOST))
        .argument(1, tetraplet(HOST, "peer", "timestamp_sec"));
    let answer = ask(&mut service, proved);
    assert!(!answer["error"].as_str().unwrap().contains("timestamp"), "{answer}");
}

#[test]
fn the_interface_lists_the_facade_only() {
    let dir = tempfile::tempdir().unwrap();
    let interface = started(&dir).interface();
    let has = |name: &str| interface.function_signatures.iter().any(|f| f.name == name);
    assert!(has("put_record"));
    assert!(!has("sqlite3_open_v2"));
}

#[test]
fn memory_is_that_of_all_modules() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = started(&dir).memory_bytes();
    assert!((1 << 20..64 << 20).contains(&bytes), "{bytes} bytes");
}

#[test]
fn a_missing_module_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let host = MarineHost::new().unwrap();
    let spec = ServiceSpec::new("x", dir.path()).module("x", Path::new("/no/such/x.wasm"));
    let error = host.start(spec).unwrap_err();
    assert!(matches!(error, StartError::NoModuleFile { .. }), "{error:?}");
    assert!(error.to_string().contains("/no/such/x.wasm"));
    let empty = host.start(ServiceSpec::new("y", dir.path())).unwrap_err();
    assert!(matches!(empty, StartError::NoModules(_)), "{empty:?}");
}

#[test]
fn bytes_that_are_no_module_do_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let spec = ServiceSpec::new("x", dir.path()).module("x", b"not wasm".as_slice());
    let error = MarineHost::new().unwrap().start(spec).unwrap_err();
    assert!(matches!(error, StartError::Marine { .. }), "{error:?}");
}

#[test]
fn a_second_start_compiles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let cache = tempfile::tempdir().unwrap();
    let start = |name: &str| {
        let host = MarineHost::with_cache_dir(cache.path()).unwrap();
        let since = Instant::now();
        host.start(registry(&dir.path().join(name))).unwrap();
        since.elapsed()
    };
    let cold = start("cold");
    let warm = start("warm");
    println!("cold {cold:?}, warm {warm:?}");
    assert!(warm * 3 < cold, "cold {cold:?}, warm {warm:?}");
}
