//! Figures for people.

use comfy_table::{presets, Table};

use crate::figures::{Figures, Sample};
use crate::scenario::Scenario;

/// One column a run.
#[must_use]
pub fn table(runs: &[(Scenario, Figures)]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    let names = runs.iter().map(|(scenario, _)| scenario.name().to_owned());
    table.set_header(std::iter::once(String::new()).chain(names));
    let mut row = |name: &str, value: &dyn Fn(&Figures) -> String| {
        let values = runs.iter().map(|(_, figures)| value(figures));
        table.add_row(std::iter::once(name.to_owned()).chain(values));
    };
    row("virtual hours", &|f| format!("{:.1}", f.virtual_hours));
    row("checks (lookups)", &|f| f.checks.to_string());
    row("  providers to be found", &|f| f.providers_expected.to_string());
    row("  incomplete at first", &|f| f.lookups_incomplete.to_string());
    row("  short, started again", &|f| f.lookups_short.to_string());
    row("    one of them so often", &|f| f.short_in_a_row.to_string());
    row("  unanswered, started again", &|f| f.lookups_unanswered.to_string());
    row("    one of them so often", &|f| f.unanswered_in_a_row.to_string());
    row("  deleted just before", &|f| f.deletions_on_their_way.to_string());
    row("  registered just before", &|f| {
        f.registrations_on_their_way.to_string()
    });
    row("  missed by all that answered", &|f| f.registrations_missed.to_string());
    row("checks of nodes", &|f| f.state_checks.to_string());
    row("checks of newcomers", &|f| f.newcomer_checks.to_string());
    row("keys lied about", &|f| f.keys_lied_about.to_string());
    row("  put off", &|f| f.keys_put_off.to_string());
    row("replicas agreed after, s", &|f| {
        let longest = f.agreed_after_sec.iter().max();
        longest.map_or("-".to_owned(), u64::to_string)
    });
    row("  copies late then", &|f| f.copies_late.to_string());
    row("violations", &|f| f.violation_count.to_string());
    row("resources", &|f| f.resources.to_string());
    row("providers deleted", &|f| f.providers_deleted.to_string());
    row("unused keys", &|f| f.unused_keys.to_string());
    row("writes", &|f| f.writes.to_string());
    row("  repeated", &|f| f.writes_repeated.to_string());
    row("nodes replaced", &|f| f.nodes_replaced.to_string());
    row("restarts", &|f| f.restarts.to_string());
    row("kills amid replication", &|f| f.kills_midway.to_string());
    row("runs of spells", &|f| f.spell_runs.to_string());
    row("  cut short", &|f| f.spell_runs_cut_short.to_string());
    row("  jobs failed", &|f| f.spell_jobs_failed.to_string());
    row("  rounds of replication", &|f| f.rounds.to_string());
    row("  bytes a key and hour", &|f| format!("{:.0}", f.bytes_per_key_hour()));
    row("  seconds in AquaVM", &|f| format!("{:.1}", f.spell_avm_sec));
    row("  seconds in services", &|f| format!("{:.1}", f.spell_services_sec));
    let most = |f: &Figures, of: fn(&Sample) -> u64| f.samples.iter().map(of).max().unwrap_or(0).to_string();
    row("keys due, at most", &|f| most(f, |sample| sample.keys_due));
    row("  longest due for, s", &|f| most(f, |sample| sample.oldest_due_sec));
    row("keys partial, at most", &|f| most(f, |sample| sample.keys_partial));
    row("messages", &|f| f.messages.to_string());
    row("  lost", &|f| f.messages_lost.to_string());
    let resident = |sample: Option<&Sample>| {
        let mib = sample.and_then(|sample| sample.resident_mib);
        mib.map_or("-".to_owned(), |mib| mib.to_string())
    };
    row("resident at first, MiB", &|f| resident(f.samples.first()));
    row("resident at the end, MiB", &|f| resident(f.samples.last()));
    row("real seconds", &|f| format!("{:.0}", f.wall_sec));
    table
}
