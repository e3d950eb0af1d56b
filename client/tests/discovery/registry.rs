//! The registry as a value.

use std::time::{Duration, Instant};

use registry_client::discovery::{
    Error, Metadata, Name, Options, Refresh, ServiceRegistry, CACHED_NAMES_MAX, CACHED_PROVIDERS_MAX,
    LOCAL_SERVICES_MAX, NAME_LEN_MAX,
};
use serde_json::json;

use crate::stage::{answer, get, ids, metadata, name, provider, says, SECOND};

const HOUR: Duration = Duration::from_secs(3_600);

fn new() -> (ServiceRegistry, Instant) {
    (ServiceRegistry::new(), Instant::now())
}

fn of(cache_ttl: u64, service_ttl: u64) -> (ServiceRegistry, Instant) {
    let options = Options {
        cache_ttl: Duration::from_secs(cache_ttl),
        service_ttl: Duration::from_secs(service_ttl),
        ..Options::default()
    };
    (ServiceRegistry::with_options(options).unwrap(), Instant::now())
}

/// Under each name one provider, cached for so many seconds.
fn cache(registry: &mut ServiceRegistry, now: Instant, names: &[(&str, u64)]) {
    for (of, ttl) in names {
        let ttl = Duration::from_secs(*ttl);
        registry
            .cache_service(&name(of), vec![provider("a")], ttl, now)
            .unwrap();
    }
}

fn topic(name: &str) -> Name {
    Name::topic(name).unwrap()
}

fn subscribe(registry: &mut ServiceRegistry, now: Instant, topics: &[(&str, u64)]) {
    for (of, ttl) in topics {
        let ttl = Duration::from_secs(*ttl);
        registry
            .cache_subscribers(&topic(of), vec![provider("s")], ttl, now)
            .unwrap();
    }
}

fn found<'a>(registry: &'a ServiceRegistry, of: &str, now: Instant) -> Option<Vec<&'a str>> {
    registry.discover_service(&name(of), Refresh::WhenExpired, now).map(ids)
}

fn subscribed<'a>(registry: &'a ServiceRegistry, of: &str, now: Instant) -> Option<Vec<&'a str>> {
    registry
        .discover_subscribers(&topic(of), Refresh::WhenExpired, now)
        .map(ids)
}

#[test]
fn a_new_registry_is_empty_and_has_the_documented_times() {
    let (registry, now) = new();
    let Options {
        default_ttl,
        cache_ttl,
        service_ttl,
    } = registry.options();
    assert_eq!(
        [default_ttl, cache_ttl, service_ttl].map(|ttl| ttl.as_secs()),
        [300, 60, 300]
    );
    assert!(registry.list_local_services(now).is_empty());
}

#[test]
fn a_registry_has_the_times_that_it_is_given() {
    let options = Options {
        default_ttl: HOUR,
        cache_ttl: Duration::from_secs(5),
        service_ttl: Duration::from_secs(7),
    };
    assert_eq!(ServiceRegistry::with_options(options).unwrap().options(), options);
}

#[test]
fn times_that_are_too_short_or_too_long_are_refused_by_name() {
    let of = |default_ttl, cache_ttl, service_ttl| Options {
        default_ttl,
        cache_ttl,
        service_ttl,
    };
    for (options, named) in [
        (of(19 * SECOND, SECOND, SECOND), "default_ttl `19s` is outside 20s to"),
        (of(25 * HOUR, SECOND, SECOND), "default_ttl"),
        (of(HOUR, 25 * HOUR, SECOND), "cache_ttl"),
        (of(HOUR, SECOND, 25 * HOUR), "service_ttl"),
    ] {
        let error = ServiceRegistry::with_options(options).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}

#[tokio::test]
async fn an_advertised_service_has_its_handler_and_its_metadata() {
    let (mut registry, now) = new();
    let unit = metadata(&json!({"unit": "kWh"}));
    registry
        .advertise_local(&get(), says("here"), unit.clone(), now)
        .unwrap();
    let handler = registry.get_local_handler(&get(), now).unwrap();
    assert_eq!(answer(&handler).await, json!("here"));
    assert_eq!(registry.get_local_metadata(&get(), now), Some(&unit));
    assert_eq!(registry.list_local_services(now), [get()]);
}

#[tokio::test]
async fn a_service_that_is_advertised_again_has_the_later_handler() {
    let (mut registry, now) = new();
    for words in ["first", "second"] {
        registry
            .advertise_local(&get(), says(words), Metadata::new(), now)
            .unwrap();
    }
    assert_eq!(
        answer(&registry.get_local_handler(&get(), now).unwrap()).await,
        json!("second")
    );
    assert_eq!(registry.list_local_services(now).len(), 1);
}

#[test]
fn a_service_that_was_never_advertised_has_no_handler() {
    let (registry, now) = new();
    assert!(registry.get_local_handler(&get(), now).is_none());
}

#[test]
fn several_services_are_listed_by_name() {
    let (mut registry, now) = new();
    for of in ["c.x", "a.x", "b.x"] {
        registry
            .advertise_local(&name(of), says(of), Metadata::new(), now)
            .unwrap();
    }
    assert_eq!(registry.list_local_services(now), ["a.x", "b.x", "c.x"].map(name));
}

#[test]
fn of_several_services_the_one_that_is_unadvertised_goes() {
    let (mut registry, now) = new();
    for of in ["a.x", "b.x", "c.x"] {
        registry
            .advertise_local(&name(of), says(of), Metadata::new(), now)
            .unwrap();
    }
    assert!(registry.unadvertise_local(&name("b.x")));
    assert_eq!(registry.list_local_services(now), ["a.x", "c.x"].map(name));
    assert!(registry.get_local_handler(&name("b.x"), now).is_none());
}

#[test]
fn unadvertising_what_is_not_there_says_so() {
    let (mut registry, _) = new();
    assert!(!registry.unadvertise_local(&get()));
}

#[test]
fn a_local_service_is_over_at_its_age_whether_it_was_pruned_or_not() {
    let (mut registry, now) = of(60, 300);
    registry
        .advertise_local(&get(), says("x"), Metadata::new(), now)
        .unwrap();
    assert!(registry.get_local_handler(&get(), now + 299 * SECOND).is_some());
    let later = now + 300 * SECOND;
    assert!(registry.get_local_handler(&get(), later).is_none());
    assert!(registry.get_local_metadata(&get(), later).is_none());
    assert!(registry.list_local_services(later).is_empty());
}

#[test]
fn a_local_service_that_is_advertised_again_lives_on() {
    let (mut registry, now) = of(60, 300);
    for at in [0, 240, 480] {
        let at = now + Duration::from_secs(at);
        registry
            .advertise_local(&get(), says("x"), Metadata::new(), at)
            .unwrap();
        assert_eq!(registry.prune_expired_local_services(at + 240 * SECOND), 0);
    }
    assert!(registry.get_local_handler(&get(), now + 779 * SECOND).is_some());
    assert_eq!(registry.prune_expired_local_services(now + 780 * SECOND), 1);
}

#[test]
fn what_was_never_cached_is_a_miss() {
    let (registry, now) = new();
    assert_eq!(found(&registry, "a.x", now), None);
}

#[test]
fn what_was_cached_is_a_hit() {
    let (mut registry, now) = new();
    let providers = vec![provider("a"), provider("b")];
    registry
        .cache_service(&get(), providers.clone(), 30 * SECOND, now)
        .unwrap();
    let hit = registry.discover_service(&get(), Refresh::WhenExpired, now + 29 * SECOND);
    assert_eq!(hit, Some(&providers[..]), "metadata come back as they went in");
    assert_eq!(found(&registry, "other.x", now), None);
}

#[test]
fn what_is_cached_again_is_the_later_for_as_long_as_the_later() {
    let (mut registry, now) = new();
    cache(&mut registry, now, &[("a.x", 10)]);
    let later = now + 5 * SECOND;
    registry
        .cache_service(&name("a.x"), vec![provider("b")], 10 * SECOND, later)
        .unwrap();
    assert_eq!(found(&registry, "a.x", later + 9 * SECOND), Some(vec!["b"]));
    assert_eq!(found(&registry, "a.x", later + 10 * SECOND), None);
}

#[test]
fn that_nobody_is_there_can_be_cached() {
    let (mut registry, now) = new();
    registry.cache_service(&get(), Vec::new(), SECOND, now).unwrap();
    assert_eq!(found(&registry, "energy.home.get", now), Some(vec![]));
}

#[test]
fn at_its_age_it_is_a_miss() {
    let (mut registry, now) = new();
    cache(&mut registry, now, &[("a.x", 10)]);
    assert_eq!(found(&registry, "a.x", now + 10 * SECOND), None);
}

#[test]
fn the_shorter_of_the_two_times_counts() {
    let (mut registry, now) = of(60, 300);
    cache(&mut registry, now, &[("short.x", 30), ("long.x", 90)]);
    let at = |sec| now + Duration::from_secs(sec);
    assert_eq!(
        found(&registry, "short.x", at(30)),
        None,
        "an entry's own time is not ignored"
    );
    assert_eq!(found(&registry, "long.x", at(59)), Some(vec!["a"]));
    assert_eq!(found(&registry, "long.x", at(60)), None);
}

#[test]
fn a_time_of_0_expires_at_once() {
    let (mut registry, now) = new();
    cache(&mut registry, now, &[("a.x", 0)]);
    assert_eq!(found(&registry, "a.x", now), None);
    let (mut caches_nothing, now) = of(0, 300);
    cache(&mut caches_nothing, now, &[("a.x", 60)]);
    assert_eq!(found(&caches_nothing, "a.x", now), None);
}

#[test]
fn a_clock_that_goes_back_expires_nothing() {
    let (mut registry, now) = new();
    cache(&mut registry, now + HOUR, &[("a.x", 10)]);
    assert_eq!(found(&registry, "a.x", now), Some(vec!["a"]));
}

#[test]
fn a_forced_refresh_is_a_miss_and_what_is_cached_stays() {
    let (mut registry, now) = new();
    cache(&mut registry, now, &[("a.x", 10)]);
    assert_eq!(registry.discover_service(&name("a.x"), Refresh::Force, now), None);
    assert_eq!(found(&registry, "a.x", now), Some(vec!["a"]));
}

#[test]
fn a_cleared_cache_is_empty_and_the_other_is_not() {
    let (mut registry, now) = new();
    cache(&mut registry, now, &[("a.x", 10), ("b.x", 10)]);
    subscribe(&mut registry, now, &[("a", 10)]);
    registry.clear_cache();
    assert_eq!(
        (found(&registry, "a.x", now), found(&registry, "b.x", now)),
        (None, None)
    );
    assert_eq!(subscribed(&registry, "a", now), Some(vec!["s"]));
    assert_eq!(registry.prune_expired(now + HOUR), 0);
}

#[test]
fn pruning_the_cache_counts_none_some_and_all() {
    let (mut registry, now) = new();
    assert_eq!(registry.prune_expired(now), 0, "there is nothing");
    cache(&mut registry, now, &[("a.x", 10), ("b.x", 10), ("c.x", 20)]);
    assert_eq!(registry.prune_expired(now + 9 * SECOND), 0);
    assert_eq!(registry.prune_expired(now + 10 * SECOND), 2);
    assert_eq!(found(&registry, "c.x", now + 10 * SECOND), Some(vec!["a"]));
    assert_eq!(registry.prune_expired(now + 20 * SECOND), 1);
    assert_eq!(registry.prune_expired(now + 20 * SECOND), 0, "they are gone");
}

#[test]
fn pruning_local_services_counts_none_some_and_all() {
    let (mut registry, now) = of(60, 10);
    assert_eq!(registry.prune_expired_local_services(now), 0, "there is nothing");
    for (of, at) in [("a.x", 0), ("b.x", 0), ("c.x", 5)] {
        let at = now + Duration::from_secs(at);
        registry
            .advertise_local(&name(of), says(of), Metadata::new(), at)
            .unwrap();
    }
    assert_eq!(registry.prune_expired_local_services(now + 9 * SECOND), 0);
    assert_eq!(registry.prune_expired_local_services(now + 10 * SECOND), 2);
    assert_eq!(registry.list_local_services(now + 10 * SECOND), [name("c.x")]);
    assert_eq!(registry.prune_expired_local_services(now + 15 * SECOND), 1);
    assert!(!registry.unadvertise_local(&name("c.x")), "it is gone");
}

#[test]
fn pruning_subscribers_counts_none_some_and_all() {
    let (mut registry, now) = new();
    assert_eq!(registry.prune_expired_subscribers(now), 0, "there is nothing");
    subscribe(&mut registry, now, &[("a", 10), ("b", 10), ("c", 20)]);
    assert_eq!(registry.prune_expired_subscribers(now + 9 * SECOND), 0);
    assert_eq!(registry.prune_expired_subscribers(now + 10 * SECOND), 2);
    assert_eq!(subscribed(&registry, "c", now + 10 * SECOND), Some(vec!["s"]));
    assert_eq!(registry.prune_expired_subscribers(now + 20 * SECOND), 1);
}

#[test]
fn one_prune_leaves_what_belongs_to_the_others() {
    let (mut registry, now) = of(60, 10);
    cache(&mut registry, now, &[("a.x", 10)]);
    subscribe(&mut registry, now, &[("a", 10)]);
    registry
        .advertise_local(&name("a.x"), says("x"), Metadata::new(), now)
        .unwrap();
    let later = now + HOUR;
    let counts = [
        registry.prune_expired(later),
        registry.prune_expired_subscribers(later),
        registry.prune_expired_local_services(later),
    ];
    assert_eq!(counts, [1, 1, 1]);
}

#[test]
fn subscribers_are_cached_as_services_are() {
    let (mut registry, now) = new();
    assert_eq!(subscribed(&registry, "a", now), None, "a miss on empty");
    subscribe(&mut registry, now, &[("a", 10), ("b", 0), ("c", 90)]);
    let at = |sec| now + Duration::from_secs(sec);
    assert_eq!(subscribed(&registry, "a", at(9)), Some(vec!["s"]));
    assert_eq!(subscribed(&registry, "a", at(10)), None);
    assert_eq!(subscribed(&registry, "b", now), None, "0 expires at once");
    assert_eq!(subscribed(&registry, "c", at(60)), None, "cache_ttl is the most");
    assert_eq!(registry.discover_subscribers(&topic("a"), Refresh::Force, now), None);
    registry.clear_subscriber_cache();
    assert_eq!(subscribed(&registry, "a", now), None);
}

#[test]
fn subscribers_and_services_are_apart_even_under_one_name() {
    let (mut registry, now) = new();
    registry
        .cache_service(&get(), vec![provider("service")], SECOND, now)
        .unwrap();
    registry
        .cache_subscribers(&get(), vec![provider("subscriber")], SECOND, now)
        .unwrap();
    let hit = |providers: Option<&[_]>| providers.map(|providers| ids(providers).concat());
    let service = hit(registry.discover_service(&get(), Refresh::WhenExpired, now));
    let subscriber = hit(registry.discover_subscribers(&get(), Refresh::WhenExpired, now));
    assert_eq!(
        (service.as_deref(), subscriber.as_deref()),
        (Some("service"), Some("subscriber"))
    );
    registry.clear_subscriber_cache();
    assert!(registry.discover_service(&get(), Refresh::WhenExpired, now).is_some());
}

#[test]
fn a_provider_that_is_forgotten_leaves_the_others_and_the_last_leaves_a_miss() {
    let (mut registry, now) = new();
    registry
        .cache_service(&get(), vec![provider("a"), provider("b")], 10 * SECOND, now)
        .unwrap();
    registry.forget_provider(&get(), &provider("nobody"));
    registry.forget_provider(&get(), &provider("a"));
    assert_eq!(found(&registry, "energy.home.get", now + 9 * SECOND), Some(vec!["b"]));
    assert_eq!(
        found(&registry, "energy.home.get", now + 10 * SECOND),
        None,
        "its time is as it was"
    );
    let moved = registry_client::discovery::ProviderInfo {
        endpoint: "elsewhere".into(),
        ..provider("b")
    };
    registry.forget_provider(&get(), &moved);
    assert_eq!(
        found(&registry, "energy.home.get", now),
        Some(vec!["b"]),
        "another place is meant"
    );
    registry.forget_provider(&get(), &provider("b"));
    assert_eq!(found(&registry, "energy.home.get", now), None);
}

#[test]
fn a_full_cache_makes_room_of_what_expired_and_else_of_the_oldest() {
    let (mut registry, now) = new();
    let at = |index: usize| now + Duration::from_millis(index as u64);
    for index in 0..CACHED_NAMES_MAX {
        cache(&mut registry, at(index), &[(&format!("n{index}"), 50)]);
    }
    let full = at(CACHED_NAMES_MAX);
    cache(&mut registry, full, &[("n1", 50)]);
    assert!(
        found(&registry, "n0", full).is_some(),
        "what is there already takes no room"
    );
    cache(&mut registry, full, &[("new", 50)]);
    assert!(found(&registry, "n0", full).is_none() && found(&registry, "n1", full).is_some());
    let expired = now + 52 * SECOND;
    cache(&mut registry, expired, &[("newest", 50)]);
    assert_eq!(registry.prune_expired(expired), 0, "all that had expired has made room");
}

#[test]
fn more_than_can_be_kept_is_refused_with_the_limit_and_the_way_out() {
    let (mut registry, now) = new();
    let many = vec![provider("a"); CACHED_PROVIDERS_MAX + 1];
    let error = registry.cache_service(&get(), many, SECOND, now).unwrap_err();
    assert!(
        matches!(
            &error,
            Error::TooMany {
                count: 1_025,
                max: 1_024,
                ..
            }
        ),
        "{error}"
    );

    for index in 0..LOCAL_SERVICES_MAX {
        let of = name(&format!("n{index}"));
        registry.advertise_local(&of, says("x"), Metadata::new(), now).unwrap();
    }
    registry
        .advertise_local(&name("n0"), says("x"), Metadata::new(), now)
        .unwrap();
    let error = registry
        .advertise_local(&get(), says("x"), Metadata::new(), now)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("1025, and at most 1024 are possible: unadvertise one"),
        "{error}"
    );
    let expired = now + 300 * SECOND;
    registry
        .advertise_local(&get(), says("x"), Metadata::new(), expired)
        .unwrap();
    assert_eq!(registry.list_local_services(expired), [get()]);
}

#[test]
fn a_name_is_what_a_record_can_carry() {
    let longest = "x".repeat(NAME_LEN_MAX);
    assert_eq!(name(&longest).as_str(), longest);
    assert!(topic("energy.prices").is_topic() && !get().is_topic());
    for wrong in [
        "",
        "a b",
        "a\"b",
        "a\\b",
        "a\nb",
        "topic/x",
        &"x".repeat(NAME_LEN_MAX + 1),
    ] {
        let error = wrong.parse::<Name>().unwrap_err().to_string();
        assert!(error.starts_with("the service `") && error.len() < 250, "{error}");
    }
    assert!(Name::topic("").is_err());
    assert!(Name::topic(&"x".repeat(NAME_LEN_MAX - 5)).is_err());
}
