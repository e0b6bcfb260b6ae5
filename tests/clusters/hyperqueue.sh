#!/usr/bin/env bash
# A sweep on HyperQueue, with a cell that fails, one that crashes, one that is killed and a worker that is killed while its
# tasks live on. A few minutes on an idle machine, and a build of HyperQueue unless `hq` is on the PATH (PyPI's wheel has
# none):
#
#   tests/clusters/hyperqueue.sh target/debug/bert-heal
#
# One server and three workers run on loopback, with everything in a temporary folder. The two processes on worker w3 are
# stopped (SIGSTOP) when the worker is killed. One goes on while the copy that HyperQueue starts waits for its lease; the
# other stays stopped until the copy has taken its cell over and finished it.
set -euo pipefail
[ $# = 1 ] || { echo "usage: $0 BERT_HEAL" >&2 && exit 2; }
. "$(dirname "$0")/common.sh"

revision=680857bdfa45f92c50535cdef525f5a26bbcf55c
if ! [ -x "$(command -v hq)" ]; then
    root=${HQ_ROOT:-$HOME/.cache/bert-heal-tests/hyperqueue-$revision}
    if ! [ -x "$root/bin/hq" ]; then
        git clone --quiet "${HQ_SOURCE:-https://github.com/It4innovations/hyperqueue}" "$folder/source"
        git -C "$folder/source" checkout --quiet $revision
        # A solver in Rust instead of HiGHS, which needs cmake.
        cargo install --quiet --locked --debug --root "$root" --no-default-features --features microlp \
            --path "$folder/source/crates/hyperqueue"
    fi
    PATH=$root/bin:$PATH
fi
export HQ_SERVER_DIR=$folder/hq
mkdir "$folder/workers"
hq server start --host=127.0.0.1 > "$folder/server.txt" 2>&1 &
started+=($!)
await 20 hq server info > /dev/null 2>&1
worker() {
    hq worker start --cpus="$2" --detect-resources=none --hostname="$1" --heartbeat=1s > "$folder/workers/$1.txt" 2>&1 &
    started+=($!)
}
worker w1 1
worker w2 2
worker w3 2
w3=$!
all_here() { [ "$(hq --output-mode=json worker list | grep -c '"id"')" = 3 ]; }
await 20 all_here

launch() {
    "$bert_heal" sweep launcher "$sweep" --for hyperqueue > "$folder/launch.sh"
    (cd "$folder" && bash launch.sh > launch.txt 2>&1) &
    started+=($!)
    [ "${1-}" = and-go-on ] || ended
}
# The launcher waits for its jobs itself.
ended() {
    wait $! || true
    grep job "$folder/launch.txt" | while read -r line; do say "$line"; done
}

say "$(hq --version) (built from $revision), three workers"
plan_and_run_locally

# Let the cells begin, and disturb them: those of a worker are children of its process.
launch and-go-on
launcher=$!
cells_on() {
    local n pid parent
    for n in $(seq 3 11); do
        pid=$(pid_of "$n") || continue
        parent=$(ps -o ppid= -p "${pid:-0}" | xargs) || continue
        if [ "$(ps -o ppid= -p "${parent:-0}" | xargs)" = "$1" ] && trains "$n"; then echo "$n"; fi
    done
}
two_on_w3() {
    mapfile -t cells < <(cells_on "$w3")
    [ ${#cells[@]} = 2 ]
}
await 300 two_on_w3
first=${cells[0]} second=${cells[1]}
zombies=("$(pid_of "$first")" "$(pid_of "$second")")
kill -STOP "${zombies[@]}"
{ kill -9 "$w3" && wait "$w3"; } 2> /dev/null || true
say "worker w3 is killed; its processes in cells $first and $second live on, stopped"
for pid in "${started[@]}"; do
    victim=$(cells_on "$pid" | grep -vx -e "$first" -e "$second" | head -n 1) || true
    [ -z "$victim" ] || break
done
kill -9 "$(pid_of "$victim")"
say "killed by -9: the process in cell $victim"

restarts() { compgen -G "$sweep/logs/hyperqueue/cells-*-$1-[1-9]*.stderr" > /dev/null; }
await 300 restarts "$first"
say "HyperQueue has begun cell $first again"
sleep 8
check "the copy of cell $first waits beside the first process" [ "$(ls "$sweep/attempts/$(cell_id "$first")")" = 1 ]
kill -CONT "${zombies[0]}"
say "the first process in cell $first goes on"
await 300 has_result "$second"
say "the copy of cell $second has taken it over and finished it"
check "cell $second is the copy's" grep -q '"attempt": 2' "$sweep/costs/$(cell_id "$second").json"
kill -CONT "${zombies[1]}"
is_gone() { ! kill -0 "$1" 2> /dev/null; }
check "the first process in cell $second stops by itself" until_true 60 is_gone "${zombies[1]}"
wait $launcher || true
grep job "$folder/launch.txt" | while read -r line; do say "$line"; done
job=$(sed -n 's/^cells: job \([0-9]*\),.*/\1/p' "$folder/launch.txt")
code=0 && hq job wait "$job" > /dev/null 2>&1 || code=$?
say "tasks that failed, by hq: $(hq job task-ids "$job" --filter=failed); exit code of hq job wait: $code"
excerpts "$sweep"/logs/hyperqueue/cells-*-{"$first","$second"}-*.std*
retry_and_compare
