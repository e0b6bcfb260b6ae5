#!/usr/bin/env bash
# Runs the fuzz targets one after the other, each until it has taken so many minutes of CPU time, and prints a table.
#
#   run.sh OUT [MINUTES [TARGET…]]
#
# OUT keeps corpora, logs, what crashed and how far each target is: the same command goes on where it was interrupted,
# and a target that crashed is left alone until its folder OUT/TARGET/artifacts is empty.
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh
out=$(realpath -m "${1:?usage: run.sh OUT [MINUTES [TARGET…]]}")
minutes=${2:-20}
shift $(($# < 2 ? $# : 2))
targets=("${@:-${all[@]}}")

# Seconds of a slice, after which the CPU time is counted. Every slice reads the corpus again.
slice=${FUZZ_SLICE:-300}
build

seconds_of() { awk '{ sum += $2 } END { print int(sum) }' "$out/$1/slices" 2>/dev/null || echo 0; }

fuzz_slice() {
    local target=$1 folder=$out/$1 log=$out/$1/log status=0 user system
    make_tmpdir
    fuzz "$target" "$folder" "$slice" || status=$?
    rm -rf "$TMPDIR"
    read -r user system < <(tail -n 1 "$folder/time")
    awk -v cpu="$(awk -v u="$user" -v s="$system" 'BEGIN { print u + s }')" -v status="$status" '
        /stat::number_of_executed_units/ { n = $2 }
        match($0, /cov: [0-9]+/) { cov = substr($0, RSTART + 5, RLENGTH - 5) }
        END { print n + 0, cpu, cov + 0, status }' "$log" >>"$folder/slices"
    cat "$log" >>"$folder/all.log"
    return "$status"
}

failed=0
for target in "${targets[@]}"; do
    mkdir -p "$out/$target"/{corpus,seeds,artifacts}
    FUZZ_SEEDS=$out/$target/seeds "$programs/$target" 2>"$out/$target/log"
    while [ -z "$(ls "$out/$target/artifacts")" ] && (($(seconds_of "$target") < minutes * 60)); do
        fuzz_slice "$target" || { echo "$target: see $out/$target/log" >&2; break; }
    done
    [ -z "$(ls "$out/$target/artifacts")" ] || failed=1
done

printf '%-14s %12s %8s %8s %8s %7s\n' target executions cpu_min exec/s edges crashes
for target in "${targets[@]}"; do
    awk -v target="$target" -v crashes="$(ls "$out/$target/artifacts" | wc -l)" '
        { n += $1; cpu += $2; if ($3 > cov) cov = $3 }
        END { printf "%-14s %12d %8.1f %8d %8d %7d\n", target, n, cpu / 60, cpu ? n / cpu : 0, cov, crashes }' \
        "$out/$target/slices"
done
exit "$failed"
