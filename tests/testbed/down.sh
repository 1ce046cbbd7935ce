#!/usr/bin/env bash
# Stops what up.sh started, by the ids it wrote down, and removes its state; downloads and builds stay in the cache. Works
# after a killed run, and when nothing is up.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/testbed/env.sh
. "$here/env.sh"
[ "${N4B_TESTBED:-own}" = own ] || exit 0
[ -d "$TB" ] || exit 0
# ours PID NAME: the process still is the one that up.sh started
ours() { grep -qE "$2|$CACHE/tools-|containerd" "/proc/$1/cmdline" 2> /dev/null; }
kubectl --request-timeout=5s delete --all jobs,deployments,statefulsets,pods -A --wait=false --grace-period=0 --force > /dev/null 2>&1
sleep 2
ctr -a "$TB/run/containerd.sock" -n k8s.io tasks ls -q 2>/dev/null | xargs -r -n1 ctr -a "$TB/run/containerd.sock" -n k8s.io tasks kill -s KILL 2>/dev/null
pkill_shims() { pgrep -f "containerd-shim.*$TB/run/containerd.sock" | xargs -r kill -KILL 2> /dev/null; }
for signal in TERM KILL; do
    for file in "$TB"/run/*.pid; do
        [ -f "$file" ] || continue
        pid=$(cat "$file")
        ! ours "$pid" "$(basename "$file" .pid)" || kill -$signal "$pid" 2> /dev/null
    done
    sleep 2
done
pkill_shims
awk -v d="$TB/" 'index($2, d) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount -l 2>/dev/null
rm -rf "$TB"/{etcd,run,kubelet,containerd,log,volumes}
ip link del k8s0 2>/dev/null; ip link del cni0 2>/dev/null
nft list tables 2>/dev/null | grep -E 'kube-proxy' | while read -r _ family name; do nft delete table "$family" "$name"; done
true
