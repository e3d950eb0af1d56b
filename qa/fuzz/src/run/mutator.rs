//! Changes inputs at random, without knowing what they mean.

use rand::rngs::StdRng;
use rand::Rng;

/// Longest input, in bytes.
pub const INPUT_LEN_MAX: usize = 1_024;
const INTERESTING: [u8; 8] = [0, 1, 2, 7, 0x7f, 0x80, 0xfe, 0xff];

/// Random bytes, few mostly.
pub(super) fn fresh(random: &mut StdRng) -> Vec<u8> {
    let len = 1 << random.gen_range(2..=9);
    let mut bytes = vec![0; random.gen_range(1..=len)];
    random.fill(bytes.as_mut_slice());
    bytes
}

/// Some changes at once; `other` is an input to take parts from.
pub(super) fn mutate(random: &mut StdRng, input: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..1 << random.gen_range(0..4) {
        change(random, input, other);
    }
    input.truncate(INPUT_LEN_MAX);
}

fn change(random: &mut StdRng, input: &mut Vec<u8>, other: &[u8]) {
    if input.is_empty() {
        input.extend(fresh(random));
        return;
    }
    let at = random.gen_range(0..input.len());
    let end = random.gen_range(at..=input.len().min(at + 32));
    match random.gen_range(0..10) {
        0 => input[at] ^= 1 << random.gen_range(0..8),
        1..=2 => input[at] = random.gen(),
        3 => input[at] = INTERESTING[random.gen_range(0..INTERESTING.len())],
        4 => input[at] = input[at].wrapping_add(random.gen_range(0..=4)).wrapping_sub(2),
        5 => drop(input.drain(at..end)),
        6 => {
            let bytes: Vec<u8> = (0..random.gen_range(1..=16)).map(|_| random.gen()).collect();
            drop(input.splice(at..at, bytes));
        }
        7 => {
            let again = input[at..end].to_vec();
            drop(input.splice(at..at, again));
        }
        8 if !other.is_empty() => {
            let from = random.gen_range(0..other.len());
            let to = random.gen_range(from..=other.len().min(from + 64));
            drop(input.splice(at..end, other[from..to].iter().copied()));
        }
        _ => input.extend(other.iter().take(random.gen_range(0..=64))),
    }
}
