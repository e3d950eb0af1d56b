#!/usr/bin/env bash
# The one entry to the project: builds, tests and measures the registry. `./build.sh help` lists the commands.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# A backtrace for every error that a WASI call returns makes Marine 3 to 14 times slower.
export RUST_LIB_BACKTRACE=0

readonly WASM_TARGET=wasm32-wasip1
readonly WASM_TARGET_DIR=target-wasm
readonly COMPILED_DIR=$WASM_TARGET_DIR/$WASM_TARGET/wasm
readonly COMPILED_WASM=$COMPILED_DIR/registry-module.wasm
readonly COMPILED_BESIDE=("$COMPILED_DIR/aqua-dht.wasm" "$COMPILED_DIR/records-directory.wasm")
readonly NATIVE_DIR=${CARGO_TARGET_DIR:-target}/release
readonly DEBIAN_PACKAGES=(rustc-web cargo-web rust-web-src wasi-libc lld clang libclang-rt-14-dev-wasm32)
readonly RUSTUP_TIMEOUT_SEC=120

usage() {
  cat <<'USAGE'
usage: ./build.sh [artifacts | package | test | up [ARGUMENT...] | demo [ARGUMENT...] | bench [ARGUMENT...] |
                   fuzz [ARGUMENT...] | soak [KIND [ARGUMENT...]] | help]

  artifacts   compile the services: artifacts/registry.wasm, aqua-dht.wasm, sqlite3.wasm,
              SHA256SUMS and their Aqua bindings (the default)
  package     artifacts, then what others install: artifacts/registry.tar.gz, aqua-dht.tar.gz
              and the crate for Rust peers, artifacts/registry-distro-VERSION.crate
  test        format, artifacts, lints, then all tests
  up          a network on this machine that clients connect to, until Ctrl-C;
              arguments go to the command (`./build.sh up --help`, docs/COMMAND.md)
  demo        a network of 20 peers on this machine, and the registry's main job on it;
              arguments go to the command (`./build.sh demo --picture ring.svg`)
  bench       time every exported call, side by side with registry-distro 0.9.4;
              arguments go to the benchmark (`./build.sh bench --help`)
  fuzz        hostile input for every exported function, natively, for a minute;
              arguments go to the command (`./build.sh fuzz --help`, docs/FUZZING.md)
  soak        long runs, with progress; arguments go to the command (`./build.sh soak KIND --help`):
                network      days of a network's life: churn, restarts, partitions (docs/SOAK.md;
                             the default)
                simulation   1,000 nodes and 100,000 keys without AquaVM (docs/SIMULATION.md)
                crash, disk  kill -9 in a loop; full, read-only and damaged disks (docs/PERFORMANCE.md)
  help        this text

environment:
  WASM_TOOLCHAIN     rustup or debian: which toolchain compiles the service
                     [default: whichever is installed, else whichever can be]
  SOURCE_DATE_EPOCH  build time in the module's manifest, in seconds since 1970
                     [default: the date of the commit]
USAGE
}

main() {
  local command=${1:-artifacts}
  shift || true
  case $command in
    artifacts) expect_no_arguments artifacts "$@"; build_artifacts; compile_client_scripts ;;
    package) expect_no_arguments package "$@"; build_packages ;;
    test) expect_no_arguments test "$@"; run_tests ;;
    up) run_up "$@" ;;
    demo) run_demo "$@" ;;
    bench) run_bench "$@" ;;
    fuzz) run_fuzz "$@" ;;
    soak) run_soak "$@" ;;
    help | -h | --help) usage ;;
    *)
      echo "build.sh: there is no command \`$command\`" >&2
      usage >&2
      exit 2
      ;;
  esac
}

# ---- commands -------------------------------------------------------------------------------------------------------

# Compilers run side by side, because none of them keeps two cores busy to its end. The packer and PACKAGE are built by one
# command: by two, they would want the same crates with different features, each compiled twice. Arguments go to the packer.
build_artifacts() { # [PACKAGE] [--ARGUMENT...]
  local package=
  if [[ ${1:---} != --* ]]; then
    package=$1
    shift
  fi
  need_native_toolchain
  need_npm
  choose_wasm_toolchain
  beside "install the Aqua compiler, compile the scripts of spells" prepare_scripts
  beside "compile the modules with ${WASM_TOOLCHAIN}'s Rust" "compile_wasm_with_$WASM_TOOLCHAIN"
  step "build the packer${package:+ and $package}" \
    cargo build --release --locked -p registry-packer ${package:+-p "$package"}
  await_besides
  local bindings
  bindings=$(sum_of_bindings)
  step "pack artifacts/" "$NATIVE_DIR/registry-packer" "$@" "${COMPILED_BESIDE[@]/#/--beside=}" "$COMPILED_WASM"
  if [[ $(sum_of_bindings) != "$bindings" ]]; then
    step "compile the scripts of spells for the new interface" compile_scheduled_scripts
    "$NATIVE_DIR/registry-packer" --sums-only
  fi
  (cd artifacts && ls -l -- *.wasm *.air SHA256SUMS)
}

# While Rust compiles: with the bindings as they are, which seldom change.
prepare_scripts() {
  install_aqua_compiler
  compile_scheduled_scripts
}

# Of what the packer writes and scripts import.
sum_of_bindings() {
  cat aqua/registry-service.aqua aqua-dht/aqua/aqua-dht-service.aqua | cksum
}

compile_scheduled_scripts() {
  mkdir -p artifacts
  node devnet/compile/air.mjs aqua/scheduled.aqua artifacts clearExpired_86400 replicate_3600 renew_43200
  node devnet/compile/air.mjs aqua/spell.aqua artifacts registrySpell=registry-spell
  node devnet/compile/air.mjs aqua-dht/aqua/scheduled.aqua artifacts clearExpired_86400=aqua-dht-clearExpired_86400 \
    replicate_3600=aqua-dht-replicate_3600 aquaDhtSpell=aqua-dht-spell
}

# The client embeds them when it is compiled, so they are committed.
compile_client_scripts() { # [--check]
  step "compile the client's scripts" node devnet/compile/client.mjs "$@"
}

build_packages() {
  build_artifacts
  compile_client_scripts
  step "pack for those who do not build here" builtin-package/package.sh
  make_javascript
  step "pack the npm package" npm pack --silent --pack-destination artifacts ./aqua
}

# aqua/dist, from the scripts and aqua/js.
make_javascript() {
  install_npm_packages aqua/js
  step "make the JavaScript of the npm package" node aqua/js/build.mjs
}

run_tests() {
  need_native_toolchain
  need_node
  need_component rustfmt fmt
  need_component clippy clippy
  need_chromium
  step "check the scripts" check_scripts
  step "check the format" cargo fmt --all --check
  # The committed bindings must be those of this source, so they are compared here and not written anew.
  build_artifacts --check
  compile_client_scripts --check
  # After the artifacts, because builtin-package embeds them.
  step "lint" cargo clippy --release --workspace --all-targets --locked -- -D warnings
  make_javascript
  install_npm_packages qa/clients/js-client
  install_npm_packages qa/clients/fluence-cli
  install_npm_packages qa/clients/node-versions
  install_npm_packages qa/clients/browser
  install_npm_packages devnet/page
  step "test" cargo test --release --workspace --locked --no-fail-fast
}

run_up() {
  build_artifacts registry-client
  exec "$NATIVE_DIR/registry" up "$@"
}

run_demo() {
  build_artifacts devnet
  "$NATIVE_DIR/devnet" demo "$@"
}

run_bench() {
  build_artifacts registry-bench
  # The reference's scripts, and the compiler that takes them.
  install_npm_packages qa/bench/network/reference
  # The reference prints a line of its own at many calls.
  "$NATIVE_DIR/registry-bench" "$@" | sed '/^get_non_host_records_count_by_key$/d'
}

# Needs neither wasm nor Aqua.
run_fuzz() {
  need_native_toolchain
  step "build the fuzzer" cargo build --release --locked -p registry-fuzz
  (($# > 0)) || set -- run
  cargo run --quiet --release --locked -p registry-fuzz -- "$@"
}

run_soak() { # [KIND [ARGUMENT...]]
  local kind=${1:-network}
  shift || true
  need_native_toolchain
  case $kind in
    network)
      build_artifacts
      step "build the soak" cargo build --release --locked -p registry-soak
      cargo run --quiet --release --locked -p registry-soak -- "$@"
      ;;
    simulation)
      step "build the simulation" cargo build --release --locked -p registry-sim
      (($# > 0)) || set -- run
      cargo run --quiet --release --locked -p registry-sim -- "$@"
      ;;
    crash | disk)
      build_artifacts
      step "build the soak" cargo build --release --locked -p registry-checks
      cargo run --quiet --release --locked -p registry-checks --bin registry-soak -- "$kind" "$@"
      ;;
    *)
      echo "build.sh: soak runs network, simulation, crash or disk; \`$kind\` is none of them" >&2
      exit 2
      ;;
  esac
}

expect_no_arguments() { # COMMAND [ARGUMENT...]
  if (($# > 1)); then
    echo "build.sh: $1 takes no arguments, \`$2\` was given" >&2
    exit 2
  fi
}

check_scripts() {
  local script
  for script in build.sh builtin-package/package.sh .ci/run; do
    bash -n "$script"
  done
  if command -v shellcheck >/dev/null; then
    shellcheck build.sh builtin-package/package.sh .ci/run
  else
    echo "shellcheck is not installed: the scripts' syntax alone was checked"
  fi
}

# ---- what must be there ---------------------------------------------------------------------------------------------

need_native_toolchain() {
  { have cargo && have rustc; } || fail "cargo or rustc is missing: install Rust from https://rustup.rs, then open a new shell"
  have cc || fail "a C compiler is missing (SQLite's native build and Rust's linker need one): apt-get install build-essential"
}

# Aqua is compiled by the npm packages that devnet/compile pins.
install_aqua_compiler() {
  install_npm_packages devnet/compile
}

install_npm_packages() { # DIRECTORY
  need_npm
  # npm leaves a copy of the lock file behind when it is done.
  if [[ $1/node_modules/.package-lock.json -nt $1/package-lock.json ]]; then
    return
  fi
  step "install the npm packages of $1" npm ci --no-audit --no-fund --prefix "$1"
}

need_node() {
  have node || fail "node is missing (Aqua's compiler runs on it): install Node.js 18 or later from https://nodejs.org"
}

need_npm() {
  need_node
  have npm || fail "npm is missing (it installs Aqua's compiler): install Node.js 18 or later from https://nodejs.org"
}

# Tests of what is for browsers. They look for it in the same places.
need_chromium() {
  [[ -x ${CHROMIUM:-} ]] || have chromium || have chromium-browser || have google-chrome ||
    fail "Chromium is missing (the page of \`registry up\` is tested in it): apt-get install chromium, or name one in CHROMIUM"
}

need_component() { # NAME SUBCOMMAND
  cargo "$2" --version >/dev/null 2>&1 || fail "cargo $2 is missing: rustup component add $1"
}

# ---- the toolchain for wasm -----------------------------------------------------------------------------------------

# Sets WASM_TOOLCHAIN: what is installed comes first, then what can be installed.
choose_wasm_toolchain() {
  case ${WASM_TOOLCHAIN:-} in
    rustup) has_rustup_target || add_rustup_target || fail "this toolchain has no $WASM_TARGET: rustup target add $WASM_TARGET" ;;
    debian) has_debian_packages || install_debian_packages ;;
    '')
      if has_rustup_target; then
        WASM_TOOLCHAIN=rustup
      elif has_debian_packages; then
        WASM_TOOLCHAIN=debian
      elif add_rustup_target; then
        WASM_TOOLCHAIN=rustup
      else
        install_debian_packages
        WASM_TOOLCHAIN=debian
      fi
      ;;
    *) fail "WASM_TOOLCHAIN is \`$WASM_TOOLCHAIN\`: it can be rustup or debian" ;;
  esac
}

has_rustup_target() {
  compgen -G "$(rustc --print sysroot)/lib/rustlib/$WASM_TARGET/lib/libstd-*.rlib" >/dev/null
}

add_rustup_target() {
  have rustup || return 1
  say "rustup target add $WASM_TARGET"
  timeout "$RUSTUP_TIMEOUT_SEC" rustup target add "$WASM_TARGET" && has_rustup_target
}

has_debian_packages() {
  have dpkg-query || return 1
  local package
  for package in "${DEBIAN_PACKAGES[@]}"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || return 1
  done
}

install_debian_packages() {
  local as_root=()
  local install="apt-get install -y --no-install-recommends ${DEBIAN_PACKAGES[*]}"
  have apt-get || fail "Rust's $WASM_TARGET is missing, and this is no Debian: rustup target add $WASM_TARGET"
  if ((EUID != 0)); then
    if ! have sudo || ! sudo -n true 2>/dev/null; then
      fail "Rust's $WASM_TARGET is missing. Run one of these, then ./build.sh again:
  rustup target add $WASM_TARGET
  sudo $install"
    fi
    as_root=(sudo -n)
  fi
  export DEBIAN_FRONTEND=noninteractive
  step "update the package lists" "${as_root[@]}" apt-get -qq update
  # shellcheck disable=SC2086 # the words of the command are meant to be split
  step "install ${DEBIAN_PACKAGES[*]}" or_fail "these packages cannot be installed here; with a Rust from https://rustup.rs: rustup target add $WASM_TARGET" \
    "${as_root[@]}" $install
}

# ---- compiling ------------------------------------------------------------------------------------------------------

compile_wasm_with_rustup() {
  compile_wasm cargo "$(rustc --print sysroot)"
}

# Debian has no standard library for this target, but its source and the C library below it.
compile_wasm_with_debian() {
  local cargo rustc libc start
  cargo=$(packaged_file cargo-web /bin/cargo)
  rustc=$(packaged_file rustc-web /bin/rustc)
  libc=$(packaged_file wasi-libc /libc.a)
  start=$(packaged_file wasi-libc /crt1-command.o)
  # The full path of rustc, because rustup's comes first on PATH. -Zbuild-std is offered under RUSTC_BOOTSTRAP only.
  export RUSTC=$rustc RUSTC_BOOTSTRAP=1
  compile_wasm "$cargo" "$("$rustc" --print sysroot)" -Zbuild-std=std,panic_abort \
    -- -Clink-self-contained=no -Clinker=wasm-ld "-Lnative=${libc%/*}" "-Clink-arg=$start"
  unset RUSTC RUSTC_BOOTSTRAP
}

compile_wasm() { # CARGO SYSROOT [CARGO_ARGUMENT...] [-- RUSTC_FLAG...]
  local cargo=$1 sysroot=$2 arguments=()
  shift 2
  while (($# > 0)) && [[ $1 != -- ]]; do
    arguments+=("$1")
    shift
  done
  # No path of this machine gets into the module: one commit gives the same bytes in every directory.
  local flags=(
    "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/sources/cargo"
    "--remap-path-prefix=$sysroot/lib/rustlib/src/rust=/sources/rust"
    "--remap-path-prefix=$PWD=/sources/registry"
    "${@:2}"
  )
  local IFS=$'\x1f'
  # Encoded flags may contain spaces, and take the place of whatever flags this machine is configured with.
  CARGO_ENCODED_RUSTFLAGS="${flags[*]}" "$cargo" build --profile wasm --target "$WASM_TARGET" --locked \
    --target-dir "$WASM_TARGET_DIR" "${arguments[@]}" \
    -p registry-service --bin registry-module -p aqua-dht --bin aqua-dht -p records-directory --bin records-directory
}

# The file of an installed package whose path ends in SUFFIX.
packaged_file() { # PACKAGE SUFFIX
  dpkg -L "$1" | grep -m 1 -- "$2\$" || fail "the package $1 has no file $2: install $1 anew"
}

# ---- talking --------------------------------------------------------------------------------------------------------

step() { # TITLE COMMAND...
  local began=$SECONDS
  STEP=$1
  say "$STEP"
  "${@:2}"
  printf '    done in %s s\n' $((SECONDS - began))
  STEP=
}

# Runs a command in the background, in a process group of its own, until `await_besides`.
beside() { # TITLE COMMAND...
  local log
  log=$(mktemp)
  say "$1, beside what follows"
  set -m
  ("${@:2}") >"$log" 2>&1 &
  set +m
  BESIDE_GROUPS+=($!)
  BESIDE_TITLES+=("$1")
  BESIDE_LOGS+=("$log")
}

await_besides() {
  local at
  for at in "${!BESIDE_GROUPS[@]}"; do
    STEP=${BESIDE_TITLES[at]}
    say "wait for: $STEP"
    if ! wait "${BESIDE_GROUPS[at]}"; then
      cat "${BESIDE_LOGS[at]}" >&2
      exit 1
    fi
    rm -f "${BESIDE_LOGS[at]}"
  done
  STEP=
  BESIDE_GROUPS=() BESIDE_TITLES=() BESIDE_LOGS=()
}

say() {
  printf '==> %s\n' "$1"
}

fail() {
  printf 'build.sh: %s\n' "$1" >&2
  exit 1
}

or_fail() { # MESSAGE COMMAND...
  "${@:2}" || fail "$1"
}

have() {
  command -v "$1" >/dev/null
}

name_failed_step() {
  local status=$? group
  for group in "${BESIDE_GROUPS[@]}"; do
    kill -- "-$group" 2>/dev/null || true
  done
  if ((status != 0)) && [[ -n $STEP ]]; then
    printf 'build.sh: failed: %s\n' "$STEP" >&2
  fi
}

STEP=
BESIDE_GROUPS=() BESIDE_TITLES=() BESIDE_LOGS=()
trap name_failed_step EXIT
main "$@"
