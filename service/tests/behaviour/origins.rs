//! Proof: time, weight and consent count only as the untouched results of the right function on the right peer.

use marine_rs_sdk::SecurityTetraplet;
use registry_service::calls::{Call, CallError, Published};
use registry_service::domain::data::{Key, Record, RecordMetadata, Tombstone};
use registry_service::store::NativeBackend;
use registry_testkit::{no_weight, weight_of, NativeNode, Origins, Peer};

use crate::support::{assert_refused, scene, Scene, NOW};

/// What the calls below are made with; every one of them is in order but for its origins.
#[derive(Clone)]
struct Material {
    key: Key,
    record: Record,
    metadata: RecordMetadata,
    unsigned: Record,
    tombstone: Tombstone,
}

fn material(scene: &Scene) -> Material {
    let remote = Peer::named("remote");
    let metadata = Peer::named("issuer").metadata(&scene.key_id, &remote, "value", NOW);
    Material {
        key: Peer::named("second owner").key("second", NOW),
        record: scene.record("provider", NOW),
        metadata: scene.host_metadata("issuer", NOW),
        unsigned: Record {
            metadata,
            timestamp_created: NOW,
            signature: Vec::new(),
        },
        tombstone: Peer::named("issuer").tombstone(&scene.key_id, &Peer::named("someone"), NOW),
    }
}

fn hosted(result: Result<Record, String>) -> Published {
    Published {
        hosted: vec![result],
        ..Published::default()
    }
}

type Work = fn(&mut Call<'_, NativeBackend>, Material) -> Result<(), CallError>;

struct TimedCall {
    name: &'static str,
    arguments: usize,
    time_at: usize,
    work: Work,
}

const fn timed(name: &'static str, arguments: usize, time_at: usize, work: Work) -> TimedCall {
    TimedCall {
        name,
        arguments,
        time_at,
        work,
    }
}

/// Every exported function that takes `current_timestamp_sec`, with the position of that on the wire.
const TIMED_CALLS: [TimedCall; 14] = [
    timed("register_key", 8, 7, |call, with| {
        let owner = vec![with.key.owner_peer_id.clone()];
        call.register_key(owner, with.key, &no_weight(), NOW).map(drop)
    }),
    timed("republish_key", 3, 2, |call, with| {
        call.republish_key(with.key, &no_weight(), NOW)
    }),
    timed("put_record", 5, 4, |call, with| {
        call.put_record(with.record, &no_weight(), NOW)
    }),
    timed("get_records", 2, 1, |call, with| {
        call.get_records(&with.record.metadata.key_id, NOW).map(drop)
    }),
    timed("get_answer", 3, 2, |call, with| {
        call.get_answer(&with.record.metadata.key_id, "", NOW).map(drop)
    }),
    timed("republish_records", 3, 2, |call, with| {
        call.republish_records(vec![with.record], &[], NOW).map(drop)
    }),
    timed("put_host_record", 3, 2, |call, with| {
        call.put_host_record(with.metadata, &[], NOW).map(drop)
    }),
    timed("publish", 6, 5, |call, with| {
        call.publish(hosted(Ok(with.unsigned)), &[], NOW)
    }),
    timed("add_tombstone", 7, 6, |call, with| {
        call.add_tombstone(with.tombstone, NOW)
    }),
    timed("get_tombstones", 2, 1, |call, with| {
        call.get_tombstones(&with.tombstone.key_id, NOW).map(drop)
    }),
    timed("republish_tombstones", 2, 1, |call, with| {
        call.republish_tombstones(vec![with.tombstone], NOW).map(drop)
    }),
    timed("get_stale_local_records", 1, 0, |call, _| {
        call.get_stale_local_records(NOW).map(drop)
    }),
    timed("evict_stale", 1, 0, |call, _| call.evict_stale(NOW).map(drop)),
    timed("clear_expired", 1, 0, |call, _| call.clear_expired(NOW).map(drop)),
];

/// All that is not the untouched result of `service.function` on the host.
fn false_origins(host: &Peer, service: &str, function: &str) -> Vec<Vec<SecurityTetraplet>> {
    let client = Peer::named("a client");
    vec![
        vec![],
        vec![SecurityTetraplet::literal_tetraplet(client.id())],
        vec![SecurityTetraplet::literal_tetraplet(host.id())],
        vec![SecurityTetraplet::new(client.id(), service, function, "")],
        vec![SecurityTetraplet::new("", service, function, "")],
        vec![SecurityTetraplet::new(host.id(), service, "another_function", "")],
        vec![SecurityTetraplet::new(host.id(), "another-service", function, "")],
        vec![SecurityTetraplet::new(host.id(), service, function, ".$.weight")],
        vec![
            SecurityTetraplet::literal_tetraplet(client.id()),
            SecurityTetraplet::new(host.id(), service, function, ""),
        ],
    ]
}

fn origins(node: &NativeNode, arguments: usize) -> Origins {
    Origins::new(&node.host, &Peer::named("a client"), arguments)
}

#[test]
fn time_counts_only_from_this_hosts_clock_in_every_call() {
    for timed in TIMED_CALLS {
        let mut scene = scene();
        let with = material(&scene);
        let host = scene.host();
        // Consent for what providers have taken in; the others take no proof in this place.
        let proved = |node: &NativeNode| match timed.name {
            "publish" => {
                origins(node, timed.arguments).with(2, Peer::named("remote").id(), "registry", "put_host_record")
            }
            _ => origins(node, timed.arguments),
        };
        for given in false_origins(&host, "peer", "timestamp_sec") {
            assert_refused(
                &mut scene.node,
                &["current_timestamp_sec", "`peer.timestamp_sec`", host.id()],
                |node| {
                    let origins = proved(node).raw(timed.time_at, given);
                    node.call(origins, |call| (timed.work)(call, with.clone()))
                },
            );
        }
        let no_arguments = origins(&scene.node, 0);
        assert_refused(&mut scene.node, &["current_timestamp_sec", "nothing"], |node| {
            node.call(no_arguments, |call| (timed.work)(call, with.clone()))
        });
        let in_order = proved(&scene.node).time(timed.time_at);
        let outcome = scene.node.call(in_order, |call| (timed.work)(call, with.clone()));
        outcome.unwrap_or_else(|error| panic!("{}: {error}", timed.name));
    }
}

#[test]
fn a_weight_counts_only_from_this_hosts_trust_graph() {
    for given in false_origins(&Peer::named("host"), "trust-graph", "get_weight") {
        let mut scene = scene();
        let with = material(&scene);
        let remote = Peer::named("remote");
        let (owner, provider, issuer) = (
            weight_of(&with.key.owner_peer_id, 9),
            weight_of(&with.record.metadata.issued_by, 9),
            weight_of(&with.metadata.issued_by, 9),
        );
        let words = ["weight", "`trust-graph.get_weight`"];
        let node = &mut scene.node;
        assert_refused(node, &words, |node| {
            let origins = origins(node, 8).time(7).raw(6, given.clone());
            node.call(origins, |call| {
                call.register_key(vec![with.key.owner_peer_id.clone()], with.key.clone(), &owner, NOW)
            })
        });
        assert_refused(node, &words, |node| {
            let origins = origins(node, 3).time(2).raw(1, given.clone());
            node.call(origins, |call| call.republish_key(with.key.clone(), &owner, NOW))
        });
        assert_refused(node, &words, |node| {
            let origins = origins(node, 5).time(4).raw(3, given.clone());
            node.call(origins, |call| call.put_record(with.record.clone(), &provider, NOW))
        });
        assert_refused(node, &words, |node| {
            let origins = origins(node, 3).time(2).raw(1, given.clone());
            node.call(origins, |call| {
                call.put_host_record(with.metadata.clone(), std::slice::from_ref(&issuer), NOW)
            })
        });
        assert_refused(node, &words, |node| {
            let origins = origins(node, 6).time(5).raw(4, given.clone());
            let origins = origins.with(2, remote.id(), "registry", "put_host_record");
            node.call(origins, |call| {
                call.publish(hosted(Ok(with.unsigned.clone())), std::slice::from_ref(&issuer), NOW)
            })
        });
        assert_refused(node, &words, |node| {
            let origins = origins(node, 3).time(2).raw(1, given.clone());
            node.call(origins, |call| {
                call.republish_records(vec![with.record.clone()], &[provider.clone()], NOW)
            })
        });
    }
}

#[test]
fn the_weight_of_another_peer_is_refused() {
    let mut scene = scene();
    let record = scene.record("provider", NOW);
    let of_another = weight_of(Peer::named("another").id(), 9);
    let words = [
        record.metadata.issued_by.as_str(),
        of_another.peer_id.as_str(),
        "trust-graph.get_weight",
    ];
    assert_refused(&mut scene.node, &words, |node| {
        node.put_weighed(&record, &of_another, NOW)
    });
}

#[test]
fn a_failed_weight_needs_no_proof_and_counts_as_nothing() {
    let mut scene = scene();
    // 32 with a proved weight of 1; what claims a weight in a failed result does not come in.
    for number in 0..32 {
        let record = scene.record(&format!("provider {number}"), NOW - 100);
        let weight = weight_of(&record.metadata.issued_by, 1);
        scene.node.put_weighed(&record, &weight, NOW).unwrap();
    }
    let record = scene.record("provider", NOW);
    let mut claimed = weight_of(&record.metadata.issued_by, u32::MAX);
    claimed.success = false;
    assert_refused(&mut scene.node, &["outrank", "lowest weight 1"], |node| {
        let origins = origins(node, 5).time(4);
        node.call(origins, |call| call.put_record(record.clone(), &claimed, NOW))
    });
}

#[test]
fn each_weight_of_a_list_needs_its_own_proof() {
    let mut scene = scene();
    let records = [scene.record("first", NOW), scene.record("second", NOW)];
    let weights = records.clone().map(|record| weight_of(&record.metadata.issued_by, 5));
    assert_refused(&mut scene.node, &["weights (item 1)"], |node| {
        let origins = origins(node, 3).time(2).weights(1, 1);
        node.call(origins, |call| call.republish_records(records.to_vec(), &weights, NOW))
    });
    assert_eq!(
        scene.node.republish_weighed(&records, &weights, NOW).unwrap().updated,
        2
    );
}

#[test]
fn an_unsigned_record_comes_in_only_as_the_result_of_its_own_host() {
    let mut scene = scene();
    let record = material(&scene).unsigned;
    let remote = Peer::named("remote");
    let host = scene.host();
    for given in false_origins(&remote, "registry", "put_host_record")
        .into_iter()
        .chain([vec![SecurityTetraplet::new(
            host.id(),
            "registry",
            "put_host_record",
            "",
        )]])
    {
        assert_refused(
            &mut scene.node,
            &["result", "`registry.put_host_record`", remote.id()],
            |node| {
                let origins = origins(node, 6).time(5).raw(2, given);
                node.call(origins, |call| call.publish(hosted(Ok(record.clone())), &[], NOW))
            },
        );
    }
    assert_refused(&mut scene.node, &["no signature", "get_record_bytes"], |node| {
        node.put_record(&record, NOW)
    });
    let republished = scene.node.republish_records(&[record.clone()], NOW).unwrap();
    assert!(republished.error().contains("no signature"), "{}", republished.error());
    assert_eq!(scene.providers(NOW), [""; 0]);
    scene.node.publish_host_record(&record, NOW).unwrap();
    assert_eq!(scene.providers(NOW), [remote.id()]);
}
