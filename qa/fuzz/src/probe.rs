//! What came of an execution, by name: `put_record.BadSignature-issuer-s`. The driver keeps inputs that lead to what was
//! not seen before, and the corpus holds one for each.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Debug, Write};

use registry_service::auth::AuthError;
use registry_service::calls::CallError;
use registry_service::domain::Error;

thread_local! {
    static OUTCOMES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static TALKS: Cell<bool> = const { Cell::new(false) };
}

/// The names of what `work` came to, in order.
pub fn collect(work: impl FnOnce()) -> Vec<String> {
    OUTCOMES.with_borrow_mut(Vec::clear);
    work();
    OUTCOMES.with_borrow_mut(std::mem::take)
}

/// Whether what happens is printed, on this thread.
pub fn talk(talks: bool) {
    TALKS.set(talks);
}

/// Prints a line where that is wanted.
pub fn say(line: impl FnOnce() -> String) {
    if TALKS.get() {
        eprintln!("{}", line());
    }
}

/// Something came out as `outcome`.
pub fn note(what: &str, outcome: &str) {
    let name = format!("{what}.{outcome}");
    OUTCOMES.with_borrow_mut(|outcomes| {
        if !outcomes.contains(&name) {
            outcomes.push(name);
        }
    });
}

/// A call succeeded or failed.
pub fn call<T: Debug>(function: &str, outcome: &Result<T, CallError>) {
    match outcome {
        Ok(_) => note(function, "Ok"),
        Err(CallError::Refused(error) | CallError::Unproved(AuthError::Invalid(error))) => refused(function, error),
        Err(error) => note(function, &innermost(error)),
    }
    say(|| format!("{function}: {outcome:.300?}"));
}

/// Something was refused.
pub fn refused(function: &str, error: &Error) {
    let name = innermost(error);
    match error {
        Error::TooLong { what, .. }
        | Error::TooMany { what, .. }
        | Error::Malformed { what, .. }
        | Error::BadSignature { what, .. }
        | Error::TimestampTooLarge { what, .. }
        | Error::FromFuture { what, .. }
        | Error::Empty { what } => {
            let what: String = what
                .chars()
                .map(|char| if char.is_ascii_alphanumeric() { char } else { '-' })
                .collect();
            note(function, &format!("{name}-{what}"));
        }
        _ => note(function, &name),
    }
}

/// The name of the innermost variant of an error.
fn innermost(error: &impl Debug) -> String {
    let mut name = VariantName::default();
    // It stops the formatting by an error when it has the name.
    let _ = write!(name, "{error:?}");
    name.0
}

#[derive(Default)]
struct VariantName(String);

impl Write for VariantName {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            match char {
                '(' => self.0.clear(),
                char if char.is_ascii_alphanumeric() => self.0.push(char),
                _ => return Err(fmt::Error),
            }
        }
        Ok(())
    }
}
