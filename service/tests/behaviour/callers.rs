//! What only the host, or the creator of the service, may do.

use registry_service::calls::{Call, CallError};
use registry_service::store::NativeBackend;
use registry_testkit::{Origins, Peer};

use crate::support::{assert_refused, scene};

type SetTimeout = fn(&mut Call<'_, NativeBackend>) -> Result<(), CallError>;

/// R3: anybody may call 0.9.4's set_expired_timeout(0), and all records are gone.
#[test]
fn only_the_host_and_the_creator_set_timeouts() {
    let mut scene = scene();
    let (host, creator, other) = (scene.host(), Peer::named("creator"), Peer::named("other"));
    let set: [SetTimeout; 2] = [
        |call| call.set_expired_timeout(7_200),
        |call| call.set_stale_timeout(1_800),
    ];
    for set in set {
        let words = ["timeout", other.id(), host.id(), creator.id()];
        assert_refused(&mut scene.node, &words, |node| {
            node.call(Origins::new(&host, &other, 1).creator(&creator), set)
        });
        for allowed in [&creator, &host] {
            let origins = Origins::new(&host, allowed, 1).creator(&creator);
            scene.node.call(origins, set).unwrap();
        }
    }
    let timeouts = scene.node.registry().store().timeouts();
    assert_eq!((timeouts.expired_sec, timeouts.stale_sec), (7_200, 1_800));
}

#[test]
fn timeouts_out_of_range_are_refused_even_of_the_host() {
    let mut scene = scene();
    for given in [0, 365 * 86_400 + 1, u64::MAX] {
        let given_text = given.to_string();
        let words = [given_text.as_str(), "1..=31536000 s"];
        assert_refused(&mut scene.node, &words, |node| node.set_expired_timeout(given));
        assert_refused(&mut scene.node, &words, |node| node.set_stale_timeout(given));
    }
}
