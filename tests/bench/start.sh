#!/usr/bin/env bash
# How long it takes from applying a backup to its Job, by the API server's audit log: alone, and while COUNT objects arrive that
# can only queue. Runs on the testbed that `make testbed-up` left; the operator is that of the chart, with its memory limit.
#   tests/bench/start.sh [BACKUPS [RATE [COUNT [COUNT_RATE]]]]      300 at 2 a second, beside 10000 at 67 a second
# Above 3 a second the queue of the Job controller is what is measured: by default it may make 20 calls a second.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
backups=${1:-300} rate=${2:-2} count=${3:-10000} count_rate=${4:-67}
# shellcheck source=tests/e2e/steps.sh
. tests/e2e/steps.sh
START=start-$(date +%s)
trap 'cleanup; kubectl delete namespace "$START" --ignore-not-found --wait=false > /dev/null' EXIT
operator() { kubectl get pod -n neo4j-backup -l app.kubernetes.io/name=neo4j-backup-operator -o jsonpath="{.items[0]$1}"; }
pid() { NS=neo4j-backup task "$(operator .metadata.name)" | cut -d ' ' -f 2; }
used() { awk -v hz="$(getconf CLK_TCK)" -v pid="$1" '$1 == "VmHWM:" {peak = $2 / 1024} END {
    getline line < ("/proc/" pid "/stat"); split(line, f, " "); printf "peak RSS %.1f MiB, CPU %.1f s", peak, (f[14] + f[15]) / hz}' "/proc/$1/status"; }

step "install"
install_operator neo4j-backup
kubectl create namespace "$START" > /dev/null
kubectl apply -n "$START" -f - > /dev/null <<'Y'
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: bench}
spec: {accessModes: [ReadWriteMany], storageClassName: local, resources: {requests: {storage: 1Gi}}}
---
apiVersion: neo4jbackup.dev/v1alpha1
kind: Neo4jBackupStorage
metadata: {name: bench}
spec:
  type: PersistentVolumeClaim
  persistentVolumeClaim: {claimName: bench}
  runner: {nodeSelector: {neo4jbackup.dev/bench: nowhere}}
Y
step "$backups backups at $rate a second, alone"
python3 tests/bench/start.py "$START" "$backups" "$rate" 0 0
echo "operator: $(used "$(pid)")"
step "$backups backups at $rate a second, while $count others arrive at $count_rate a second"
python3 tests/bench/start.py "$START" "$backups" "$rate" "$count" "$count_rate"
echo "operator: $(used "$(pid)"), restarts $(operator '.status.containerStatuses[0].restartCount')"
# Those that came last are told later.
left() { kubectl get nb -n "$START" -o json | jq '[.items[] | select(.metadata.name | startswith("queued")) | select([.status.conditions[]?.reason] | index("Queued") | not)] | length'; }
for _ in $(seq 20); do [ "$(left)" != 0 ] || break; sleep 5; done
python3 tests/bench/start_figures.py "$START" "$TB"/log/audit*.log
