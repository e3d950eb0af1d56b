//! Peers that do not play by the rules.

use crate::particle::Particle;
use crate::service::{Answer, ServiceCall};

type Respond = Box<dyn FnMut(&ServiceCall) -> Option<Answer>>;
type Alter = Box<dyn FnMut(&mut Particle) -> Sending>;

/// What becomes of a particle that a hostile peer is about to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    Send,
    Swallow,
}

/// The behaviour of a hostile peer. It has its own key only: what it answers is signed by itself.
#[derive(Default)]
pub struct Hostile {
    respond: Option<Respond>,
    alter: Option<Alter>,
}

impl std::fmt::Debug for Hostile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hostile")
            .field("responds", &self.respond.is_some())
            .field("alters", &self.alter.is_some())
            .finish()
    }
}

impl Hostile {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers calls on this peer as the closure says; where it returns `None`, the honest answer is given.
    #[must_use]
    pub fn respond(mut self, f: impl FnMut(&ServiceCall) -> Option<Answer> + 'static) -> Self {
        self.respond = Some(Box::new(f));
        self
    }

    /// Alters or swallows the particles that the peer sends.
    #[must_use]
    pub fn alter(mut self, f: impl FnMut(&mut Particle) -> Sending + 'static) -> Self {
        self.alter = Some(Box::new(f));
        self
    }

    pub(crate) fn answer(&mut self, call: &ServiceCall) -> Option<Answer> {
        self.respond.as_mut()?(call)
    }

    pub(crate) fn sends(&mut self, particle: &mut Particle) -> Sending {
        match &mut self.alter {
            Some(alter) => alter(particle),
            None => Sending::Send,
        }
    }
}
