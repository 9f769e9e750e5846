#!/usr/bin/env bash
# A cluster in namespaces of its own: slurm_cluster.sh FOLDER NODES. Its first process; what it
# starts ends with it. Nodes have their own host name and process numbers, so they can be lost.
set -euo pipefail
here=$1
nodes=("${@:2}")
mkdir -p "$here"/{etc,state,log,munge}
if [ -w /sys/fs/cgroup/freezer ]; then tracking=cgroup; else tracking=linuxproc; fi
# SLURM looks up addresses only where there is one beside 127.0.0.1.
address=10.77.0.1
cat > "$here/etc/slurm.conf" <<CONF
ClusterName=drill
SlurmctldHost=control($address)
SlurmctldPort=16817
# The second value is also the time that a job waits after the loss of its node: usually 120 s.
AuthInfo=socket=$here/munge/socket,cred_expire=10
SlurmUser=root
SlurmctldPidFile=$here/slurmctld.pid
SlurmdPidFile=$here/%n.pid
SlurmctldLogFile=$here/log/slurmctld.log
SlurmdLogFile=$here/log/%n.log
StateSaveLocation=$here/state
SlurmdSpoolDir=$here/%n
ProctrackType=proctrack/$tracking
TaskPlugin=task/none
TaskProlog=$here/etc/task_prolog
SchedulerParameters=sched_interval=2,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
ReturnToService=2
SlurmdTimeout=15
MpiDefault=none
GresTypes=gpu
# The nodes have what a small node has, whatever this machine has.
SlurmdParameters=config_overrides
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE
PartitionName=gpu Nodes=ALL MaxTime=INFINITE
CONF
port=16818
for node in "${nodes[@]}"; do
  mkdir "$here/$node"
  touch "$here/$node.start"
  echo "NodeName=$node NodeAddr=$address Port=$((port++)) CPUs=8 RealMemory=16000 Gres=gpu:1"
done >> "$here/etc/slurm.conf"
echo "Name=gpu File=/dev/null" > "$here/etc/gres.conf"
printf 'CgroupPlugin=cgroup/v1\nCgroupMountpoint=/sys/fs/cgroup\n' > "$here/etc/cgroup.conf"
# Files that nodes do not share: locks of GPUs, for instance.
mount -t tmpfs none /var/tmp
mkdir "${nodes[@]/#//var/tmp/}"
printf '#!/bin/sh\necho export TMPDIR=/var/tmp/$SLURMD_NODENAME\n' > "$here/etc/task_prolog"
chmod +x "$here/etc/task_prolog"
# At its usual place: the commands inside a job look nowhere else.
mount --bind "$here/etc" /etc/slurm
ip link set lo up
ip address add $address/24 dev lo
hostname control
head -c 1024 /dev/urandom > "$here/munge/key"
chmod 400 "$here/munge/key"
chmod 711 "$here/munge"
munged --force --socket="$here/munge/socket" --key-file="$here/munge/key" \
  --log-file="$here/log/munged" --pid-file="$here/munge/pid" --seed-file="$here/munge/seed"
slurmctld -c
while :; do
  for node in "${nodes[@]}"; do
    [ -e "$here/$node.start" ] || continue
    rm "$here/$node.start"
    unshare --uts --pid --mount-proc --fork --kill-child \
      bash -c "hostname $node; exec slurmd -D -N $node" > "$here/log/$node.out" 2>&1 &
    echo $! > "$here/$node.outside"
  done
  sleep 0.5
done
