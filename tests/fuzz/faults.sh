#!/usr/bin/env bash
# Plants a fault in each reader (faults.patch), in a copy of the sources, and tells how long each target takes to find the
# one in its reader, from the seeds alone.
#
#   faults.sh OUT [SECONDS [TARGET…]]
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh
out=$(realpath -m "${1:?usage: faults.sh OUT [SECONDS [TARGET…]]}")
seconds=${2:-300}
shift $(($# < 2 ? $# : 2))
targets=("${@:-${all[@]}}")

sources=$out/sources
rm -rf "$sources"
git clone --quiet ../.. "$sources"
git -C "$sources" apply <faults.patch
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target/faults}
cd "$sources/tests/fuzz"
build

for target in "${targets[@]}"; do
    folder=$out/$target
    rm -rf "$folder"
    mkdir -p "$folder"/{corpus,seeds}
    make_tmpdir
    FUZZ_SEEDS=$folder/seeds "$programs/$target" 2>"$folder/log"
    fuzz "$target" "$folder" "$seconds" || true
    rm -rf "$TMPDIR"
    # The place of the panic, or what else ended it.
    found=$(grep -m1 -oE 'panicked at [^ ]+|out of bound.*|ERROR: libFuzzer: .*' "$folder/log" || echo nothing)
    read -r user system < <(tail -n 1 "$folder/time")
    awk -v target="$target" -v u="$user" -v s="$system" -v found="${found//$sources\//}" '
        BEGIN { printf "%-14s %7.1f s of CPU  %s\n", target, u + s, found }'
done
