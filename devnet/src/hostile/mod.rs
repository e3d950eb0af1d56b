//! Peers that do not play by the rules: what they answer, what becomes of the particles they send, and what they ask
//! others for.

mod behaviour;
mod calls;
mod distort;
mod mix;

pub use behaviour::Behaviour;
pub use calls::{CallMaker, Served, ServiceRequest, ServiceRequests};
pub use mix::Mix;

use crate::particle::Particle;
use crate::service::{Answer, ServiceCall};

type Respond = Box<dyn FnMut(&ServiceCall, Honest<'_>) -> Answer>;
type Alter = Box<dyn FnMut(&mut Particle) -> Sending>;

/// Gives the answer that an honest peer would: the service is asked only if this is called.
pub type Honest<'a> = &'a mut dyn FnMut() -> Answer;

/// What becomes of a particle that a hostile peer is about to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    Send,
    Swallow,
    /// Sends it so often.
    Repeat(u32),
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
    pub fn respond(self, mut f: impl FnMut(&ServiceCall) -> Option<Answer> + 'static) -> Self {
        self.answer(move |call, honest| f(call).unwrap_or_else(honest))
    }

    /// Answers calls on this peer as the closure says, which may look at the honest answer first.
    #[must_use]
    pub fn answer(mut self, f: impl FnMut(&ServiceCall, Honest<'_>) -> Answer + 'static) -> Self {
        self.respond = Some(Box::new(f));
        self
    }

    /// Lets the closure answer first: what it is given to fall back on is the answer that this peer gives so far.
    #[must_use]
    pub fn wrap(mut self, mut f: impl FnMut(&ServiceCall, Honest<'_>) -> Answer + 'static) -> Self {
        let mut inner = Self {
            respond: self.respond.take(),
            alter: None,
        };
        self.answer(move |call, honest| f(call, &mut || inner.answers(call, honest)))
    }

    /// Alters or swallows the particles that the peer sends.
    #[must_use]
    pub fn alter(mut self, f: impl FnMut(&mut Particle) -> Sending + 'static) -> Self {
        self.alter = Some(Box::new(f));
        self
    }

    pub(crate) fn answers(&mut self, call: &ServiceCall, honest: Honest<'_>) -> Answer {
        match &mut self.respond {
            Some(respond) => respond(call, honest),
            None => honest(),
        }
    }

    pub(crate) fn sends(&mut self, particle: &mut Particle) -> Sending {
        match &mut self.alter {
            Some(alter) => alter(particle),
            None => Sending::Send,
        }
    }
}
