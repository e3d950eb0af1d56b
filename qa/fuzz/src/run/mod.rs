//! The driver for the stable toolchain: a seeded mutator, which sees no coverage but what the targets say came of an
//! input ([`probe`](crate::probe)). It keeps inputs that lead to something new and mutates those.

mod corpus;
mod execution;
mod explorer;
mod minimise;
mod mutator;
mod report;
mod session;

pub use corpus::{corpus_dir, make_corpus, read_corpus, Entry};
pub use execution::{execute, quietly, Execution, Failure};
pub use explorer::{Explorer, Figures};
pub use minimise::minimise;
pub use mutator::INPUT_LEN_MAX;
pub use report::table;
pub use session::{run, Finding, Limit, Outcome, Plan};
