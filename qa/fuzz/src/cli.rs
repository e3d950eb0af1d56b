//! Arguments, progress and what is printed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use clap::{Args, Parser, Subcommand};
use eyre::{bail, eyre, Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use registry_fuzz::probe;
use registry_fuzz::run::{self, corpus_dir, execute, make_corpus, quietly, Limit, Plan};
use registry_fuzz::targets::{self, Target};

/// Where there is no terminal for a bar, a line is printed so often.
const LINE_EVERY: Duration = Duration::from_secs(60);
const SECONDS_DEFAULT: u64 = 60;

/// Fuzzes the registry, natively and on the stable toolchain.
#[derive(Debug, Parser)]
#[command(version)]
pub(super) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Name the targets
    List,
    /// Fuzz for a time, or for a number of executions
    Run(Run),
    /// Run inputs once and say what happens
    Replay(Replay),
    /// Make the corpus anew: the same every time
    Corpus(Corpus),
}

#[derive(Debug, Args)]
struct Run {
    /// A target, or `all`; can be given several times
    #[arg(long = "target", default_value = "all")]
    targets: Vec<String>,
    /// What the random numbers begin with [default: the time]
    #[arg(long)]
    seed: Option<u64>,
    /// How long, for all targets together [default: 60]
    #[arg(long, conflicts_with = "executions")]
    seconds: Option<u64>,
    /// How many executions, of all targets together
    #[arg(long)]
    executions: Option<u64>,
    /// Threads
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// Inputs to begin with
    #[arg(long, default_value_os_t = corpus_dir())]
    corpus: PathBuf,
    /// Where failing inputs go
    #[arg(long, default_value = "target/fuzz-findings")]
    findings: PathBuf,
}

#[derive(Debug, Args)]
struct Replay {
    /// Inputs
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Their target [default: the name of the directory they lie in]
    #[arg(long)]
    target: Option<String>,
}

#[derive(Debug, Args)]
struct Corpus {
    /// A target, or `all`; can be given several times
    #[arg(long = "target", default_value = "all")]
    targets: Vec<String>,
    /// Executions of each target
    #[arg(long, default_value_t = 800)]
    executions: u64,
    /// Where it goes: each target's directory is replaced
    #[arg(long, default_value_os_t = corpus_dir())]
    corpus: PathBuf,
}

pub(super) fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::List => {
            targets::ALL
                .iter()
                .for_each(|target| println!("{:<12}{}", target.name, target.about));
            Ok(ExitCode::SUCCESS)
        }
        Command::Run(arguments) => fuzz(arguments),
        Command::Replay(arguments) => replay(&arguments),
        Command::Corpus(arguments) => corpus(&arguments),
    }
}

fn named(name: &str) -> Result<&'static Target> {
    targets::named(name).ok_or_else(|| eyre!("there is no target `{name}`: `registry-fuzz list` names them"))
}

fn chosen(names: &[String]) -> Result<Vec<&'static Target>> {
    if names.iter().any(|name| name == "all") {
        return Ok(targets::ALL.iter().collect());
    }
    names.iter().map(|name| named(name)).collect()
}

fn fuzz(arguments: Run) -> Result<ExitCode> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let plan = Plan {
        targets: chosen(&arguments.targets)?,
        seed: arguments.seed.unwrap_or(now.as_secs()),
        limit: match arguments.executions {
            Some(executions) => Limit::Executions(executions),
            None => Limit::Time(Duration::from_secs(arguments.seconds.unwrap_or(SECONDS_DEFAULT))),
        },
        jobs: usize::from(arguments.jobs),
        corpus: arguments.corpus,
        findings: arguments.findings,
    };
    println!("seed {}, {} jobs, {:?}", plan.seed, plan.jobs, plan.limit);
    let progress = Progress::new(plan.limit);
    let outcome = run::run(&plan, |executions, findings| progress.tell(executions, findings))?;
    progress.bar.finish_and_clear();
    println!("{}", run::table(&outcome));
    for finding in &outcome.findings {
        println!(
            "\n{} failed at {}: {:.600}\n  registry-fuzz replay {}",
            finding.target,
            finding.failure.place,
            finding.failure.message,
            finding.file.display()
        );
    }
    Ok(if outcome.findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        println!("\nseed {}: {} findings", plan.seed, outcome.findings.len());
        ExitCode::FAILURE
    })
}

struct Progress {
    bar: ProgressBar,
    limit: Limit,
    began: Instant,
    line: Mutex<Instant>,
}

impl Progress {
    fn new(limit: Limit) -> Self {
        let (len, unit) = match limit {
            Limit::Executions(executions) => (executions, "{human_pos}/{human_len}"),
            Limit::Time(time) => (time.as_secs(), "{pos}/{len} s"),
        };
        let bar = ProgressBar::new(len);
        let style = ProgressStyle::with_template(&format!("{{wide_bar}} {unit} {{msg}}"));
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self {
            bar,
            limit,
            began: Instant::now(),
            line: Mutex::new(Instant::now()),
        }
    }

    fn tell(&self, executions: u64, findings: usize) {
        let elapsed = self.began.elapsed();
        self.bar.set_position(match self.limit {
            Limit::Executions(_) => executions,
            Limit::Time(_) => elapsed.as_secs(),
        });
        let each_second = executions as f64 / elapsed.as_secs_f64().max(0.001);
        let message = format!("{executions} executions, {each_second:.0} a second, {findings} findings");
        if self.bar.is_hidden() {
            if let Ok(mut line) = self.line.lock() {
                if line.elapsed() >= LINE_EVERY {
                    *line = Instant::now();
                    println!("{:>6} s: {message}", elapsed.as_secs());
                }
            }
        }
        self.bar.set_message(message);
    }
}

fn replay(arguments: &Replay) -> Result<ExitCode> {
    let mut failed = false;
    probe::talk(true);
    for file in &arguments.files {
        let target = match &arguments.target {
            Some(name) => named(name)?,
            None => named(&directory_name(file)?).wrap_err("pass --target")?,
        };
        let input = fs::read(file).wrap_err_with(|| file.display().to_string())?;
        println!("{}, {} bytes for {}", file.display(), input.len(), target.name);
        let execution = quietly(|| execute(target.run, &input));
        println!("  came to: {}", execution.outcomes.join(", "));
        println!("  took {:?}", execution.took);
        if let Some(failure) = execution.failure {
            println!("  FAILED at {}: {}", failure.place, failure.message);
            failed = true;
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn directory_name(file: &Path) -> Result<String> {
    let directory = file.parent().and_then(Path::file_name);
    let Some(name) = directory else {
        bail!("{}: which target is it for? pass --target", file.display());
    };
    Ok(name.to_string_lossy().into_owned())
}

fn corpus(arguments: &Corpus) -> Result<ExitCode> {
    for target in chosen(&arguments.targets)? {
        let entries = quietly(|| make_corpus(target, arguments.executions));
        let directory = arguments.corpus.join(target.name);
        if directory.is_dir() {
            fs::remove_dir_all(&directory).wrap_err_with(|| directory.display().to_string())?;
        }
        fs::create_dir_all(&directory).wrap_err_with(|| directory.display().to_string())?;
        for entry in &entries {
            let file = directory.join(&entry.outcome);
            fs::write(&file, &entry.input).wrap_err_with(|| file.display().to_string())?;
        }
        println!("{:<12}{} entries", target.name, entries.len());
    }
    Ok(ExitCode::SUCCESS)
}
