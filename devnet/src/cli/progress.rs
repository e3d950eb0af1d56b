//! What a command is doing, on stderr, so that nobody waits without a word.

use std::borrow::Cow;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const TICK: Duration = Duration::from_millis(120);

/// One long step: a spinner with the time that has passed on a terminal, a line elsewhere.
pub(crate) struct Progress {
    spinner: ProgressBar,
}

impl Progress {
    pub(crate) fn begin(step: impl Into<Cow<'static, str>>) -> Self {
        let step = step.into();
        if !std::io::stderr().is_terminal() {
            eprintln!("{step}");
            return Self {
                spinner: ProgressBar::hidden(),
            };
        }
        let spinner = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
        spinner.set_style(style.expect("the template is right"));
        spinner.set_message(step);
        spinner.enable_steady_tick(TICK);
        Self { spinner }
    }

    pub(crate) fn now(&self, step: impl Into<Cow<'static, str>>) {
        self.spinner.set_message(step);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.spinner.finish_and_clear();
    }
}
