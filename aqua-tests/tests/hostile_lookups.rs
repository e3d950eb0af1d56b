//! A third of a resource's neighbours lies to those who read and write. Clients that need one answer more than there are
//! liars get what is true, all of it and nothing else, and pay a bounded price.

use aqua_tests::hostile::{Figures, Lie, Op, Siege, SiegeConfig};
use devnet::Behaviour;

/// What answers at their maxima may make of a call, beside the same network at peace: the others' answers are read
/// while those travel.
fn assert_bounded(config: &SiegeConfig, peace: &Figures, war: &Figures, bytes_factor: u64, avm_factor: u64) {
    for op in [Op::Create, Op::Register, Op::RegisterNode, Op::Resolve, Op::Unregister] {
        let (before, under) = (peace.costs[&op], war.costs[&op]);
        assert!(
            under.bytes <= bytes_factor * before.bytes,
            "{config:?}: {op:?}: {} bytes instead of {}",
            under.bytes,
            before.bytes
        );
        assert!(
            under.avm_calls <= avm_factor * before.avm_calls,
            "{config:?}: {op:?}: {} AVM calls instead of {}",
            under.avm_calls,
            before.avm_calls
        );
    }
    assert!(under_twice(war.db_len_max, peace.db_len_max), "{war:?}");
}

fn under_twice(under: u64, before: u64) -> bool {
    under <= 2 * before
}

#[test]
fn nothing_forged_or_deleted_is_found_and_nothing_honest_is_missing() {
    let lies = [
        Lie::StolenSignatures,
        Lie::WrongSigner,
        Lie::AnotherKey,
        Lie::Replay,
        Lie::ForgedTombstones,
    ];
    let config = SiegeConfig::new(1).lies(lies);
    let peace = Siege::new(config.peaceful()).run();
    let war = Siege::new(config.clone()).run();
    assert_bounded(&config, &peace, &war, 3, 2);
}

#[test]
fn nodes_that_withhold_pretend_or_replay_hide_nothing() {
    let behaviours = [
        Behaviour::Withhold,
        Behaviour::Silent,
        Behaviour::Late,
        Behaviour::Pretend,
        Behaviour::Replay,
        Behaviour::Honest,
    ];
    Siege::new(SiegeConfig::new(2).behaviours(behaviours).lies([Lie::Replay])).run();
}

#[test]
fn huge_answers_and_those_of_wrong_types_are_dropped() {
    let behaviours = [Behaviour::Huge, Behaviour::WrongType];
    let config = SiegeConfig::new(3).behaviours(behaviours).lies([Lie::Bomb]);
    let war = Siege::new(config).run();
    // All services of 24 nodes.
    assert!(war.memory_bytes < 512 << 20, "{war:?}");
}

#[test]
fn nodes_that_tell_everybody_something_else_convince_nobody() {
    let config = SiegeConfig::new(4)
        .behaviours([Behaviour::Replay, Behaviour::Withhold])
        .lies(Lie::ALL)
        .equivocating();
    Siege::new(config).run();
}

#[test]
fn nodes_that_garble_swallow_or_repeat_particles_do_not_stop_the_others() {
    let behaviours = [Behaviour::Garble, Behaviour::Swallow, Behaviour::Repeat];
    Siege::new(SiegeConfig::new(5).behaviours(behaviours)).run();
}
