# How often a task is tried that another process holds (exit code 75), and how many seconds later.
tries=${TRIES:-5} pause=${PAUSE:-60}

# One task of an array: sbatch starts this very file with `task STAGE OFFSET`.
task() {
    local try code
    stopped='' child='' n_signals=0
    # USR1 comes a minute before the time limit, TERM when the job is cancelled: both let the cell save.
    trap 'stopped=limit n_signals=$((n_signals + 1)); kill -TERM $child' USR1
    trap 'stopped=cancelled n_signals=$((n_signals + 1)); kill -TERM $child' TERM
    for ((try = 1; ; try++)); do
        finish "$program" sweep cell "$sweep" --stage "$1" --offset "$2" --threads "$cpus"
        # 75 is no result and no failure: somebody else holds the cell, or the model that it starts from is missing.
        if [ $code != 75 ] || [ $try -ge "$tries" ] || [ "$stopped" ]; then break; fi
        finish sleep "$pause"
        code=75
        if [ "$stopped" ]; then break; fi
    done
    # Saved before the time limit: once more, with a new limit. An array's task is named by both of its numbers, since
    # the JobId of its last task is that of the whole array.
    case $stopped/$code in
    limit/[023]) ;;
    limit/*) scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID" ;;
    esac
    exit $code
}

# Waits for a command to end, whatever signals come meanwhile, and puts its exit code into $code.
finish() {
    local n
    "$@" &
    child=$!
    while :; do
        n=$n_signals code=0
        wait $child || code=$?
        if [ $n = $n_signals ]; then break; fi
    done
}

# Submits an array: STAGE OFFSET INDEXES.
submit() {
    local id
    # A requeued task appends to its log; `%` begins a pattern there.
    id=$(sbatch --parsable --job-name="$name-$1" --array="$3" "${resources[@]}" \
        --requeue --signal=B:USR1@60 --open-mode=append --output="${sweep//%/%%}/logs/slurm/$1-%A_%a.txt" \
        ${after:+--dependency="afterany$after"} "${words[@]}" "$0" task "$1" "$2")
    id=${id%%;*}
    ids+=":$id"
    echo "$1: job $id, tasks $3, counted from $2"
}

# What is submitted from here on waits for all before it, and not for their success: cells of other models can go on.
next_stage() {
    after=$ids
}

submitted() {
    echo "when they have ended: $program sweep status $sweep"
}

if [ "${1-}" = task ]; then
    set +e
    task "$2" "$3"
fi
words=("$@") ids='' after=''
mkdir -p "$sweep/logs/slurm"
