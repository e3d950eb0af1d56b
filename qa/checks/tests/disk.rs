//! A short `registry-soak disk`: disks that are full or read-only, files that are torn or changed.

use marine_host::MarineHost;
use rand::rngs::StdRng;
use rand::SeedableRng;
use registry_checks::soak::{damage_table, read_only_disk, Damage, Damaged, DamagedFiles, FullDisk, SmallDisk};

fn seed() -> u64 {
    let seed = match std::env::var("DISK_SEED") {
        Ok(seed) => seed.parse().expect("DISK_SEED is a number"),
        Err(_) => rand::random(),
    };
    println!("DISK_SEED={seed}");
    seed
}

/// Whether there can be disks of one's own here; where not, it says why.
fn can_mount() -> bool {
    match SmallDisk::mount(64) {
        Ok(_) => true,
        Err(why) => {
            println!("skipped, for this needs a small disk of its own, and root may mount one: {why}");
            false
        }
    }
}

#[test]
fn a_disk_that_becomes_full_costs_nothing_acknowledged_and_says_so() {
    if !can_mount() {
        return;
    }
    let seed = seed();
    let (marine, mut random) = (MarineHost::new().expect("a host"), StdRng::seed_from_u64(seed));
    let mut full = FullDisk::default();
    for _ in 0..5 {
        full.round(&marine, &mut random)
            .unwrap_or_else(|failure| panic!("DISK_SEED={seed}: {failure}"));
    }
    println!("{full:?}");
    assert!(full.failed > 0, "the disk was never full: {full:?}");
}

#[test]
fn a_disk_that_is_full_from_the_start_is_used_when_there_is_room() {
    if can_mount() {
        let marine = MarineHost::new().expect("a host");
        FullDisk::from_the_start(&marine, seed()).unwrap_or_else(|failure| panic!("{failure}"));
    }
}

#[test]
fn a_read_only_disk_is_used_again_when_it_can_be_written() {
    if can_mount() {
        let marine = MarineHost::new().expect("a host");
        let seed = seed();
        for before in [0, 1, 200] {
            read_only_disk(&marine, seed, before)
                .unwrap_or_else(|failure| panic!("{before} operations before: {failure}"));
        }
    }
}

#[test]
fn torn_and_changed_files_are_noticed_or_harm_nobody() {
    let seed = seed();
    let mut random = StdRng::seed_from_u64(seed);
    let mut files = DamagedFiles::new(seed).unwrap_or_else(|failure| panic!("{failure}"));
    let tallies = Damage::ALL.map(|damage| {
        let mut tally = Damaged::default();
        for _ in 0..10 {
            files
                .round(damage, &mut random, &mut tally)
                .unwrap_or_else(|failure| panic!("DISK_SEED={seed}: {failure}"));
        }
        (damage, tally)
    });
    println!("{}", damage_table(&tallies));
    for (damage, tally) in tallies {
        assert_eq!(tally.unnoticed, 0, "{damage:?}: rows that nobody wrote were served");
        assert_eq!(tally.rows_missing, 0, "{damage:?}: rows have gone without a word");
    }
}
