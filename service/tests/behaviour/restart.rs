//! Databases that are found: of this version, of others, damaged, of another host.

use std::fs;
use std::path::Path;

use registry_service::calls::CallError;
use registry_service::domain::data::{Key, Record};
use registry_service::domain::KeyId;
use registry_service::store::{move_aside, Counts, SCHEMA_VERSION};
use registry_testkit::{check_promises, weight_of, NativeNode, Origins, Peer};
use rusqlite::Connection;

use crate::support::{assert_refused, assert_text, dump, scene, Scene, DAY, HOUR, NOW};

/// A scene with a record, a host record, an unsigned host record and a tombstone.
fn full_scene() -> Scene {
    let mut scene = scene();
    let host = scene.host();
    let issuer = Peer::named("issuer");
    scene.node.put_record(&scene.record("provider", NOW), NOW).unwrap();
    let hosted = host.record(scene.host_metadata("first issuer", NOW), NOW);
    scene.node.put_record(&hosted, NOW).unwrap();
    scene
        .node
        .put_host_record(&scene.host_metadata("second issuer", NOW), NOW)
        .unwrap();
    scene
        .node
        .add_tombstone(&issuer.tombstone(&scene.key_id, &issuer, NOW), NOW)
        .unwrap();
    scene
}

/// R2: 0.9.4 drops its tables whenever the service starts.
#[test]
fn every_row_survives_a_restart() {
    let mut scene = full_scene();
    let before = dump(&scene.node);
    assert_eq!(before.lines().filter(|line| line.starts_with("entry ")).count(), 4);
    let records = scene.node.get_records(&scene.key_id, NOW).unwrap();
    for _ in 0..3 {
        scene.node = scene.node.restart(|_| ()).unwrap();
        assert_eq!(before, dump(&scene.node));
        assert_eq!(scene.node.get_records(&scene.key_id, NOW).unwrap(), records);
        assert_eq!(scene.node.get_tombstones(&scene.key_id, NOW).unwrap().len(), 1);
    }
}

#[test]
fn what_was_committed_survives_without_closing_the_database() {
    let scene = full_scene();
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("registry.sqlite");
    // As kill -9 leaves it: the file and its write-ahead log, never checkpointed.
    for companion in ["", "-wal"] {
        fs::copy(
            format!("{}{companion}", scene.node.database_path()),
            format!("{}{companion}", path.display()),
        )
        .unwrap();
    }
    let killed = NativeNode::at(scene.host(), &path).unwrap();
    assert_eq!(dump(&scene.node), dump(&killed));
}

#[test]
fn an_empty_database_becomes_one_of_this_version() {
    for begin in [None, Some("VACUUM"), Some("PRAGMA journal_mode = WAL")] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registry.sqlite");
        match begin {
            Some(sql) => {
                Connection::open(&path).unwrap().query_row(sql, [], |_| Ok(())).ok();
            }
            None => fs::write(&path, "").unwrap(),
        }
        let mut node = NativeNode::at(Peer::named("host"), &path).unwrap();
        node.register_key(&Peer::named("owner").key("resource", NOW), NOW)
            .unwrap();
        drop(node);
        assert_eq!(version_of(&path), SCHEMA_VERSION);
    }
}

fn version_of(path: &Path) -> u32 {
    let connection = Connection::open(path).unwrap();
    connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap()
}

/// The form in which rows lie on the disks of nodes: every later version has to read it.
#[test]
fn a_database_of_an_earlier_version_is_read_in_full() {
    for sql in [
        include_str!("fixtures/version_1.sql"),
        include_str!("fixtures/version_2.sql"),
    ] {
        check_read_in_full(sql);
    }
}

fn check_read_in_full(sql: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("registry.sqlite");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let mut found = NativeNode::at(Peer::named("host"), &path).unwrap();
    let mut expected = full_scene();
    assert_eq!(found.get_key_metadata(&expected.key_id).unwrap(), expected.key);
    assert_eq!(
        found.get_records(&expected.key_id, NOW).unwrap(),
        expected.node.get_records(&expected.key_id, NOW).unwrap()
    );
    assert_eq!(
        found.get_tombstones(&expected.key_id, NOW).unwrap(),
        expected.node.get_tombstones(&expected.key_id, NOW).unwrap()
    );
    assert_eq!(found.get_stale_local_records(NOW).unwrap().len(), 1);
    let counts = found.get_stats(NOW).unwrap().counts;
    assert_eq!(
        (counts.keys, counts.records, counts.host_records, counts.tombstones),
        (1, 1, 2, 1)
    );
}

/// What nodes of version 3 held, and those of version 4: there an issuer has one record of each service, and a node remembers
/// what it has taken away.
fn scene_of_version(version: u32) -> Scene {
    let mut scene = full_scene();
    let weighed = Peer::named("weighed");
    let record = scene.record("weighed", NOW);
    scene
        .node
        .put_weighed(&record, &weight_of(weighed.id(), 5), NOW)
        .unwrap();
    if version >= 4 {
        let provider = Peer::named("service provider");
        for service in ["chat", "files"] {
            let metadata = provider.service_metadata(&scene.key_id, &provider, (service, "value"), NOW);
            scene.node.put_record(&provider.record(metadata, NOW), NOW).unwrap();
        }
        let (host, removed) = (scene.host(), Peer::named("removed"));
        scene
            .node
            .put_host_record(&scene.host_metadata("removed", NOW), NOW)
            .unwrap();
        let origins = Origins::new(&host, &host, 3).time(2);
        let key_id = scene.key_id.clone();
        let remove = scene
            .node
            .call(origins, |call| call.remove_host_record(&key_id, removed.id(), NOW));
        remove.unwrap();
    }
    scene
}

/// All that follows from what was stored, and how the tables are made; but for when keys are due.
fn rows_and_tables(node: &NativeNode) -> String {
    const ROWS: &str = "SELECT group_concat(item, char(10)) FROM (
        SELECT 'key ' || hex(id) || ' ' || life_at || ' ' || owner || ' ' || priority || ' ' || hex(body) AS item FROM keys
        UNION ALL SELECT 'entry ' || hex(key_id) || ' ' || hex(identity) || ' ' || kind || ' ' || dated || ' ' || hex(body)
            || ' ' || issuer || ' ' || provider || ' ' || signed || ' ' || weight FROM entries
        UNION ALL SELECT 'column ' || t.name || '.' || c.name || ' ' || c.cid || ' ' || c.type || ' ' || c.\"notnull\" || ' '
            || coalesce(c.dflt_value, '') || ' ' || c.pk FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'
        UNION ALL SELECT 'index ' || sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL
        ORDER BY item)";
    String::from_utf8(node.registry().store().read_raw(ROWS, &[]).unwrap()).unwrap()
}

/// Where a later version stored the same, it comes to the same rows; what was here is due, the longest ago replicated first, and partial.
#[test]
fn a_database_of_version_3_or_4_becomes_what_this_version_would_have_written() {
    for (version, sql) in [
        (3, include_str!("fixtures/version_3.sql")),
        (4, include_str!("fixtures/version_4.sql")),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("registry.sqlite");
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        assert_eq!(version_of(&path), version);
        let mut found = NativeNode::at(Peer::named("host"), &path).unwrap();
        let mut expected = scene_of_version(version);
        assert_eq!(
            rows_and_tables(&found),
            rows_and_tables(&expected.node),
            "version {version}"
        );
        check_promises(found.registry().store());
        let key_id = KeyId::parse(&expected.key_id).unwrap();
        let state = found.registry().store().stored(&key_id).unwrap().unwrap();
        assert_eq!((state.due_at(), state.exchanged_at()), (NOW - HOUR, 0));
        assert_eq!(found.evict_stale(NOW).unwrap().len(), 1);
        assert_eq!(found.get_stats(NOW).unwrap().counts, {
            let counts = expected.node.get_stats(NOW).unwrap().counts;
            let db_size_bytes = found.registry().store().counts().unwrap().db_size_bytes;
            Counts {
                db_size_bytes,
                ..counts
            }
        });
        drop(found);
        assert_eq!(version_of(&path), SCHEMA_VERSION);
    }
}

#[test]
fn a_database_of_a_later_version_is_refused_and_left_alone() {
    let scene = full_scene();
    let directory = tempfile::tempdir().unwrap();
    let kept = directory.path().join("kept.sqlite");
    let error = scene
        .node
        .restart(|path| {
            Connection::open(path)
                .unwrap()
                .execute_batch("PRAGMA user_version = 99")
                .unwrap();
            fs::copy(path, &kept).unwrap();
            let error = NativeNode::at(Peer::named("host"), Path::new(path)).unwrap_err();
            assert_text(
                &error.to_string(),
                &["schema version 99", &format!("up to {SCHEMA_VERSION}"), "newer service"],
            );
            assert!(
                fs::read(path).unwrap() == fs::read(&kept).unwrap(),
                "the file has changed"
            );
            assert!(!Path::new(&format!("{path}.corrupt")).exists());
        })
        .unwrap_err();
    assert_text(&error.to_string(), &["schema version 99"]);
}

#[test]
fn a_file_full_of_garbage_is_moved_aside_and_a_fresh_database_begun() {
    for garbage in [b"garbage, not a database ".repeat(1_000), vec![0xff; 4096]] {
        let mut scene = full_scene();
        scene.node = scene
            .node
            .restart(|path| {
                for companion in ["-wal", "-shm"] {
                    fs::remove_file(format!("{path}{companion}")).ok();
                }
                fs::write(path, &garbage).unwrap();
            })
            .unwrap();
        assert!(fs::read(format!("{}.corrupt", scene.node.database_path())).unwrap() == garbage);
        scene.node.register_key(&scene.key, NOW).unwrap();
        assert_eq!(scene.providers(NOW), [""; 0]);
    }
}

#[test]
fn a_second_damaged_database_replaces_the_first_one_moved_aside() {
    let mut scene = scene();
    for turn in 0..3 {
        scene.node = scene
            .node
            .restart(|path| fs::write(path, format!("garbage {turn}")).unwrap())
            .unwrap();
    }
    let aside = fs::read(format!("{}.corrupt", scene.node.database_path())).unwrap();
    assert_eq!(aside, b"garbage 2");
}

/// Whether it opens with what was there, or afresh: the node comes up and works.
#[test]
fn a_node_comes_up_with_a_database_cut_off_anywhere() {
    let sizes: Vec<u64> = (0..12).map(|pages| pages * 4096 + 100).collect();
    for size in sizes {
        let mut scene = full_scene();
        for number in 0..30 {
            scene
                .node
                .put_record(&scene.record(&format!("provider {number}"), NOW), NOW)
                .unwrap();
        }
        scene.node = scene
            .node
            .restart(|path| {
                let file = fs::OpenOptions::new().write(true).open(path).unwrap();
                if file.metadata().unwrap().len() > size {
                    file.set_len(size).unwrap();
                }
            })
            .unwrap_or_else(|error| panic!("cut off at {size}: {error}"));
        // A page that is missing may show only now; then the file is moved aside, as the module does.
        if let Err(error) = use_node(&mut scene) {
            assert!(
                matches!(&error, CallError::Store(error) if error.is_damaged_file()),
                "{error}"
            );
            scene.node = scene.node.restart(|path| move_aside(path).unwrap()).unwrap();
            use_node(&mut scene).unwrap();
        }
        assert!(!scene.providers(NOW).is_empty());
    }
}

fn use_node(scene: &mut Scene) -> Result<(), CallError> {
    scene.node.clear_expired(NOW)?;
    scene.node.register_key(&scene.key, NOW)?;
    scene.node.put_record(&scene.record("provider", NOW), NOW)?;
    scene.node.evict_stale(NOW + HOUR)?;
    Ok(())
}

/// SQLite itself answers such a file with some of its rows.
#[test]
fn a_row_out_of_order_is_noticed_and_the_database_moved_aside() {
    let mut scene = scene();
    let keys: Vec<Key> = (0..30)
        .map(|number| Peer::named("owner").key(&format!("resource {number}"), NOW))
        .collect();
    for key in &keys {
        scene.node.register_key(key, NOW).unwrap();
        for provider in ["one", "two", "three"] {
            let record = Peer::named(provider).own_record(&key.id, "value", NOW);
            scene.node.put_record(&record, NOW).unwrap();
        }
    }
    let seen = |node: &mut NativeNode| -> Vec<usize> {
        let counts = keys
            .iter()
            .map(|key| node.get_records(&key.id, NOW).map_or(0, |list| list.len()));
        counts.collect()
    };
    assert_eq!(seen(&mut scene.node), [3; 30]);

    let id = *KeyId::of(&keys[7].label, &keys[7].owner_peer_id).as_bytes();
    let mut whole = Vec::new();
    let mut node = scene.node.restart(|path| whole = fs::read(path).unwrap()).unwrap();
    let places: Vec<usize> = whole
        .windows(id.len())
        .enumerate()
        .filter(|(_, bytes)| *bytes == id)
        .map(|(at, _)| at)
        .collect();
    let mut noticed = 0;
    for place in &places {
        node = node
            .restart(|path| {
                let mut changed = whole.clone();
                changed[*place] ^= 0x80;
                fs::write(path, changed).unwrap();
                fs::remove_file(format!("{path}.corrupt")).ok();
            })
            .unwrap();
        if Path::new(&format!("{}.corrupt", node.database_path())).exists() {
            noticed += 1;
        } else {
            assert_eq!(seen(&mut node), [3; 30], "the byte at {place} of {places:?}");
        }
    }
    assert!(noticed >= 4, "{noticed} of {}: the key and three records", places.len());
}

#[test]
fn a_row_that_cannot_be_read_is_reported_and_harms_no_other_key() {
    for body in [
        "x''",
        "x'00'",
        "x'01'",
        "x'ff'",
        "x'01ffffffffffffffffff'",
        "x'02'",
        "x'0200000000'",
        // One byte of what was written.
        "CAST(substr(body, 1, 40) || char(unicode(CAST(substr(body, 41, 1) AS TEXT)) + 1) || substr(body, 42) AS BLOB)",
        "CAST('text' AS BLOB)",
        "randomblob(5000)",
    ] {
        for table in ["keys", "entries"] {
            let mut scene = full_scene();
            let damage = format!("UPDATE {table} SET body = {body}");
            scene.node.run_raw(&damage).unwrap();
            scene.node = scene.node.restart(|_| ()).unwrap();
            let key_id = scene.key_id.clone();
            let record = scene.record("another", NOW);
            assert_refused(&mut scene.node, &["a stored row cannot be read"], |node| {
                node.get_records(&key_id, NOW)
            });
            assert_refused(&mut scene.node, &["a stored row cannot be read"], |node| {
                node.put_record(&record, NOW)
            });
            let other = Peer::named("owner").key("other", NOW);
            scene.node.register_key(&other, NOW).unwrap();
            assert_eq!(scene.node.get_records(&other.id, NOW).unwrap(), []);
        }
    }
}

#[test]
fn under_another_key_pair_the_hosts_records_are_like_all_others() {
    let mut scene = scene();
    let host = scene.host();
    let record: Record = host.record(scene.host_metadata("issuer", NOW), NOW);
    scene.node.put_record(&record, NOW).unwrap();
    let due = NOW + DAY / 2;
    assert_eq!(scene.node.get_stale_local_records(due).unwrap(), [record.clone()]);
    scene.node = scene.node.restart(|_| ()).unwrap();
    scene.node.host = Peer::named("another host");
    assert_eq!(scene.node.get_stale_local_records(due).unwrap(), []);
    assert_eq!(scene.node.get_stats(due).unwrap().counts.host_records, 0);
    assert_eq!(
        scene.node.get_records(&scene.key_id, NOW + DAY - HOUR).unwrap(),
        [record]
    );
    assert_eq!(scene.node.clear_expired(NOW + DAY).unwrap().records, 1);
    assert_eq!(scene.providers(NOW + DAY), [""; 0]);
}

#[test]
fn the_statistics_count_every_kind_apart() {
    let mut scene = full_scene();
    let stats = scene.node.get_stats(NOW).unwrap();
    let counts = stats.counts;
    assert_eq!(
        (counts.keys, counts.records, counts.host_records, counts.tombstones),
        (1, 1, 2, 1)
    );
    assert!(counts.db_size_bytes >= 4096);
    assert_eq!(
        (stats.schema_version, stats.service_version),
        (SCHEMA_VERSION, env!("CARGO_PKG_VERSION"))
    );
}

/// Rows were named by issuer and provider alone: renamed, they are found again by the service that they are about.
#[test]
fn a_database_from_before_services_counted_is_read_in_full_and_goes_on_with_services() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("registry.sqlite");
    let sql = include_str!("fixtures/version_2_services.sql");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let host = Peer::named("host");
    let mut node = NativeNode::at(host.clone(), &path).unwrap();
    let key_id = KeyId::of("resource", Peer::named("owner").id()).to_string();
    let told = |node: &mut NativeNode| -> Vec<(String, Vec<String>, String)> {
        let records = node.get_records(&key_id, NOW).unwrap().into_iter();
        let told = records.map(|Record { metadata, .. }| (metadata.issued_by, metadata.service_id, metadata.value));
        told.collect()
    };
    let before = told(&mut node);
    assert_eq!(before.len(), 5);
    assert_eq!(node.get_tombstones(&key_id, NOW).unwrap().len(), 1);
    let waiting = node.get_stale_local_records(NOW).unwrap();
    assert_eq!(waiting.len(), 2, "both unsigned ones");

    let provider = Peer::named("service provider");
    let chat = |value, issued| {
        let metadata = provider.service_metadata(&key_id, &provider, ("chat", value), issued);
        provider.record(metadata, issued)
    };
    let files = provider.service_metadata(&key_id, &provider, ("files", "new"), NOW + 1);
    node.put_record(&chat("later", NOW + 1), NOW + 1).unwrap();
    node.put_record(&provider.record(files, NOW + 1), NOW + 1).unwrap();
    for record in waiting {
        node.put_record(&host.record(record.metadata, NOW + 1), NOW + 1)
            .unwrap();
    }
    node = node.restart(|_| ()).unwrap();
    let after = told(&mut node);
    assert_eq!(after.len(), 6);
    let of_provider: Vec<_> = after.iter().filter(|(issuer, ..)| issuer == provider.id()).collect();
    let values: Vec<_> = of_provider
        .iter()
        .map(|(_, service, value)| (service[0].as_str(), value.as_str()))
        .collect();
    assert_eq!(values, [("chat", "later"), ("files", "new")]);
    assert_eq!(node.get_stale_local_records(NOW + 1).unwrap(), []);
    let counts = node.registry().store().counts().unwrap();
    assert_eq!((counts.records, counts.host_records, counts.tombstones), (3, 3, 1));
}
