# shellcheck shell=bash
# What the tests of schedulers have in common: a small sweep, disturbances, checks. Sourced.
#
# Sets $folder (temporary), $experiment, $local (the same sweep done on this machine alone), $sweep (where the cluster's
# will be) and $program: bert-heal, which fails in cell 1 and is killed in cell 2, once each.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
n_failed=0

say() { printf '%s  %s\n' "$(date +%T)" "$*"; }

# check WORDS COMMAND…
check() {
    local words=$1
    shift
    if "$@"; then say "PASSED $words"; else say "FAILED $words" && n_failed=$((n_failed + 1)); fi
}

# Waits up to SECONDS for a command to succeed.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.2
    done
}

# As above; what cannot happen any more ends the test.
await() {
    until_true "$@" || { say "FAILED no ${*:2} in $1 seconds" && exit 1; }
}

# Processes are ended by their numbers, the last one first; `zombies` are those that outlived their node.
started=() zombies=()
end_all() {
    local i
    "${stop_jobs:-true}" || true
    for ((i = 0; i < ${#zombies[@]}; i++)); do
        kill -9 "${zombies[i]}" 2> /dev/null || true
    done
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do
        kill "${started[i]}" 2> /dev/null || true
    done
    for ((i = 0; i < 50; i++)); do
        kill -0 "${started[@]}" 2> /dev/null || break
        sleep 0.1
    done
    kill -9 "${started[@]}" 2> /dev/null || true
    if [ "${KEEP-}" ]; then echo "kept: $folder"; else rm -rf "$folder"; fi
}

bert_heal=$(realpath "$1")
folder=$(mktemp -d)
trap end_all EXIT
experiment=$folder/levels.toml
local=$folder/local
sweep=$folder/cluster
program=$folder/bert-heal

# Sentences in the vocabulary of the tiny BERT; the adjective decides the class.
rows() {
    awk -v n="$1" 'BEGIN {
        print "label\ttext"
        split("bad sad worst slow cold was good happy warm", adjective); split("film plot actor cafe", noun)
        for (i = 0; i < n; i++) {
            label = int(i * 7 / 2) % 3; filler = ""
            for (k = 0; k < i % 4; k++) filler = filler "the and of "
            printf "%d\t%sthe %s %d is %s\n", label, filler, noun[i % 4 + 1], i, adjective[3 * label + int(i / 5) % 3 + 1]
        }
    }'
}
mkdir "$folder/data" "$folder/marks"
printf 'negative\nneutral\npositive\n' > "$folder/data/labels.txt"
rows 300 > "$folder/data/train.tsv"
rows 90 > "$folder/data/test.tsv"

# Twelve cells of three seeds; with them three healthy models and three controls.
cat > "$experiment" << TOML
name = "levels"
[grid]
model = '$here/../golden/tiny-bert'
dataset = '$folder/data'
protocol = "finetuned"
scheme = "kaiming"
place = ["bottom", "top"]
level = [0.5, 1]
seed = "1-3"
epochs = ${EPOCHS:-80}
batch_size = 16
max_length = 32
learning_rate = 1e-3
TOML

cat > "$program" << SH
#!/usr/bin/env bash
case " \$* " in *" cells "*) task=\${SLURM_ARRAY_TASK_ID-}\${HQ_TASK_ID-} ;; *) task=none ;; esac
# A node with another instruction set: its numbers would be others, and the cell fails with exit code 3.
if [ \$task = 1 ] && mkdir "$folder/marks/fails" 2> /dev/null; then export BERT_HEAL_ISA=scalar; fi
if [ \$task = 2 ] && mkdir "$folder/marks/crashes" 2> /dev/null; then export BERT_HEAL_KILL_AT=training.step:50; fi
exec "$bert_heal" "\$@"
SH
chmod +x "$program"
export BERT_HEAL=$program PAUSE=2

n_results() { find "$sweep/results" -name '*.zst' 2> /dev/null | wc -l; }
# cell_id NUMBER
cell_id() { sed -n "$(($1 + 1))s/.*\"id\":\"\([^\"]*\)\".*/\1/p" "$sweep/cells.jsonl"; }
# Whether a cell has its result.
has_result() { [ -e "$sweep/results/$(cell_id "$1").json.zst" ]; }
# The process that holds the first try at a cell.
pid_of() { sed -n 's/.*"pid": \([0-9]*\).*/\1/p' "$sweep/attempts/$(cell_id "$1")/1/lease.json" 2> /dev/null; }
# Whether a cell's first try is well on its way.
# shellcheck disable=SC2002
trains() { [ "$(cat "$sweep/attempts/$(cell_id "$1")/1/run/metrics.jsonl" 2> /dev/null | wc -l)" -gt 20 ]; }
# Cells in a state: count WORD
count() { "$bert_heal" sweep status "$sweep" --json | sed -n "s/^ *\"$1\": \([0-9]*\),*$/\1/p" | head -n 1; }
same_results() { cmp "$local/results.jsonl" "$sweep/results.jsonl"; }

plan_and_run_locally() {
    say "$("$bert_heal" --version)"
    say "locally: $("$bert_heal" sweep "$experiment" --out "$local" --workers 2 --threads 2 2> "$folder/local.txt" | head -n 1)"
    [ -s "$local/results.jsonl" ] || { cat "$folder/local.txt" && exit 1; }
    say "$("$bert_heal" sweep plan "$experiment" --out "$sweep" | sed "s,.*/,,")"
}

# What logs of tasks say of leases and results.
excerpts() {
    local log
    for log in "$@"; do
        grep -E 'is gone; going|works on it|was made|was there|stopped and saved|published|healed [0-9]|interrupted' "$log" |
            sed "s,$folder/cluster/,,g; s, on $(hostname) , on a node ,; s,^,          ${log##*/}: ," || true
    done
}

# The second launch, of what is left when three cells have no result; `launch` starts it and waits.
retry_and_compare() {
    check "nine cells have a result" [ "$(n_results)" = 9 ]
    "$bert_heal" sweep status "$sweep" | sed "s,$folder/,,; s,^,          ,"
    check "one cell failed, two are interrupted" [ "$(count failed) $(count interrupted)" = "1 2" ]
    local before
    before=$(find "$sweep/results" -printf '%p %T@\n' | sort | grep zst)
    "$bert_heal" sweep retry "$sweep" --failed --mark
    launch
    check "all twelve have one" [ "$(n_results)" = 12 ]
    check "none of the nine was made again" \
        [ -z "$(comm -23 <(echo "$before") <(find "$sweep/results" -printf '%p %T@\n' | sort))" ]
    say "$("$bert_heal" sweep collect "$sweep" | sed "s,.*/,,")"
    check "results.jsonl is that of the local sweep, byte for byte" same_results
    if [ $n_failed = 0 ]; then say "PASSED"; else say "FAILED: $n_failed checks" && exit 1; fi
}
