//! The build time in the manifest: a property of the source, not of the day somebody compiled it.

use std::path::Path;
use std::process::Command;

use chrono::{DateTime, SecondsFormat};
use eyre::{Context, ContextCompat};

/// RFC 3339 in UTC: `source_date_epoch` (Unix seconds) where given, else the date of the checked-out commit. A source
/// tree without git history (an unpacked archive) is dated 1970-01-01.
pub fn build_time(root: &Path, source_date_epoch: Option<i64>) -> eyre::Result<String> {
    let seconds = match source_date_epoch {
        Some(seconds) => seconds,
        None => commit_date(root).unwrap_or(0),
    };
    rfc3339(seconds)
}

fn commit_date(root: &Path) -> Option<i64> {
    let output = Command::new("git")
        .args(["log", "-1", "--format=%ct"])
        .current_dir(root)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn rfc3339(seconds: i64) -> eyre::Result<String> {
    let time = DateTime::from_timestamp(seconds, 0)
        .with_context(|| format!("{seconds} is no date: SOURCE_DATE_EPOCH counts seconds since 1970"))?;
    let text = time.to_rfc3339_opts(SecondsFormat::Secs, true);
    DateTime::parse_from_rfc3339(&text)
        .with_context(|| format!("{text} is beyond the years that RFC 3339 can write"))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_epoch_wins() {
        let directory = tempfile::tempdir().unwrap();
        let time = build_time(directory.path(), Some(1_700_000_000)).unwrap();
        assert_eq!(time, "2023-11-14T22:13:20Z");
    }

    #[test]
    fn a_tree_without_history_has_a_fixed_date() {
        let directory = tempfile::tempdir().unwrap();
        let time = build_time(directory.path(), None).unwrap();
        assert_eq!(time, "1970-01-01T00:00:00Z");
    }

    #[test]
    fn an_impossible_epoch_is_refused_by_name() {
        for seconds in [i64::MAX, i64::MIN, 300_000_000_000] {
            let error = rfc3339(seconds).unwrap_err().to_string();
            assert!(error.contains("is no date") || error.contains("is beyond"), "{error}");
        }
    }
}
