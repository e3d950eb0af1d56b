#!/usr/bin/env bash
# Packs what ./build.sh has left in artifacts/ for those who do not build here:
#   artifacts/registry.tar.gz                 modules, configs, blueprint and scripts: for other deployments
#   artifacts/aqua-dht.tar.gz                 the same of aqua-dht
#   artifacts/registry-distro-VERSION.crate   the crate that a Rust peer builds in
# `./build.sh package` builds what is missing first. One commit gives the same bytes every time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly CRATE=builtin-package/Cargo.toml
readonly NEEDED=(registry.wasm aqua-dht.wasm sqlite3.wasm registry-spell.air aqua-dht-spell.air SHA256SUMS)

for file in "${NEEDED[@]}"; do
  if [[ ! -f artifacts/$file ]]; then
    echo "package.sh: artifacts/$file is not built yet: run ./build.sh package" >&2
    exit 1
  fi
done

for service in registry aqua-dht; do
  cargo run --quiet --release --locked -p registry-archive -- "$service"
done

# The embedded files are links to what the build made, which is not in git. What is packed is compiled in the tests.
packed=$(mktemp -d)
trap 'rm -rf "$packed"' EXIT
cargo package --quiet --locked --manifest-path "$CRATE" --allow-dirty --no-verify --target-dir "$packed"
for crate in "$packed"/package/*.crate; do
  cp "$crate" artifacts/
  echo "artifacts/${crate##*/}: $(wc -c <"$crate") bytes"
done
