use eyre::Result;
use registry_checks::Node;
use registry_testkit::Peer;
use serde_json::Value;

/// One call to be timed.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) function: &'static str,
    pub(crate) arguments: Value,
    /// In whose particle.
    pub(crate) init_peer: Peer,
}

/// What the reference is asked to do for comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Against {
    /// The same.
    Same,
    /// Nothing: it has no such function, or fails at it.
    Nothing,
    /// The call of the case of this name.
    Case(&'static str),
}

/// A kind of call. `prepare` does everything that is not timed and says what is; it must work on both modules.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// How many times as fast as the reference it should be.
    pub(crate) goal: Option<f64>,
    pub(crate) against: Against,
    pub(crate) prepare: fn(&mut Node, u64) -> Result<Call>,
    /// Whether the call lacks its proof and has to be refused.
    pub(crate) refused: bool,
    /// How many things one call did, to divide its time by.
    pub(crate) units: fn(&Value) -> usize,
}

impl Case {
    pub(crate) const fn new(
        name: &'static str,
        goal: Option<f64>,
        prepare: fn(&mut Node, u64) -> Result<Call>,
    ) -> Self {
        Self {
            name,
            goal,
            against: Against::Same,
            prepare,
            refused: false,
            units: |_| 1,
        }
    }

    pub(crate) const fn against(mut self, against: Against) -> Self {
        self.against = against;
        self
    }

    pub(crate) const fn refused(mut self) -> Self {
        self.refused = true;
        self.against = Against::Nothing;
        self
    }

    pub(crate) const fn per(mut self, units: fn(&Value) -> usize) -> Self {
        self.units = units;
        self
    }
}
