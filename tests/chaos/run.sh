#!/usr/bin/env bash
# Two operators at once, as plain processes of this host behind a proxy that does what networks and servers do at their worst
# (faults.py), while they are killed and frozen and the API server restarts, and small backups of several sources are applied,
# cancelled and deleted. Then everything must come to rest, and audit.py judges it by the API server's audit log. Runs on the
# testbed, with the operator of build/release, or $OPERATOR_BINARY. What is left to read of it lies in build/chaos.
#   tests/chaos/run.sh SECONDS [SEED] [OPTIONS of audit.py]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
# shellcheck source=tests/testbed/env.sh
. tests/testbed/env.sh
export PYTHONDONTWRITEBYTECODE=1
seconds=${1:?usage: run.sh SECONDS [SEED]} seed=${2:-$RANDOM$RANDOM}
operator=${OPERATOR_BINARY:-$PWD/build/release/bin/neo4j-backup-operator}
backups=${BACKUPS:-$((seconds / 9))}
STATE=$PWD/build/chaos NS=chaos-$(date +%s)
echo "-- chaos for $seconds s with $backups backups: repeat with tests/chaos/run.sh $seconds $seed"
rm -rf "$STATE"
mkdir -p "$STATE"
children=()
cleanup() {
    for pid in "${children[@]}"; do kill "$pid" 2> /dev/null || true; done
    kubectl delete namespace "$NS" --ignore-not-found --wait=false > /dev/null 2>&1 || true
    kubectl delete pv chaos-many chaos-one --ignore-not-found --wait=false > /dev/null 2>&1 || true
}
trap cleanup EXIT
trap 'exit 143' TERM INT

[ -f "$TB/log/audit.log" ] || { echo "the API server writes no audit log; take the testbed down and up again" >&2; exit 1; }
# A third operator, which the chart installed, would be one that no fault befalls.
if kubectl get deploy -n neo4j-backup neo4j-backup-operator > /dev/null 2>&1; then
    kubectl scale -n neo4j-backup deploy/neo4j-backup-operator --replicas=0 > /dev/null
    kubectl wait -n neo4j-backup --for=delete pod --all --timeout=60s > /dev/null
fi
kubectl apply --server-side --force-conflicts -f crds/ > /dev/null
kubectl wait --for=condition=Established crd/neo4jbackups.neo4jbackup.dev --timeout=30s > /dev/null
kubectl create namespace "$NS" > /dev/null
kubectl label namespace "$NS" pod-security.kubernetes.io/enforce=restricted > /dev/null
storage() { # NAME ACCESS_MODE
    N4B_NAMESPACE=$NS MODE=$2 tests/testbed/volume.sh "chaos-$1" 1Gi
    kubectl apply -n "$NS" -f - > /dev/null <<Y
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: chaos-$1}
spec: {accessModes: [$2], storageClassName: local, resources: {requests: {storage: 1Gi}}}
---
apiVersion: neo4jbackup.dev/v1alpha1
kind: Neo4jBackupStorage
metadata: {name: $1}
spec: {type: PersistentVolumeClaim, persistentVolumeClaim: {claimName: chaos-$1, path: neo4j}}
Y
}
storage many ReadWriteMany
storage one ReadWriteOnce

cd "$STATE"
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out proxy.crt -subj /CN=chaos-ca -days 2 2> /dev/null
openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=chaos 2> /dev/null
openssl x509 -req -in server.csr -CA proxy.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 \
    -extfile <(echo subjectAltName=IP:127.0.0.1) 2> /dev/null
cat server.key server.crt > server.pem
cat > pods.json <<'J'
{"resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
 "securityContext": {"runAsUser": 7474, "runAsGroup": 7474, "fsGroup": 7474, "fsGroupChangePolicy": "OnRootMismatch"}}
J
cd "$here/../.."
python3 "$here/proxy.py" --certificate "$STATE/server.pem" --upstream 127.0.0.1:6443 --ca "$TB/pki/ca.crt" \
    --client-certificate "$TB/pki/admin.crt" --client-key "$TB/pki/admin.key" --calm "$STATE/calm" --seed "$seed" \
    18443=operator-a 18444=operator-b > "$STATE/proxy.log" 2>&1 &
proxy=$!
children+=("$proxy")
python3 "$here/silent.py" 27552 > /dev/null 2>&1 &
children+=($!)
for _ in $(seq 50); do ! grep -q ready "$STATE/proxy.log" || break; sleep 0.1; done

rested=0
python3 "$here/chaos.py" --seconds "$seconds" --rest "${REST:-300}" --seed "$seed" --backups "$backups" --namespace "$NS" --state "$STATE" \
    --testbed "$TB" --operator "$operator" -- --runner-image "$RUNNER_IMAGE" --runner-image-pull-policy IfNotPresent \
    --watch-namespaces "$NS" --max-concurrent-runs 4 --pod-defaults "$STATE/pods.json" || rested=$?
kill "$proxy"
wait "$proxy" || true
echo "-- faults: $(tail -n 1 "$STATE/proxy.log")"
grep -hF "\"$NS\"" "$TB"/log/audit*.log > "$STATE/audit.log" || true
echo "-- the audit log's verdict"
judged=0
python3 "$here/audit.py" --log "$STATE/audit.log" --namespace "$NS" --plan "$STATE/plan.jsonl" --final "$STATE/final.json" \
    --slots "$STATE/slots.json" "${@:3}" || judged=$?
[ "$judged" = 0 ] || echo "seed $seed; what is left to read of it: $STATE" >&2
# With violations that are expected it may well not come to rest.
[[ "$*" = *--expect-violations* ]] || judged=$((judged + rested))
[ "$judged" = 0 ]
