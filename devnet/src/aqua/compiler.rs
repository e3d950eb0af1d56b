use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::CompileError;
use super::{constants, sources};
use super::{AquaField, AquaFunction, AquaType};

/// The environment variable that overrides where the compiler's Node packages are.
pub const COMPILE_DIR_VARIABLE: &str = "DEVNET_COMPILE_DIR";
const SCRIPT: &str = concat!(
    include_str!("../../compile/minify.mjs"),
    include_str!("../../compile/compile.mjs")
);

/// Compiles Aqua files with aqua-api, in Node, and remembers what it has compiled.
#[derive(Debug, Clone)]
pub struct AquaCompiler {
    dir: PathBuf,
    cache_dir: PathBuf,
    paths: ImportPaths,
    constants: Vec<String>,
    minified: bool,
}

/// Where imports are looked for, after the importing file's own directory.
#[derive(Debug, Clone, Default)]
pub(super) struct ImportPaths {
    pub(super) dirs: Vec<PathBuf>,
    /// What an import begins with, and the directory that stands for it.
    pub(super) aliases: Vec<(String, PathBuf)>,
}

/// A compiled Aqua file.
#[derive(Debug, Clone)]
pub struct AquaProgram {
    file: PathBuf,
    functions: BTreeMap<String, AquaFunction>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    modules_dir: PathBuf,
    file_path: &'a Path,
    imports: &'a [PathBuf],
    aliases: BTreeMap<&'a str, &'a Path>,
    constants: &'a [String],
    minified: bool,
}

#[derive(Serialize, Deserialize)]
struct Compiled {
    errors: Vec<String>,
    warnings: Vec<String>,
    functions: BTreeMap<String, CompiledFunction>,
}

#[derive(Serialize, Deserialize)]
struct CompiledFunction {
    air: String,
    arguments: Vec<AquaField>,
    results: Vec<AquaType>,
}

impl Default for AquaCompiler {
    fn default() -> Self {
        Self::new()
    }
}

impl AquaCompiler {
    /// The compiler whose packages are in `devnet/compile`, with this repository's own Aqua as
    /// `@fluencelabs/registry`; or the one whose packages are where [`COMPILE_DIR_VARIABLE`] says.
    #[must_use]
    pub fn new() -> Self {
        if let Some(dir) = std::env::var_os(COMPILE_DIR_VARIABLE) {
            return Self::with_packages(dir);
        }
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let compiler = Self::with_packages(here.join("compile"));
        match here.join("../aqua").canonicalize() {
            Ok(aqua) => compiler.import_alias("@fluencelabs/registry", aqua),
            Err(_) => compiler,
        }
    }

    /// A compiler with the packages in `dir/node_modules`: for another version of aqua-api.
    pub fn with_packages(dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        Self {
            paths: ImportPaths {
                dirs: vec![dir.join("node_modules")],
                aliases: Vec::new(),
            },
            cache_dir: marine_host::default_cache_dir().join("aqua"),
            dir,
            constants: Vec::new(),
            minified: true,
        }
    }

    /// Looks for imports in `dir`, too; before those named earlier.
    #[must_use]
    pub fn import_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.paths.dirs.insert(0, dir.into());
        self
    }

    /// Has `dir` stand for imports that begin with `prefix`, such as a package's name.
    #[must_use]
    pub fn import_alias(mut self, prefix: impl Into<String>, dir: impl Into<PathBuf>) -> Self {
        let prefix = prefix.into();
        self.paths.aliases.retain(|(name, _)| *name != prefix);
        self.paths.aliases.push((prefix, dir.into()));
        self
    }

    /// Overrides an Aqua constant: `NAME = value`. The file, or one that it imports, has to define it.
    #[must_use]
    pub fn constant(mut self, definition: impl AsRef<str>) -> Self {
        self.constants.push(constants::with_spaces(definition.as_ref()));
        self
    }

    /// Leaves scripts as Aqua's compiler writes them: to read, and to compare. Otherwise they are as short as AIR allows.
    #[must_use]
    pub fn unminified(mut self) -> Self {
        self.minified = false;
        self
    }

    /// Compiles a file, or takes the result from the cache if nothing it depends on has changed.
    pub fn compile(&self, file: impl AsRef<Path>) -> Result<AquaProgram, CompileError> {
        let given = file.as_ref();
        let file = given.canonicalize().map_err(|source| CompileError::File {
            path: given.to_owned(),
            source,
        })?;
        if file.is_dir() {
            return Err(CompileError::directory(given));
        }
        let paths = self.paths_for(&file);
        let sources = sources::transitive(&file, &paths);
        constants::check(&self.constants, &file, &sources)?;
        let cached = self.cache_file(&sources)?;
        let compiled = match read_cached(&cached) {
            Some(compiled) => compiled,
            None => {
                let compiled = self.run(&file, &paths)?;
                if !compiled.errors.is_empty() {
                    let errors = compiled.errors;
                    return Err(CompileError::Aqua { file, errors });
                }
                // A cache that cannot be written costs time, nothing else.
                let _ = write_cached(&cached, &compiled);
                compiled
            }
        };
        Ok(AquaProgram::new(file, compiled))
    }

    /// The `node_modules` beside the file and above it come first, as in Node.
    fn paths_for(&self, file: &Path) -> ImportPaths {
        let above = file.ancestors().skip(1).map(|dir| dir.join("node_modules"));
        let mut paths = self.paths.clone();
        let mut dirs: Vec<_> = above.filter(|dir| dir.is_dir()).collect();
        dirs.append(&mut paths.dirs);
        paths.dirs = dirs;
        paths
    }

    fn cache_file(&self, sources: &BTreeSet<PathBuf>) -> Result<PathBuf, CompileError> {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        add(SCRIPT.as_bytes());
        add(&[u8::from(self.minified)]);
        add(&std::fs::read(self.dir.join("package-lock.json")).unwrap_or_default());
        self.constants.iter().for_each(|c| add(c.as_bytes()));
        for source in sources {
            add(source.to_string_lossy().as_bytes());
            add(&std::fs::read(source).map_err(|e| CompileError::File {
                path: source.clone(),
                source: e,
            })?);
        }
        let name = format!("{}.json", hex::encode(hash.finalize()));
        Ok(self.cache_dir.join(name))
    }

    fn run(&self, file: &Path, paths: &ImportPaths) -> Result<Compiled, CompileError> {
        let modules_dir = self.dir.join("node_modules");
        let modules_dir = modules_dir.canonicalize();
        let modules_dir = modules_dir
            .ok()
            .filter(|dir| dir.join("@fluencelabs/aqua-api").is_dir());
        let modules_dir = modules_dir.ok_or_else(|| CompileError::NoPackages { dir: self.dir.clone() })?;
        let aliases = paths.aliases.iter().map(|(name, dir)| (name.as_str(), dir.as_path()));
        let request = Request {
            modules_dir,
            file_path: file,
            imports: &paths.dirs,
            aliases: aliases.collect(),
            constants: &self.constants,
            minified: self.minified,
        };
        let request = serde_json::to_vec(&request).expect("paths and strings are JSON");
        let broken = |text: &dyn std::fmt::Display| CompileError::Broken(text.to_string());

        let mut node = Command::new("node")
            .args(["--input-type=module", "--eval", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(CompileError::NoNode)?;
        let mut stdin = node.stdin.take().expect("it is piped");
        stdin.write_all(&request).map_err(|e| broken(&e))?;
        drop(stdin);
        let output = node.wait_with_output().map_err(|e| broken(&e))?;
        let answer = serde_json::from_slice(&output.stdout);
        answer.map_err(|_| {
            let stdout = String::from_utf8_lossy(&output.stdout);
            let stderr = String::from_utf8_lossy(&output.stderr);
            broken(&format!("{stdout}{stderr}"))
        })
    }
}

fn read_cached(path: &Path) -> Option<Compiled> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn write_cached(path: &Path, compiled: &Compiled) -> std::io::Result<()> {
    let dir = path.parent().expect("a file in the cache directory");
    std::fs::create_dir_all(dir)?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    serde_json::to_writer(&mut file, compiled)?;
    file.persist(path)?;
    Ok(())
}

impl AquaProgram {
    fn new(file: PathBuf, compiled: Compiled) -> Self {
        let function = |(name, function): (String, CompiledFunction)| {
            let function = AquaFunction {
                name: name.clone(),
                air: Arc::from(function.air),
                arguments: function.arguments,
                results: function.results,
            };
            (name, function)
        };
        Self {
            file,
            functions: compiled.functions.into_iter().map(function).collect(),
            warnings: compiled.warnings,
        }
    }

    /// The exported function of this name.
    pub fn function(&self, name: &str) -> Result<&AquaFunction, CompileError> {
        let found = self.functions.get(name);
        found.ok_or_else(|| CompileError::NoSuchFunction {
            file: self.file.clone(),
            name: name.to_owned(),
            exported: self.functions.values().cloned().collect(),
        })
    }

    /// All exported functions, by name.
    pub fn functions(&self) -> impl Iterator<Item = &AquaFunction> {
        self.functions.values()
    }

    /// What the compiler warned of.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
