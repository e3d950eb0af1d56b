//! Networks of which a part lies: what they do to each other is the [`siege`], what they make up is [`forgery`].

pub mod forgery;
pub mod siege;

pub use forgery::{Forger, Lie};
pub use siege::{Figures, Op, Siege, SiegeConfig};
