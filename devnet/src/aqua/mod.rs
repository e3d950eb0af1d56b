//! Aqua: compiling files, and calling what they export.

mod compiler;
mod constants;
mod error;
mod function;
mod invocation;
mod sources;
mod types;

pub use compiler::{AquaCompiler, AquaProgram, COMPILE_DIR_VARIABLE};
pub use error::CompileError;
pub use function::{AquaFunction, ArgumentError};
pub use invocation::{Invocation, InvocationError};
pub use types::{AquaField, AquaType};
