use std::fmt;
use std::str::FromStr;

/// One way of not playing by the rules when asked for something. [`Mix`](super::Mix) combines them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Behaviour {
    /// Plays by them, for once.
    Honest,
    /// Never answers.
    Silent,
    /// Answers when nobody waits any more.
    Late,
    /// Denies what it holds: empty lists and texts, or an error.
    Withhold,
    /// Answers with values of other types.
    WrongType,
    /// Answers with megabytes.
    Huge,
    /// Answers with what it answered to another question, or before.
    Replay,
    /// Says that it has done what it was asked to, and has not.
    Pretend,
    /// Sends particles whose data are garbled.
    Garble,
    /// Does not send particles on.
    Swallow,
    /// Sends particles many times.
    Repeat,
}

impl Behaviour {
    pub const ALL: [Self; 11] = [
        Self::Honest,
        Self::Silent,
        Self::Late,
        Self::Withhold,
        Self::WrongType,
        Self::Huge,
        Self::Replay,
        Self::Pretend,
        Self::Garble,
        Self::Swallow,
        Self::Repeat,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::Silent => "silent",
            Self::Late => "late",
            Self::Withhold => "withhold",
            Self::WrongType => "wrong-type",
            Self::Huge => "huge",
            Self::Replay => "replay",
            Self::Pretend => "pretend",
            Self::Garble => "garble",
            Self::Swallow => "swallow",
            Self::Repeat => "repeat",
        }
    }

    /// Whether it concerns the particles that a peer sends, not its answers.
    #[must_use]
    pub const fn is_of_particles(self) -> bool {
        matches!(self, Self::Garble | Self::Swallow | Self::Repeat)
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Behaviour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|behaviour| behaviour.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("there is no behaviour `{text}`; there are {names}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_behaviour_is_found_by_its_name() {
        for behaviour in Behaviour::ALL {
            assert_eq!(behaviour.name().parse(), Ok(behaviour));
        }
        assert!("kind".parse::<Behaviour>().unwrap_err().contains("withhold"));
    }
}
