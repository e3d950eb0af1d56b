//! Makes an input smaller as long as it still does what it is there for.

/// The smallest input found in so many tries, by removing parts and clearing bytes.
pub fn minimise(input: &[u8], tries_max: usize, mut still: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut best = input.to_vec();
    let mut tries = 0;
    let mut holds = |candidate: &[u8]| {
        tries += 1;
        tries <= tries_max && still(candidate)
    };
    loop {
        let before = best.clone();
        let mut len = best.len().next_power_of_two();
        while len > 0 {
            remove_parts(&mut best, len, &mut holds);
            len /= 2;
        }
        clear_bytes(&mut best, &mut holds);
        if best == before {
            return best;
        }
    }
}

fn remove_parts(best: &mut Vec<u8>, len: usize, holds: &mut impl FnMut(&[u8]) -> bool) {
    let mut at = 0;
    while at < best.len() {
        let mut candidate = best.clone();
        candidate.drain(at..(at + len).min(best.len()));
        if holds(&candidate) {
            *best = candidate;
        } else {
            at += len;
        }
    }
}

fn clear_bytes(best: &mut Vec<u8>, holds: &mut impl FnMut(&[u8]) -> bool) {
    for at in 0..best.len() {
        if best[at] != 0 {
            let mut candidate = best.clone();
            candidate[at] = 0;
            if holds(&candidate) {
                *best = candidate;
            }
        }
    }
}
