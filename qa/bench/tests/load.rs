//! Seconds of `registry-bench load`, so that it keeps working.

use std::process::Command;

use serde_json::Value;

#[test]
fn a_short_load_is_measured() {
    let results = tempfile::tempdir().expect("a directory");
    let prefilled = results.path().join("prefilled.sqlite");
    for _ in 0..2 {
        let output = Command::new(env!("CARGO_BIN_EXE_registry-bench"))
            .args([
                "load",
                "--minutes",
                "0.03",
                "--records",
                "3200",
                "--seed",
                "7",
                "--prefilled",
            ])
            .arg(&prefilled)
            .arg("--results")
            .arg(results.path())
            .env("RUST_LIB_BACKTRACE", "0")
            .output()
            .expect("the benchmark runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let json = std::fs::read(results.path().join("load.json")).expect("results");
        let json: Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(json["records"], 3_200);
        for call in [
            "get_records",
            "put_record",
            "register_key",
            "republish_records",
            "add_tombstone",
        ] {
            let figures = &json["calls"][call];
            assert!(figures["calls"].as_u64() > Some(0), "{call}: {json}");
            assert!(
                figures["p50_ms"].as_f64() <= figures["p99.9_ms"].as_f64(),
                "{call}: {json}"
            );
        }
        assert!(json["held_at_the_end"]["records"].as_u64() > Some(3_000), "{json}");
        let samples = std::fs::read_to_string(results.path().join("load.csv")).expect("samples");
        assert!(samples.lines().count() >= 3, "{samples}");
    }
}
