//! Choices made from bytes. When the bytes are used up every choice is the first one, which is the harmless one.

mod cast;
mod objects;
mod origins;

use arbitrary::Unstructured;

pub use cast::{cast, Cast, LABELS};
pub use objects::{damage, Objects};
pub use origins::{Argument, Claims, Proof};

/// The time of an honest host.
pub const NOW: u64 = 1_700_000_000;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Seconds from [`NOW`], on both sides of every border there is.
const OFFSETS: [i64; 26] = [
    0,
    1,
    -1,
    29,
    30,
    31,
    60,
    -60,
    -300,
    -299,
    -HOUR,
    1 - HOUR,
    -12 * HOUR,
    1 - 12 * HOUR,
    -DAY,
    1 - DAY,
    -2 * DAY,
    1 - 2 * DAY,
    HOUR,
    HOUR + 1,
    12 * HOUR,
    DAY - 1,
    DAY,
    DAY + 1,
    2 * DAY,
    3 * DAY,
];
/// Times that no honest clock shows.
const ABSURD: [u64; 7] = [0, 1, 86_400, i64::MAX as u64 - 1, i64::MAX as u64, 1 << 63, u64::MAX];

/// An input.
#[derive(Debug)]
pub struct Source<'b>(Unstructured<'b>);

impl<'b> Source<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(Unstructured::new(bytes))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A number below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        self.0.int_in_range(0..=count.saturating_sub(1)).unwrap_or(0)
    }

    pub fn pick<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        &items[self.below(items.len())]
    }

    /// True once in `times`, and never without bytes.
    pub fn rarely(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    pub fn number(&mut self) -> u64 {
        self.0.arbitrary().unwrap_or(0)
    }

    /// At most `len_max` bytes as they are.
    pub fn bytes(&mut self, len_max: usize) -> &'b [u8] {
        let len = self.below(len_max + 1).min(self.0.len());
        self.0.bytes(len).unwrap_or_default()
    }

    /// What is left.
    pub fn rest(&mut self) -> &'b [u8] {
        let len = self.0.len();
        self.0.bytes(len).unwrap_or_default()
    }

    /// A time from the table: which, and what it is.
    pub fn near_time(&mut self) -> u64 {
        NOW.saturating_add_signed(*self.pick(&OFFSETS))
    }

    /// The honest time mostly, a time near a border, an absurd one rarely.
    pub fn time(&mut self) -> u64 {
        match self.below(8) {
            0..=3 => NOW,
            4..=6 => self.near_time(),
            _ => *self.pick(&ABSURD),
        }
    }

    pub fn absurd_time(&mut self) -> u64 {
        *self.pick(&ABSURD)
    }

    /// How many items a list has: few mostly, around a limit rarely, because that takes long.
    pub fn count(&mut self, limit: usize) -> usize {
        match self.below(128) {
            low @ 0..=111 => low % 5,
            112..=124 => self.below(12),
            125 => limit - 1,
            126 => limit,
            _ => limit + 1,
        }
    }

    /// A text that nobody expects: empty, long, around a limit, in other scripts, random.
    pub fn hostile_text(&mut self) -> String {
        const SAMPLES: [&str; 8] = ["", "1", " ", "\0", "ключ", "🦀", "'; DROP TABLE keys; --", "0OIl"];
        const LENGTHS: [usize; 16] = [
            43, 44, 45, 46, 52, 63, 64, 65, 127, 128, 129, 511, 512, 513, 4_096, 4_097,
        ];
        const FILL: [char; 4] = ['1', 'z', 'a', 'é'];
        match self.below(16) {
            0..=4 => (*self.pick(&SAMPLES)).to_owned(),
            5..=9 => {
                let fill = *self.pick(&FILL);
                std::iter::repeat_n(fill, *self.pick(&LENGTHS)).collect()
            }
            10..=14 => String::from_utf8_lossy(self.bytes(80)).into_owned(),
            _ => "z".repeat(100_000),
        }
    }

    /// Bytes that nobody expects.
    pub fn hostile_bytes(&mut self) -> Vec<u8> {
        const LENGTHS: [usize; 16] = [
            0, 1, 63, 64, 65, 70, 71, 72, 128, 526, 1_023, 1_024, 1_025, 1_199, 1_200, 1_201,
        ];
        const FILL: [u8; 4] = [0, 0xff, 0x30, 1];
        match self.below(4) {
            0 | 1 => {
                let fill = *self.pick(&FILL);
                vec![fill; *self.pick(&LENGTHS)]
            }
            2 => self.bytes(96).to_vec(),
            _ => vec![7; 20_000],
        }
    }
}
