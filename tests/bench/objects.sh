#!/usr/bin/env bash
# The operator beside COUNT finished backups, on the testbed that `make testbed-up` left: how long it takes from its start to
# ready, the memory and CPU time this costs, what it uses while nothing happens, and how long a backup takes from being applied
# to having succeeded.
#   tests/bench/objects.sh [COUNT]      10000
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
count=${1:-10000}
# shellcheck source=tests/e2e/steps.sh
. tests/e2e/steps.sh
MANY=many
trap 'cleanup; kubectl delete namespace "$MANY" --ignore-not-found --wait=false > /dev/null' EXIT
idle_seconds=${IDLE:-330} # beyond the first relists

operator() { kubectl get pod -n neo4j-backup -l app.kubernetes.io/name=neo4j-backup-operator -o jsonpath="{.items[0]$1}"; }
operator_pid() { NS=neo4j-backup task "$(operator .metadata.name)" | cut -d ' ' -f 2; }
cpu_seconds() { awk -v hz="$(getconf CLK_TCK)" '{printf "%.2f", ($14 + $15) / hz}' "/proc/$1/stat"; }
peak_mib() { awk '$1 == "VmHWM:" {printf "%.1f", $2 / 1024}' "/proc/$1/status"; }
now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN {printf "%.1f", b - a}'; }
stop_operator() {
    kubectl scale -n neo4j-backup deploy/neo4j-backup-operator --replicas=0 > /dev/null
    kubectl wait -n neo4j-backup --for=delete pod --all --timeout=60s > /dev/null
}
# measure LABEL: the operator, which was stopped, from its start on
measure() {
    local label=$1 start pid idle name
    kubectl scale -n neo4j-backup deploy/neo4j-backup-operator --replicas=1 > /dev/null
    kubectl rollout status -n neo4j-backup deploy/neo4j-backup-operator --timeout=300s > /dev/null
    pid=$(operator_pid)
    echo "$label: ready $(operator '.status.conditions[?(@.type=="Ready")].lastTransitionTime'), started $(operator .status.containerStatuses[0].state.running.startedAt)"
    sleep 10
    echo "$label: 10 s after it was ready: peak $(peak_mib "$pid") MiB, CPU $(cpu_seconds "$pid") s"
    for name in 1 2 3; do
        start=$(now)
        backup "$name-$label" bench prod
        kubectl wait -n "$NS" --for=condition=Finished "nb/$name-$label" --timeout=120s > /dev/null
        echo "$label: a backup from apply to Succeeded: $(since "$start") s"
    done
    idle=$(cpu_seconds "$pid")
    sleep "$idle_seconds"
    echo "$label: $idle_seconds s without work: CPU $(awk -v a="$idle" -v b="$(cpu_seconds "$pid")" 'BEGIN {print b - a}') s; peak $(peak_mib "$pid") MiB, restarts $(operator .status.containerStatuses[0].restartCount)"
}

begin
storage bench
from prod "$service"
backup first bench prod
kubectl wait -n "$NS" --for=condition=Finished nb/first --timeout=120s > /dev/null
stop_operator
measure few
kubectl create namespace "$MANY" > /dev/null
# Or it would write their status in between.
stop_operator
start=$(now)
kubectl get nb -n "$NS" first -o json | python3 tests/bench/multiply.py neo4jbackups "$MANY" "$count"
echo "$count objects with their status: $(since "$start") s; one has $(kubectl get nb -n "$MANY" many-0 -o json | jq -c . | wc -c) bytes"
measure many
