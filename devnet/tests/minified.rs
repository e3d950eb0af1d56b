//! Scripts as they ship are short, and do what they did before.

mod common;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

use common::{aqua_file, bare};
use devnet::{AquaCompiler, CallFailure, CallOptions, Network, PeerIndex, ServiceResult};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::{json, Value};

const MINIFY: &str = concat!(
    include_str!("../compile/minify.mjs"),
    r#"
    let text = "";
    for await (const chunk of process.stdin) text += chunk;
    const short = (air) => { try { return { air: minify(air) }; } catch (error) { return { error: error.message }; } };
    process.stdout.write(JSON.stringify(JSON.parse(text).map(short)));
    "#
);

/// What the minifier makes of each.
fn answers(scripts: &[String]) -> Vec<Value> {
    let mut node = Command::new("node")
        .args(["--input-type=module", "--eval", MINIFY])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Node is there");
    let request = serde_json::to_vec(scripts).unwrap();
    let mut stdin = node.stdin.take().unwrap();
    stdin.write_all(&request).unwrap();
    drop(stdin);
    serde_json::from_slice(&node.wait_with_output().unwrap().stdout).expect("an answer")
}

fn minified(scripts: &[String]) -> Vec<String> {
    let short = |(script, answer): (&String, Value)| match answer["air"].as_str() {
        Some(air) => air.to_owned(),
        None => panic!("{}:\n{script}", answer["error"]),
    };
    scripts.iter().zip(answers(scripts)).map(short).collect()
}

/// Tokens as the interpreter's lexer cuts them: a word goes on until white space or a bracket that closes more than it opened.
fn tokens(air: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = air.trim_start();
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '(' | ')' | '[' | ']' => 1,
            '"' => 2 + rest[1..].find('"').expect("literals end"),
            _ => word_len(rest),
        };
        found.push(rest[..len].to_owned());
        rest = rest[len..].trim_start();
    }
    found
}

fn word_len(text: &str) -> usize {
    let (mut round, mut square) = (0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => round += 1,
            ')' => round -= 1,
            '[' => square += 1,
            ']' => square -= 1,
            _ => {}
        }
        if c.is_whitespace() || round < 0 || square < 0 {
            return at;
        }
    }
    text.len()
}

const FIXED: [&str; 22] = [
    "ap",
    "call",
    "canon",
    "fail",
    "fold",
    "match",
    "mismatch",
    "never",
    "new",
    "next",
    "null",
    "par",
    "seq",
    "xor",
    "true",
    "false",
    "%init_peer_id%",
    "%last_error%",
    "%timestamp%",
    "%ttl%",
    ":error:",
    "",
];

fn is_number(token: &str) -> bool {
    token.chars().all(|c| c.is_ascii_digit() || "+-.".contains(c))
}

/// A word as the variables that it names and everything else in it.
fn variables(token: &str) -> (Vec<String>, String) {
    if token.starts_with(['(', ')', '[', ']', '"']) || is_number(token) {
        return (Vec::new(), token.to_owned());
    }
    let (name, lens) = token.split_at(token.find('.').unwrap_or(token.len()));
    let mut names = Vec::new();
    let mut shape = String::new();
    if FIXED.contains(&name) {
        shape.push_str(name);
    } else {
        names.push(name.to_owned());
        shape.push_str(name.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_' || c == '-'));
    }
    for (at, part) in lens.split('[').enumerate() {
        let index = part.split(']').next().unwrap_or_default();
        if at > 0 && index.parse::<u32>().is_err() {
            names.push(index.to_owned());
            shape.push_str(&part[index.len()..]);
        } else {
            shape.push_str(part);
        }
        shape.push('[');
    }
    (names, shape)
}

/// That nothing but white space and names differs, and that names are the same in one exactly where they are in the other.
fn assert_same_but_for_names(long: &str, short: &str, what: &str) {
    let (before, after) = (tokens(long), tokens(short));
    assert_eq!(before.len(), after.len(), "{what}: tokens\n{long}\n{short}");
    let (mut there, mut back) = (BTreeMap::new(), BTreeMap::new());
    for (a, b) in before.iter().zip(&after) {
        let ((names, shape), (short_names, short_shape)) = (variables(a), variables(b));
        assert_eq!(shape, short_shape, "{what}: {a} has become {b}");
        assert_eq!(names.len(), short_names.len(), "{what}: {a} has become {b}");
        for (name, short_name) in names.into_iter().zip(short_names) {
            let known = there.entry(name.clone()).or_insert_with(|| short_name.clone());
            assert_eq!(*known, short_name, "{what}: `{name}` has two names");
            let known = back.entry(short_name.clone()).or_insert_with(|| name.clone());
            assert_eq!(*known, name, "{what}: `{short_name}` stands for two");
        }
    }
}

fn aqua_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    let mut dirs = vec![root.canonicalize().unwrap()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let elsewhere = name.starts_with(['.', '_']) || name.starts_with("target") || name == "node_modules";
            // Other packages, and what is broken on purpose.
            let foreign = name == "reference" || name == "fluence-cli" || name == "broken.aqua";
            if path.is_dir() && !elsewhere && !foreign {
                dirs.push(path);
            } else if name.ends_with(".aqua") && !foreign {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The functions of all Aqua files in the repository: what each is, as the compiler writes it, and short.
static REPOSITORY: LazyLock<Vec<(String, String, String)>> = LazyLock::new(|| {
    let compiler = AquaCompiler::new().unminified();
    let mut scripts = BTreeMap::new();
    for file in aqua_files() {
        let program = compiler.compile(&file).unwrap_or_else(|error| panic!("{error}"));
        for function in program.functions() {
            let what = format!("{}: {}", file.display(), function.signature());
            scripts.entry(function.air().to_owned()).or_insert(what);
        }
    }
    let (long, what): (Vec<_>, Vec<_>) = scripts.into_iter().unzip();
    let short = minified(&long);
    let scripts = what.into_iter().zip(long).zip(short);
    scripts.map(|((what, long), short)| (what, long, short)).collect()
});

#[test]
fn a_compiled_function_is_short_unless_the_compiler_is_told_otherwise() {
    let file = aqua_file("basics.aqua");
    let air = |compiler: AquaCompiler| {
        compiler
            .compile(&file)
            .unwrap()
            .function("greet")
            .unwrap()
            .air()
            .to_owned()
    };
    let long = air(AquaCompiler::new().unminified());
    assert!(long.contains("\n"), "{long}");
    assert_eq!(air(AquaCompiler::new()), minified(&[long]).remove(0));
}

#[test]
fn every_script_of_the_repository_is_the_same_but_for_white_space_and_names() {
    let scripts = &*REPOSITORY;
    assert!(scripts.len() > 40, "{} scripts", scripts.len());
    for (what, long, short) in scripts {
        assert_same_but_for_names(long, short, what);
    }
    let short: Vec<String> = scripts.iter().map(|(_, _, short)| short.clone()).collect();
    assert!(minified(&short) == short, "what is short stays as it is");
    let len = |text: fn(&(String, String, String)) -> &str| scripts.iter().map(|s| text(s).len()).sum::<usize>();
    let (long, short) = (len(|s| &s.1), len(|s| &s.2));
    assert!(4 * short < long, "{long} bytes have become {short}");
}

#[test]
fn the_interpreter_takes_every_short_script_of_the_repository() {
    let mut network = Network::start(bare(1)).unwrap();
    let client = network.add_client(PeerIndex(0)).unwrap();
    for (what, _, short) in &*REPOSITORY {
        // Without arguments: the script itself says that they are missing, a bad one would not get as far.
        let handle = network.start_air(client, short.as_str(), BTreeMap::new(), CallOptions::new());
        let result = network.wait(&handle.unwrap()).unwrap().result;
        assert!(
            matches!(result, Ok(_) | Err(CallFailure::Script(_))),
            "{what}: {result:?}"
        );
    }
}

#[test]
fn literals_lenses_and_what_the_interpreter_defines_stay() {
    let long = r#"
        ; a comment (with brackets
        (xor
            (seq
                (call %init_peer_id% ("getDataSrv" "the argument  ; (") [%timestamp% %ttl% -12 1.5 true []] argument)
                (ap ("key" argument.$.argument.[0].[index]) %argument))
            (call "peer" ("errorHandlingSrv" "error") [:error:.$.message %last_error%.$.peer_id #%argument.$.k #$argument $argument #list.length #argument]))
    "#;
    let short = concat!(
        r#"(xor (seq (call %init_peer_id% ("getDataSrv""the argument  ; (")[%timestamp% %ttl% -12 1.5 true []]a)"#,
        r#"(ap ("key"a.$.argument.[0].[b])%a))"#,
        r#"(call "peer"("errorHandlingSrv""error")[:error:.$.message %last_error%.$.peer_id #%a.$.k #$a $a #aa.length #a]))"#
    );
    assert_eq!(minified(&[long.to_owned()]), [short]);
}

#[test]
fn no_variable_becomes_a_keyword() {
    let names: Vec<String> = (0..4_000).map(|n| format!("variable_{n}")).collect();
    let script = format!(r#"(call %init_peer_id% ("a" "b") [{}])"#, names.join(" "));
    let short = minified(std::slice::from_ref(&script)).remove(0);
    assert_same_but_for_names(&script, &short, "4,000 variables");
}

#[test]
fn what_is_no_air_is_refused_and_not_shipped() {
    for (script, expected) in [
        (r#"(call "a" ("b" "c)"#, "this is no AIR"),
        ("(ap x{y} z)", "`x{y}` is no word of AIR"),
        (r##"(embed [] (#"1"#) x)"##, "is no word of AIR"),
    ] {
        let answer = answers(&[script.to_owned()]).remove(0);
        let error = answer["error"].as_str().unwrap_or_else(|| panic!("{script}: {answer}"));
        assert!(error.contains(expected), "{error}");
    }
}

/// Scripts that no compiler writes: all instructions, nested at random, with names that are easily confused.
struct Programs {
    rng: StdRng,
    node: String,
    count: usize,
    scalars: Vec<String>,
}

/// The streams of such a script: named like its scalars.
const STREAMS: [&str; 3] = ["$list", "$zero", "$-s-"];

impl Programs {
    fn new(seed: u64, node: &str) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            node: node.to_owned(),
            count: 0,
            scalars: Vec::new(),
        }
    }

    /// A whole script, which ends with a response or the code of its error.
    fn script(mut self) -> String {
        let body = self.instruction(5);
        let white = ["\n", "  ", "\t", " ; not (this\n"].choose(&mut self.rng).unwrap();
        let script = format!(
            r#"(xor (seq (seq (seq (ap 1 $list) (seq (ap 2 $zero) (ap 3 $-s-)))
                          (seq (call %init_peer_id% ("t" "list") [] list) (call %init_peer_id% ("t" "zero") [] zero)))
                  (seq {body} (call %init_peer_id% ("callbackSrv" "response") [{}])))
               (call %init_peer_id% ("errorHandlingSrv" "error") [:error:.$.error_code 0]))"#,
            self.arguments()
        );
        script.replace('\n', white)
    }

    fn fresh(&mut self) -> String {
        let names = [
            "a",
            "b",
            "Z",
            "aa",
            "ap-",
            "seq",
            "-ret-",
            "x_",
            "true",
            "näme",
            "init_peer_id",
            "error",
            "_",
        ];
        self.count += 1;
        format!("{}{}", names.choose(&mut self.rng).unwrap(), self.count)
    }

    fn peer(&mut self) -> String {
        let node = format!("\"{}\"", self.node);
        ["%init_peer_id%", &node].choose(&mut self.rng).unwrap().to_string()
    }

    fn value(&mut self) -> String {
        let scalar = self.scalars.choose(&mut self.rng).cloned();
        match (self.rng.gen_range(0..9), scalar) {
            (0, _) => "%init_peer_id%".to_owned(),
            (1, _) => "%ttl%".to_owned(),
            (2, _) => "[]".to_owned(),
            (3, _) => "list.$.[zero].k".to_owned(),
            (4, _) => "list.length".to_owned(),
            (5, _) => "-7".to_owned(),
            (6 | 7, Some(scalar)) => scalar,
            _ => "\"seq ([; a\"".to_owned(),
        }
    }

    fn arguments(&mut self) -> String {
        let count = self.rng.gen_range(0..4);
        (0..count).map(|_| self.value()).collect::<Vec<_>>().join(" ")
    }

    fn stream(&mut self) -> String {
        STREAMS.choose(&mut self.rng).unwrap().to_string()
    }

    fn call(&mut self) -> String {
        let (peer, args) = (self.peer(), self.arguments());
        match self.rng.gen_range(0..8) {
            0 => format!("(call {peer} (\"t\" \"f\") [{args}] {})", self.stream()),
            1 => format!("(call {peer} (\"t\" \"bad\") [{args}])"),
            2 | 3 => format!("(call {peer} (\"t\" \"f\") [{args}])"),
            _ => {
                let name = self.fresh();
                self.scalars.push(name.clone());
                format!("(call {peer} (\"t\" \"f\") [{args}] {name})")
            }
        }
    }

    fn instruction(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.call();
        }
        match self.rng.gen_range(0..13) {
            0..=3 => format!("(seq {} {})", self.instruction(depth - 1), self.instruction(depth - 1)),
            4 => format!("(par {} {})", self.instruction(depth - 1), self.instruction(depth - 1)),
            5 => format!("(xor {} {})", self.instruction(depth - 1), self.instruction(depth - 1)),
            6 => {
                let what = ["match", "mismatch"].choose(&mut self.rng).unwrap();
                let (left, right) = (self.value(), self.value());
                format!("(xor ({what} {left} {right} {}) (null))", self.instruction(depth - 1))
            }
            7 => {
                let stream = self.stream();
                format!("(new {stream} {})", self.instruction(depth - 1))
            }
            8 => {
                let iterator = self.fresh();
                let over = [self.stream(), "list".to_owned()]
                    .choose(&mut self.rng)
                    .unwrap()
                    .clone();
                self.scalars.push(iterator.clone());
                let body = self.instruction(depth - 1);
                self.scalars.retain(|name| *name != iterator);
                format!("(fold {over} {iterator} (seq {body} (next {iterator})) (null))")
            }
            9 => {
                let (peer, stream, canon) = (self.peer(), self.stream(), self.fresh());
                format!(
                    "(seq (canon {peer} {stream} #{canon}) (xor (call {peer} (\"t\" \"f\") [#{canon} #{canon}.length #{canon}.$.[zero]]) (null)))"
                )
            }
            10 => {
                let (peer, name, value) = (self.peer(), self.fresh(), self.value());
                format!(
                    "(new %{name} (seq (ap (\"k\" {value}) %{name}) (seq (canon {peer} %{name} #%{name}) (call {peer} (\"t\" \"f\") [#%{name}.$.k]))))"
                )
            }
            11 => {
                let value = self.value();
                let to = self.stream();
                format!("(ap {value} {to})")
            }
            _ => self.call(),
        }
    }
}

/// Peer and arguments of each call, by particle.
type Calls = Rc<RefCell<BTreeMap<String, Vec<(String, Vec<Value>)>>>>;

/// What a script came to, and the calls that it made.
type Came = (Result<Vec<Value>, Value>, Vec<(String, Vec<Value>)>);

struct Stage {
    network: Network,
    client: PeerIndex,
    calls: Calls,
}

impl Stage {
    fn new() -> Self {
        let mut network = Network::start(bare(1)).unwrap();
        let client = network.add_client(PeerIndex(0)).unwrap();
        let calls = Calls::default();
        for peer in [client, PeerIndex(0)] {
            for function in ["f", "bad", "list", "zero"] {
                let calls = calls.clone();
                let define = network.define_service(peer, "t", function, move |call| {
                    let mut calls = calls.borrow_mut();
                    let calls = calls.entry(call.particle_id.clone()).or_default();
                    calls.push((call.peer_id.clone(), call.args.clone()));
                    match function {
                        "f" => ServiceResult::ok(call.args.first().cloned().unwrap_or(json!("nothing"))),
                        "list" => ServiceResult::ok(json!([{"k": 1, "a": "x"}, {"k": 2, "a": "y"}])),
                        "zero" => ServiceResult::ok(0),
                        _ => ServiceResult::error("refused"),
                    }
                    .into()
                });
                define.unwrap();
            }
        }
        Self { network, client, calls }
    }

    fn run(&mut self, air: &str) -> Came {
        let options = CallOptions::new();
        let handle = self.network.start_air(self.client, air, BTreeMap::new(), options);
        let outcome = self.network.wait(&handle.unwrap()).unwrap();
        let result = outcome.result.map_err(|failure| match failure {
            CallFailure::Script(code) => code,
            // What AquaVM says of its instructions names variables.
            CallFailure::Avm { code, .. } => json!({ "refused": code }),
            CallFailure::Expired { hints, .. } => json!({ "expired": hints.len() }),
            other @ CallFailure::Killed(_) => panic!("{other}"),
        });
        // What it does after its answer counts, too.
        self.network.advance(Duration::from_secs(1)).unwrap();
        let calls = self.calls.borrow_mut().remove(&outcome.particle_id);
        (result, calls.unwrap_or_default())
    }
}

#[test]
fn a_short_script_makes_the_same_calls_with_the_same_arguments() {
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut stage = Stage::new();
    let node = stage.network.peers()[0].id().to_owned();
    let scripts: Vec<String> = (0..150).map(|n| Programs::new(seed ^ n, &node).script()).collect();
    let mut succeeded = 0;
    for (long, short) in scripts.iter().zip(minified(&scripts)) {
        let what = format!("seed {seed}");
        assert_same_but_for_names(&without_comments(long), &short, &what);
        let (before, after) = (stage.run(long), stage.run(&short));
        assert_eq!(before, after, "{what}\n{long}\n{short}");
        succeeded += usize::from(before.0.is_ok());
    }
    assert!(
        (20..150).contains(&succeeded),
        "seed {seed}: {succeeded} of 150 returned"
    );
}

fn without_comments(air: &str) -> String {
    air.replace(" ; not (this\n", "\n")
}
