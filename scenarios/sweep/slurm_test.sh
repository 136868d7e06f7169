#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A Slurm cluster of one node on loopback, as this user: an experiment run as a job array leaves the bytes that a local
# run leaves, lost points are made again by --resume, and a signal ends local runs and arrays with what is finished kept.
set -muo pipefail  # with job control, or background jobs would not hear SIGINT

dir=$(mktemp -d /tmp/pvpci-slurm.XXXXXX) || exit 1
pids=()
stop() {
  for pid in ${pids[@]+"${pids[@]}"}; do kill "$pid" 2>/dev/null; done
  wait 2>/dev/null
  rm -rf "$dir"
}
trap stop EXIT

fail() {
  echo "FAIL: $*" >&2
  tail -n 20 "$dir"/*.log "$dir"/out/slurm/*.log >&2 2>/dev/null
  exit 1
}

for tool in munged slurmctld slurmd sbatch; do
  PATH=$PATH:/usr/sbin command -v "$tool" >/dev/null || fail "$tool is not installed: apt-get install slurmctld slurmd slurm-client munge"
done
PATH=$PATH:/usr/sbin

me=$(id -un)
host=$(hostname)
port=$((20000 + $$ % 20000))
mkdir -p "$dir/state" "$dir/spool"
chmod 755 "$dir"
head -c 1024 /dev/urandom >"$dir/munge.key"
chmod 400 "$dir/munge.key"
cat >"$dir/slurm.conf" <<CONF
ClusterName=loopback
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$me
SlurmdUser=$me
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$dir/munge.socket
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
MinJobAge=600
SchedulerParameters=sched_interval=1,defer=0
NodeName=node NodeHostname=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$dir/slurm.conf

munged --foreground --force --key-file="$dir/munge.key" --socket="$dir/munge.socket" --pid-file="$dir/munged.pid" \
  --log-file="$dir/munged.log" --seed-file="$dir/munged.seed" >"$dir/munged.out.log" 2>&1 &
pids+=($!)
for _ in {1..50}; do [[ -S $dir/munge.socket ]] && break; sleep 0.1; done
[[ -S $dir/munge.socket ]] || fail "munged did not start"
slurmctld -D >"$dir/slurmctld.out.log" 2>&1 &
pids+=($!)
slurmd -D -N node >"$dir/slurmd.out.log" 2>&1 &
pids+=($!)
for _ in {1..100}; do
  [[ $(sinfo -h -o %T 2>/dev/null) == idle ]] && break
  sleep 0.2
done
[[ $(sinfo -h -o %T 2>/dev/null) == idle ]] || fail "the node does not come up: $(sinfo 2>&1)"

export PVPCI_ROOT=$PWD PVPCI_IMAGES=$PWD/driver
program=scenarios/pvpci
sweep() { "$program" sweep kinds --quick "$@"; }

sweep --jobs 2 --out "$dir/local" >"$dir/local.log" 2>&1 || fail "the local run"
sweep --engine slurm --jobs 5 --out "$dir/out" >"$dir/slurm.log" 2>&1 || fail "the job array"
for file in points.csv sweep.json index.html; do
  cmp "$dir/local/$file" "$dir/out/$file" || fail "$file differs"
done
(($(ls "$dir"/out/slurm/task-*.log | wc -l) == 5)) || fail "not five tasks"
(($(wc -l <"$dir/out/points.csv") > 5)) || fail "no points"

# All but two points are lost; the array of the second call makes them again.
(cd "$dir/out/points" && ls | head -n -2 | xargs rm)
rm "$dir/out/points.csv"
sweep --engine slurm --resume --jobs 3 --out "$dir/out" >"$dir/slurm2.log" 2>&1 || fail "the second job array"
cmp "$dir/local/points.csv" "$dir/out/points.csv" || fail "points.csv differs after --resume"

# A signal ends a local call with its finished points kept, and --resume makes the rest.
"$program" sweep kinds --quick --jobs 1 --out "$dir/ended" >"$dir/ended.log" 2>&1 &
ended=$!
for _ in {1..600}; do [[ -e $dir/ended/points/00002.json ]] && break; sleep 0.05; done
kill -INT "$ended"
wait "$ended"
code=$?
((code == 130)) || fail "an interrupted call exits $code, not 130"
[[ -e $dir/ended/points/00002.json && ! -e $dir/ended/points.csv ]] || fail "an interrupted call left $(ls "$dir/ended")"
grep -q '"incomplete": true' "$dir/ended/sweep.json" || fail "an interrupted call does not mark its document"
stamp=$(stat -c %Y.%i "$dir/ended/points/00001.json")
sweep --resume --out "$dir/ended" >"$dir/resumed.log" 2>&1 || fail "the resumed call"
cmp "$dir/local/points.csv" "$dir/ended/points.csv" || fail "points.csv differs after an interruption"
[[ $stamp == "$(stat -c %Y.%i "$dir/ended/points/00001.json")" ]] || fail "a finished point was made again"

# A signal cancels the array.
"$program" sweep kinds --quick --engine slurm --jobs 12 --out "$dir/cut" >"$dir/cut.log" 2>&1 &
cut=$!
for _ in {1..100}; do [[ -n $(squeue -h 2>/dev/null) ]] && break; sleep 0.05; done
kill -TERM "$cut"
wait "$cut"
code=$?
((code == 143)) || fail "a terminated call exits $code, not 143"
grep -q "interrupted with" "$dir/cut.log" || fail "a terminated call does not say so"
for _ in {1..100}; do [[ -z $(squeue -h 2>/dev/null) ]] && break; sleep 0.1; done
[[ -z $(squeue -h 2>/dev/null) ]] || fail "the array is still there: $(squeue)"
(($(ls "$dir/cut/points" 2>/dev/null | wc -l) < 12)) || fail "nothing was cancelled"
[[ ! -e $dir/cut/points.csv ]] || fail "a terminated call leaves a table"
echo "a job array leaves the same bytes as a local run"
