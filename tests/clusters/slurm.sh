#!/usr/bin/env bash
# A sweep on Slurm, with a cell that fails, one that crashes, one that is killed and a node that goes away while its
# processes live on. As root on Debian or Ubuntu, some five minutes on an idle machine:
#
#   tests/clusters/slurm.sh target/debug/bert-heal
#
# It installs Slurm and MUNGE from the distribution's packages, unless they are there, and starts one controller and three
# nodes of its own on loopback with everything in a temporary folder; no service of the system is used. The two processes on
# node n3 are stopped (SIGSTOP) when the node goes away. One goes on while the copy that Slurm starts two minutes later waits
# for its lease; the other stays stopped until the copy has taken its cell over and finished it.
set -euo pipefail
[ $# = 1 ] || { echo "usage: $0 BERT_HEAL" >&2 && exit 2; }
. "$(dirname "$0")/common.sh"

if ! [ -x "$(command -v slurmctld)" ] || ! [ -x "$(command -v munged)" ]; then
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends slurmctld slurmd slurm-client munge > "$folder/apt.txt"
fi

# MUNGE wants a path that all may pass.
chmod 755 "$folder"
slurm=$folder/slurm
mkdir -p "$slurm"/{state,n1,n2,n3}
(umask 077 && head -c 1024 /dev/urandom > "$slurm/munge.key")
export SLURM_CONF=$slurm/slurm.conf
host=$(hostname -s)
cat > "$SLURM_CONF" << CONF
ClusterName=clusters
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${PORT:=26800}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$slurm/munge.socket
StateSaveLocation=$slurm/state
SlurmctldPidFile=$slurm/slurmctld.pid
SlurmctldLogFile=$slurm/slurmctld.log
SlurmdSpoolDir=$slurm/%n
SlurmdPidFile=$slurm/%n.pid
SlurmdLogFile=$slurm/%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=2
JobCompType=jobcomp/filetxt
JobCompLoc=$slurm/jobs.txt
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((PORT + 1)) CPUs=1 RealMemory=8000
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((PORT + 2)) CPUs=1 RealMemory=8000
NodeName=n3 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((PORT + 3)) CPUs=2 RealMemory=8000
PartitionName=all Nodes=ALL Default=YES
CONF

munged --foreground --force --key-file="$slurm/munge.key" --socket="$slurm/munge.socket" --pid-file="$slurm/munged.pid" \
    --log-file="$slurm/munged.log" --seed-file="$slurm/munge.seed" 2> "$slurm/munged.txt" &
started+=($!)
await 10 [ -S "$slurm/munge.socket" ]
slurmctld -D 2> "$slurm/slurmctld.txt" &
started+=($!)
for node in n1 n2 n3; do
    slurmd -D -N $node 2> "$slurm/$node.txt" &
    started+=($!)
done
n3=$!
all_idle() { [ "$(sinfo -h -t idle -o %D 2> /dev/null)" = 3 ]; }
await 60 all_idle

nothing_is_left() { [ -z "$(squeue -h)" ]; }
cancel() {
    squeue -h -o %A | xargs -r scancel
    until_true 20 nothing_is_left
}
stop_jobs=cancel
# The numbers of the cells that run on a node.
cells_on() { squeue -h -t R -n "$label-cells" -w "$1" -o %K | xargs; }
launch() {
    "$bert_heal" sweep launcher "$sweep" --for slurm > "$folder/launch.sh"
    label=$(sed -n 's/^name=//p' "$folder/launch.sh")
    (cd "$folder" && bash launch.sh | grep -v ended) | while read -r line; do say "$line"; done
    await 900 "${wait_for:-nothing_is_left}"
}

say "$(slurmctld -V), three nodes"
plan_and_run_locally

# Let the cells begin, and disturb them.
two_on_n3() {
    read -r first second <<< "$(cells_on n3)"
    [ "$second" ] && [ "$first" -gt 2 ] && [ "$second" -gt 2 ] && trains "$first" && trains "$second"
}
wait_for=two_on_n3 launch
zombies=("$(pid_of "$first")" "$(pid_of "$second")")
kill -STOP "${zombies[@]}"
{ kill -9 $n3 && wait $n3; } 2> /dev/null || true
scontrol update nodename=n3 state=down reason=gone
say "node n3 is down; its processes in cells $first and $second live on, stopped"
is_fresh() { victim=$(cells_on n1) && [ "$victim" ] && [ "$victim" -gt 2 ] && trains "$victim"; }
await 120 is_fresh
kill -9 "$(pid_of "$victim")"
say "killed by -9: the process in cell $victim"

restarts() { squeue -h -r -t R -n "$label-cells" -o %K | grep -qx "$1"; }
await 300 restarts "$first"
say "Slurm has begun cell $first again"
sleep 8
check "the copy of cell $first waits beside the first process" [ "$(ls "$sweep/attempts/$(cell_id "$first")")" = 1 ]
kill -CONT "${zombies[0]}"
say "the first process in cell $first goes on"
await 600 has_result "$second"
say "the copy of cell $second has taken it over and finished it"
check "cell $second is the copy's" grep -q '"attempt": 2' "$sweep/costs/$(cell_id "$second").json"
kill -CONT "${zombies[1]}"
is_gone() { ! kill -0 "$1" 2> /dev/null; }
check "the first process in cell $second stops by itself" until_true 60 is_gone "${zombies[1]}"
await 600 nothing_is_left
sed -n "s/.*Name=\([^ ]*-cells\) JobState=\([A-Z_]*\) .*ArrayTaskId=\([0-9]*\) .* ExitCode=\([^ ]*\).*/\1 \3: \2, exit code \4/p" \
    "$slurm/jobs.txt" | grep -v COMPLETED | sed "s,^,          ,"
excerpts "$sweep"/logs/slurm/cells-*_{"$first","$second"}.txt
retry_and_compare
