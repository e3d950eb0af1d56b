use crate::{Failure, Subject, World};

/// One rule as a program: it holds on a module or it does not.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// The rule's number in the list of what 0.9.4 gets wrong, or the part of the service it belongs to.
    pub rule: &'static str,
    /// A sentence.
    pub name: &'static str,
    pub run: fn(&mut World) -> Result<(), Failure>,
}

impl Check {
    /// Runs the check in a world of its own.
    ///
    /// # Errors
    /// Why it does not hold.
    pub fn on(&self, subject: Subject) -> Result<(), Failure> {
        let mut world = World::new(subject)?;
        (self.run)(&mut world)
    }

    /// The name as a sentence of words.
    pub fn sentence(&self) -> String {
        self.name.replace('_', " ")
    }
}
