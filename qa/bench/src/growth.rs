//! How the cost of a call grows with the number of keys, each with one record. The database is filled by the same code over
//! native SQLite, which writes the same file, and then opened in Marine.

use eyre::{ensure, eyre, Result};
use indicatif::{ProgressBar, ProgressStyle};
use marine_host::MarineHost;
use registry_checks::{Node, Subject};
use registry_service::domain::limits::STORAGE_BYTES_MAX;
use registry_testkit::{NativeNode, Origins, Peer};
use serde_json::{json, Value};

use crate::measure::{timed, Times};
use crate::report::{milliseconds, new_table, print_table};

const NOW: u64 = 1_700_000_000;
const STALE_SEC: u64 = 3_600;
const EXPIRED_SEC: u64 = 86_400;
const VALUE: &str = "a value of common length, such as a CID or a URL";

pub(crate) fn run(numbers: &[u32], rounds: u32) -> Result<()> {
    let marine = MarineHost::new()?;
    let mut table = new_table([
        "keys",
        "get_records ms",
        "put_record ms",
        "evict_stale of 100 ms",
        "clear_expired ms",
        "rows cleared",
        "wasm memory MiB",
        "database MiB",
        "start and first call ms",
    ]);
    for &keys in numbers {
        table.add_row(measure(&marine, keys, rounds)?);
    }
    print_table(table);
    Ok(())
}

fn measure(marine: &MarineHost, keys: u32, rounds: u32) -> Result<Vec<String>> {
    let (owner, provider) = (Peer::named("an owner"), Peer::named("a provider"));
    let directory = tempfile::tempdir()?;
    let storage = directory.path().join("storage");
    std::fs::create_dir_all(&storage)?;
    fill(keys, &owner, &provider, &storage)?;

    // The first call opens the database and counts its rows.
    let (node, start) = timed(|| -> Result<Node> {
        let mut node = Node::start(marine, Subject::Here, Peer::named("the host"), directory.path())?;
        key_of(&mut node, &owner, &label(0))?;
        Ok(node)
    });
    let mut node = node?;
    let label_of = |round: u32| label(u64::from(round) * 7_919 % u64::from(keys));

    let (mut get, mut put, mut evict, mut clear) = Default::default();
    for round in 0..rounds {
        let key_id = key_id(&mut node, &owner, &label_of(round))?;
        time(&mut node, &mut get, "get_records", json!([key_id, NOW]))?;
        let peer = Peer::named(&format!("newcomer {round}"));
        let record = node.own_record(&peer, &key_id, VALUE, NOW)?;
        let weight = json!({ "success": true, "weight": 0, "peer_id": peer.id(), "error": "" });
        let arguments = json!([record["metadata"], NOW, record["signature"], weight, NOW]);
        time(&mut node, &mut put, "put_record", arguments)?;
        time(&mut node, &mut evict, "evict_stale", json!([NOW + STALE_SEC]))?;
    }
    let stats = node
        .proved("get_stats", json!([NOW]), &owner)?
        .ok()
        .map_err(|error| eyre!(error))?;
    let memory = node.service().memory_bytes();
    let cleared = time(&mut node, &mut clear, "clear_expired", json!([NOW + 2 * EXPIRED_SEC]))?;

    let mebibytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1024.0 / 1024.0);
    let median = |times: &Times| times.median().map(milliseconds).unwrap_or_default();
    Ok(vec![
        keys.to_string(),
        median(&get),
        median(&put),
        median(&evict),
        median(&clear),
        (cleared["count_keys"].as_u64().unwrap_or(0) + cleared["count_records"].as_u64().unwrap_or(0)).to_string(),
        mebibytes(memory),
        mebibytes(stats["db_size_bytes"].as_u64().unwrap_or(0)),
        milliseconds(start),
    ])
}

fn time(node: &mut Node, times: &mut Times, function: &'static str, arguments: Value) -> Result<Value> {
    let host = node.host.clone();
    let origins = node.origins(function, &arguments, &host);
    let (result, time) = timed(|| node.call(function, arguments, origins));
    let result = result?;
    ensure!(result["success"] == json!(true), "{function}: {result}");
    times.push(time);
    Ok(result)
}

/// Reads a key.
fn key_of(node: &mut Node, owner: &Peer, label: &str) -> Result<()> {
    let key_id = key_id(node, owner, label)?;
    let key = node.proved("get_key_metadata", json!([key_id]), owner)?.ok();
    key.map(|_| ()).map_err(|error| eyre!(error))
}

fn fill(keys: u32, owner: &Peer, provider: &Peer, storage: &std::path::Path) -> Result<()> {
    let progress = ProgressBar::new(u64::from(keys));
    progress.set_style(ProgressStyle::with_template(
        "filling {bar:40} {pos}/{len} keys, {eta} left",
    )?);
    let mut node = NativeNode::at(Peer::named("the host"), &storage.join("registry.sqlite"))?;
    // One owner and one provider are far over what a node stores for one.
    let origins = Origins::new(&node.host, &node.host, 2);
    node.call(origins, |call| {
        call.set_storage_limits(STORAGE_BYTES_MAX, STORAGE_BYTES_MAX)
    })?;
    for n in 0..u64::from(keys) {
        // Spread over an hour, so that age has an order.
        let created = NOW - n % STALE_SEC;
        let key_id = node.register_key(&owner.key(&label(n), created), created)?;
        let record = provider.own_record(&key_id.to_string(), VALUE, created);
        node.put_record(&record, created)?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(())
}

fn label(n: u64) -> String {
    format!("label {n}")
}

fn key_id(node: &mut Node, owner: &Peer, label: &str) -> Result<String> {
    let arguments = json!([label, owner.id()]);
    let origins = node.origins("get_key_id", &arguments, owner);
    Ok(node
        .call("get_key_id", arguments, origins)?
        .as_str()
        .unwrap_or_default()
        .to_owned())
}
