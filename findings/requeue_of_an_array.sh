#!/usr/bin/env bash
# A task of a Slurm job array that requeues itself by `scontrol requeue $SLURM_JOB_ID` requeues itself, unless it is the last
# of its array: that one has the JobId of the array, and all tasks run once more, also those that have completed.
#
# Seen on 2026-11-29 with Slurm 22.05.8 (Debian 12, 22.05.8-4+deb12u3): of an array of three tasks, task 1 requeues task 1;
# task 2 requeues tasks 0, 1 and 2, of which the first two are COMPLETED. `scontrol requeue ${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID`
# means one task from each.
# For Debian 12, with apt's sources; nothing is installed: the packages are unpacked in a temporary folder, and a controller
# and a node run on loopback. Exits with 0 while that is so, with 1 when it has changed.
set -euo pipefail
version=22.05.8-4+deb12u3
folder=$(mktemp -d)
started=()
end() {
    kill "${started[@]}" 2> /dev/null || true
    wait "${started[@]}" 2> /dev/null || true
    rm -rf "$folder"
}
trap end EXIT
cd "$folder"
chmod 755 .
apt-get download -qq slurmctld=$version slurmd=$version slurm-client=$version slurm-wlm-basic-plugins=$version \
    libhwloc15=2.9.0-1 libnuma1=2.0.16-1 libmunge2=0.5.15-2+deb12u1 2> /dev/null
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$folder/root/usr/lib/x86_64-linux-gnu:$folder/root/usr/lib/x86_64-linux-gnu/slurm-wlm
export PATH=$folder/root/usr/bin:$folder/root/usr/sbin:$PATH SLURM_CONF=$folder/slurm.conf
host=$(hostname -s) user=$(id -un)
mkdir state node
cat > slurm.conf << CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=26900
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/none
CredType=cred/none
PluginDir=$folder/root/usr/lib/x86_64-linux-gnu/slurm-wlm
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/node
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
JobCompType=jobcomp/none
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=26901 CPUs=1
PartitionName=all Nodes=n1 Default=YES
CONF
slurmctld-wlm -D 2> slurmctld.txt &
started+=($!)
slurmd-wlm -D -N n1 -d "$folder/root/usr/sbin/slurmstepd-wlm" 2> slurmd.txt &
started+=($!)
for _ in $(seq 100); do
    [ "$(sinfo -h -t idle -o %D 2> /dev/null)" = 1 ] && break
    sleep 0.2
done
cat > task.sh << 'TASK'
#!/bin/sh
echo "task $SLURM_ARRAY_TASK_ID is job $SLURM_JOB_ID of array $SLURM_ARRAY_JOB_ID"
[ $SLURM_ARRAY_TASK_ID = $WHICH ] || exit 0
if [ $BY = JobId ]; then scontrol requeue $SLURM_JOB_ID; else scontrol requeue ${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID; fi
sleep 10
TASK
# requeued TASK BY: submits three tasks, of which one requeues itself by either number; prints the tasks that are pending again.
requeued() {
    local id
    id=$(WHICH=$1 BY=$2 sbatch --parsable --array=0-2 --requeue --output="$folder/%A-%a.txt" task.sh)
    for _ in $(seq 150); do
        [ "$(squeue -h -r -j "$id" -o %r 2> /dev/null | sort -u)" = BeginTime ] && break
        sleep 0.2
    done
    # Task 2 begins when task 1 has ended; what is requeued waits two minutes.
    sleep 3
    cat "$folder/$id"-*.txt >&2
    squeue -h -r -j "$id" -t PD -o %K | sort | xargs
    scancel "$id"
}
slurmctld-wlm -V
middle=$(requeued 1 JobId)
echo "requeued by task 1, which names its own JobId: $middle"
last=$(requeued 2 JobId)
echo "requeued by task 2, which names its own JobId: $last"
pair=$(requeued 2 both)
echo "requeued by task 2, which names array and task: $pair"
[ "$middle" = 1 ] && [ "$last" = "0 1 2" ] && [ "$pair" = 2 ]
