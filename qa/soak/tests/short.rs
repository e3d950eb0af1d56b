//! Every scenario, short.

use registry_soak::{Figures, Options, Progress, Scenario};

/// Few nodes that run their spells seldom: what is shown does not depend on how often.
fn options(seed: u64) -> Options {
    Options {
        seed,
        nodes: Some(4),
        // One of a client's, one of a node's, one of both.
        resources: 3,
        tick: 1_800,
        ack: vec![1, 2],
        crowd: 0,
        ..Options::default()
    }
}

/// So long that a node joins, runs its spell twice and is looked at.
fn busy(seed: u64) -> Options {
    Options {
        nodes: Some(8),
        hours: Some(0.85),
        tick: 300,
        ..options(seed)
    }
}

fn suppressed(seed: u64) -> Options {
    Options {
        nodes: Some(5),
        hours: Some(1.4),
        tick: 450,
        ..options(seed)
    }
}

fn blind(seed: u64) -> Options {
    Options {
        // Three pairs, so that nobody sees nobody to the end and is due then.
        nodes: Some(6),
        // Three runs and two leases are shorter than an interval: whoever has settled keys with too few does not agree in time.
        tick: 600,
        loss: 0.0,
        ..options(seed)
    }
}

/// What keeps nodes from replicating must be seen: a scenario that finds nothing then shows nothing.
fn run_without_replication(scenario: Scenario, options: Options) {
    let options = Options {
        without_replication: true,
        ..options
    };
    let figures = scenario.run(&options, Progress::hidden());
    let figures = figures.unwrap_or_else(|error| panic!("{}: {error:?}", scenario.name()));
    println!(
        "{}: {} violations, {:.0} s",
        scenario.name(),
        figures.violation_count,
        figures.wall_sec
    );
    assert!(figures.violation_count > 0, "{}: {figures:?}", scenario.name());
}

fn run(scenario: Scenario, options: &Options) -> Figures {
    println!("{}: seed {}", scenario.name(), options.seed);
    let figures = scenario.run(options, Progress::hidden());
    let figures = figures.unwrap_or_else(|error| panic!("{}, seed {}: {error:?}", scenario.name(), options.seed));
    assert_eq!(figures.violations, [] as [String; 0]);
    assert_eq!(figures.spell_errors, [] as [String; 0]);
    assert!(figures.checks > 0 && figures.providers_expected > 0, "{figures:?}");
    figures
}

#[test]
fn live_providers_are_found_while_nodes_come_and_go() {
    let options = Options {
        days: 0.25,
        check_every: 60,
        ..options(1)
    };
    let figures = run(Scenario::Churn, &options);
    assert!(figures.nodes_replaced >= 4, "{figures:?}");
    assert!(figures.checks >= 15, "{figures:?}");
}

#[test]
fn what_is_over_goes_while_nodes_come_and_go() {
    let options = Options {
        days: 0.8,
        lifetime: 6,
        nodes: Some(3),
        check_every: 12 * 60,
        tick: 3_600,
        loss: 0.0,
        ..options(2)
    };
    let figures = run(Scenario::Churn, &options);
    assert!(figures.unused_keys > 0 && figures.providers_deleted > 0, "{figures:?}");
    // Each unused key twice, all tombstones, and the replicas of each resource.
    assert_eq!(figures.state_checks, 2 * figures.unused_keys + 1 + figures.resources);
}

#[test]
fn nothing_is_lost_when_all_nodes_restart_at_once() {
    let figures = run(Scenario::RestartAll, &options(3));
    assert_eq!(figures.restarts, 12);
}

#[test]
fn the_last_node_brings_everything_to_those_that_join() {
    let figures = run(Scenario::LastOne, &options(4));
    assert_eq!(figures.nodes_replaced, 3);
    assert_eq!(figures.state_checks, 3);
}

#[test]
fn the_halves_of_a_partition_agree_when_they_meet_again() {
    let options = Options {
        tick: 3_600,
        ..options(5)
    };
    let figures = run(Scenario::Partition, &options);
    assert!(figures.providers_deleted >= 2, "{figures:?}");
    assert_eq!(figures.state_checks, 5);
}

#[test]
fn rounds_resume_when_their_nodes_were_killed_amid_them() {
    let figures = run(Scenario::KilledMidway, &options(6));
    assert!(figures.kills_midway >= 3, "{figures:?}");
}

#[test]
fn nodes_that_were_away_do_not_answer_for_what_they_missed() {
    let options = Options {
        nodes: Some(6),
        tick: 600,
        ..options(7)
    };
    let figures = run(Scenario::Away, &options);
    assert_eq!(figures.restarts, 4);
}

#[test]
fn nodes_that_see_nobody_settle_nothing() {
    let figures = run(Scenario::NoPeersYet, &blind(8));
    assert_eq!(figures.restarts, 6);
}

#[test]
fn keys_that_are_registered_and_republished_all_the_time_are_replicated() {
    let figures = run(Scenario::BusyKeys, &busy(9));
    assert!(
        figures.nodes_replaced >= 1 && figures.newcomer_checks > 0,
        "{figures:?}"
    );
    assert!(figures.providers_deleted >= 1, "{figures:?}");
}

#[test]
fn whoever_says_that_it_holds_the_same_at_the_worst_moments_keeps_nothing_from_newcomers() {
    let figures = run(Scenario::Suppression, &suppressed(10));
    assert!(
        figures.nodes_replaced >= 1 && figures.newcomer_checks > 0,
        "{figures:?}"
    );
    // It is believed: of each resource the copies on all nodes, more than once.
    assert!(figures.keys_put_off > 2 * figures.resources * 5, "{figures:?}");
}

#[test]
fn newcomers_that_are_not_filled_are_seen() {
    run_without_replication(Scenario::BusyKeys, busy(14));
    run_without_replication(Scenario::Suppression, suppressed(15));
}

#[test]
fn replicas_that_are_not_exchanged_are_seen() {
    let churn = Options {
        days: 0.17,
        check_every: 60,
        ..options(13)
    };
    run_without_replication(Scenario::Churn, churn);
    run_without_replication(Scenario::NoPeersYet, blind(16));
}

#[test]
fn nodes_that_know_few_others_find_what_is_registered() {
    let options = Options {
        nodes: Some(24),
        hours: Some(0.8),
        ..options(11)
    };
    let figures = run(Scenario::ShortTables, &options);
    assert!(figures.nodes_replaced >= 4, "{figures:?}");
}

#[test]
fn of_more_providers_than_a_key_can_hold_the_latest_are_found() {
    let options = Options {
        days: 0.1,
        crowd: 34,
        loss: 0.0,
        check_every: 60,
        ..options(12)
    };
    let figures = run(Scenario::Churn, &options);
    // Of the crowd some 30, of the others one or two.
    assert!(figures.providers_expected > 60, "{figures:?}");
}
