//! How far a run is, for people who wait for it.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::figures::Figures;

/// Without a terminal, how much virtual time passes between two lines.
const LINE_EVERY: Duration = Duration::from_secs(3 * 3_600);

/// A bar on a terminal, lines elsewhere.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    lines: bool,
    next_line: Duration,
    name: &'static str,
    save_to: Option<PathBuf>,
}

impl Progress {
    /// Shows nothing.
    #[must_use]
    pub fn hidden() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            lines: false,
            next_line: Duration::ZERO,
            name: "",
            save_to: None,
        }
    }

    /// For a scenario of this length.
    #[must_use]
    pub fn shown(name: &'static str, length: Duration) -> Self {
        let bar = ProgressBar::new(length.as_secs() / 60);
        let style = ProgressStyle::with_template("{prefix:15} {wide_bar} {msg} {elapsed} (eta {eta})");
        bar.set_style(style.expect("the template is right"));
        bar.set_prefix(name);
        Self {
            bar,
            lines: !std::io::stderr().is_terminal(),
            next_line: Duration::ZERO,
            name,
            save_to: None,
        }
    }

    /// Has the figures so far written into a file now and then, as JSON.
    #[must_use]
    pub fn saving_to(mut self, path: Option<PathBuf>) -> Self {
        self.save_to = path;
        self
    }

    pub(crate) fn save(&self, figures: &Figures) {
        let Some(path) = &self.save_to else {
            return;
        };
        let text = serde_json::to_string_pretty(figures).unwrap_or_default();
        if let Err(error) = std::fs::write(path, text) {
            eprintln!("{}: cannot write {}: {error}", self.name, path.display());
        }
    }

    pub(crate) fn at(&mut self, now: Duration, figures: &Figures) {
        self.bar.set_position(now.as_secs() / 60);
        let message = format!(
            "{:6.1} h, {} checks, {} violations",
            now.as_secs_f64() / 3_600.0,
            figures.checks,
            figures.violation_count
        );
        if self.lines && now >= self.next_line {
            eprintln!(
                "{}: {message}, {} incomplete, {} unanswered, {:?} MiB, {} s",
                self.name,
                figures.lookups_incomplete,
                figures.lookups_unanswered,
                crate::figures::resident_mib().unwrap_or(0),
                self.bar.elapsed().as_secs()
            );
            self.next_line = now + LINE_EVERY;
        }
        self.bar.set_message(message);
    }

    pub(crate) fn done(&self) {
        self.bar.finish_and_clear();
    }
}
