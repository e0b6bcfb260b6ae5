# How often a task is tried that another process holds (exit code 75), and how many seconds later.
tries=${TRIES:-5} pause=${PAUSE:-60}
# How many workers may be lost under a task before it counts as failed.
crashes=${CRASHES:-20}

# One task: TRIES PAUSE COMMAND…. HyperQueue has no exit code that means "later".
# shellcheck disable=SC2016
task='tries=$1 pause=$2; shift 2
for ((try = 1; ; try++)); do
    code=0; "$@" || code=$?
    if [ $code != 75 ] || [ $try -ge $tries ]; then exit $code; fi
    sleep $pause
done'

# Submits an array: STAGE OFFSET INDEXES. The path of its output holds the instance, so that a restart keeps the log.
submit() {
    local id out="$sweep/logs/hyperqueue/$1-%{JOB_ID}-%{TASK_ID}-%{INSTANCE_ID}"
    id=$(hq --output-mode=quiet submit --name="$name-$1" --array="$3" "${resources[@]}" --crash-limit="$crashes" \
        --stdout="$out.stdout" --stderr="$out.stderr" "${words[@]}" \
        -- bash -c "$task" task "$tries" "$pause" \
        "$program" sweep cell "$sweep" --stage "$1" --offset "$2" --threads "$cpus")
    ids+=${ids:+,}$id
    echo "$1: job $id, tasks $3, counted from $2"
}

# Waits for all that was submitted. Its exit code says nothing of the tasks, and cells of other models can go on when one
# has failed.
next_stage() {
    hq job wait "$ids"
}

finished() {
    next_stage
    "$program" sweep status "$sweep"
}

words=("$@") ids=''
mkdir -p "$sweep/logs/hyperqueue"
