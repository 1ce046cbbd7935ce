#!/usr/bin/env bash
# The main job, to watch: chart installed, a source, a storage and a backup applied while the cluster holds data, its result shown, and the
# backup restored into a fresh Neo4j server that counts the same nodes; then the same into a bucket that speaks S3. tests/e2e/setup.sh
# has brought the testbed up.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/testbed/env.sh
. tests/testbed/env.sh
export NS=db N4B_NAMESPACE=db
# shellcheck source=tests/testbed/cluster.sh
. tests/testbed/cluster.sh
STATE=$(mktemp -d)
PKI=$STATE/pki
export PKI
mkdir "$PKI" "$STATE/keys"
# shellcheck source=tests/servers/certificates.sh
. tests/servers/certificates.sh
s3_server=
tidy() {
    [ -z "$s3_server" ] || kill "$s3_server" 2> /dev/null || true
    rm -rf "$STATE"
    kubectl delete secret,configmap -n "$NS" -l demo=bucket > /dev/null 2>&1 || true
    kubectl delete nbsch,nb,nr,nbsrc,nbs,pvc -n "$NS" --all --wait=false > /dev/null 2>&1 || true
    kubectl delete pod -n "$NS" restored --ignore-not-found --grace-period=1 > /dev/null 2>&1 || true
}
trap tidy EXIT
trap 'exit 143' TERM INT

timed "the operator, by Helm, into a namespace that enforces restricted pod security" install_operator neo4j-backup
kubectl delete pod -n "$NS" restored --ignore-not-found --grace-period=1 > /dev/null
kubectl delete nbsch,nb,nr,nbsrc,nbs,pvc -n "$NS" --all > /dev/null
nodes() { cypher "$1" "MATCH (n) RETURN count(n)"; }
on_leader "MATCH (n) DETACH DELETE n" > /dev/null
on_leader "UNWIND range(1,20000) AS i CREATE (:Person {id:i, name:'person ' + i})" > /dev/null
replicas_caught_up() {
    for pod in replica-0 replica-1; do [ "$(nodes "$pod")" = 20000 ] || return 1; done
}
for _ in $(seq 240); do ! replicas_caught_up || break; sleep 0.5; done
replicas_caught_up || { echo "the replicas do not catch up" >&2; exit 1; }
[ "${N4B_TESTBED:-own}" != own ] || tests/testbed/volume.sh backups 1Gi

# finished BACKUP: shows the objects and what was stored, once the backup has ended
finished() {
    kubectl wait -n "$NS" --for=condition=Finished "nb/$1" --timeout=120s
    kubectl get nbsrc,nbs,nb -n "$NS" -o wide
    [ "$(kubectl get nb -n "$NS" "$1" -o jsonpath='{.status.conditions[?(@.type=="Succeeded")].status}')" = True ] ||
        { kubectl describe nb -n "$NS" "$1" >&2; exit 1; }
    kubectl get nb -n "$NS" "$1" -o jsonpath='{.status.databases[0]}' | jq .
}
# count: compares the server `restored` with the source
count() {
    local source restored
    source=$(nodes replica-0)
    restored=$(nodes restored)
    echo "nodes in the source: $source, nodes in the restored database: $restored"
    [ "$source" = "$restored" ] || { echo "the counts differ" >&2; exit 1; }
}
echo "-- kubectl apply -f docs/samples/first-backup.yaml"
kubectl apply -n "$NS" -f docs/samples/first-backup.yaml
finished first
echo "-- kubectl apply -f docs/samples/restore.yaml: a Neo4jRestore of that backup, and a fresh Neo4j server on what it wrote"
[ "${N4B_TESTBED:-own}" != own ] || tests/testbed/volume.sh restored-data 1Gi
kubectl apply -n "$NS" -f docs/samples/restore.yaml
kubectl wait -n "$NS" --for=condition=Finished nr/first --timeout=120s
kubectl get nr -n "$NS" -o wide
[ "$(kubectl get nr -n "$NS" first -o jsonpath='{.status.conditions[?(@.type=="Succeeded")].status}')" = True ] ||
    { kubectl describe nr -n "$NS" first >&2; exit 1; }
timed "a server starts on it" server restored 'persistentVolumeClaim: {claimName: restored-data}'
count

# A cluster of yours may not reach this machine, where the bucket's server runs.
[ "${N4B_TESTBED:-own}" = own ] || exit 0
host=10.200.0.1 # the node as pods see it
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
endpoint=https://$host:$port
authority storage
issue storage server "IP:$host"
mkdir -p "$STATE/data/backups"
printf demo-key > "$STATE/keys/access-key-id"
printf demo-secret > "$STATE/keys/secret-access-key"
rclone=$(tests/servers/rclone.sh)
RCLONE_CONFIG=/dev/null "$rclone" serve s3 --addr "$host:$port" --cert "$PKI/server.crt" --key "$PKI/server.key" --auth-key demo-key,demo-secret \
    "$STATE/data" > "$STATE/log" 2>&1 &
s3_server=$!
for _ in $(seq 100); do ! curl -s --cacert "$PKI/storage.crt" -o /dev/null "$endpoint" || break; sleep 0.1; done

echo "-- kubectl apply -f docs/samples/s3-storage.yaml, with another endpoint and key; and a backup into the bucket, over TLS with a private CA"
kubectl create configmap storage-ca -n "$NS" --from-file=ca.crt="$PKI/storage.crt" --dry-run=client -o yaml | kubectl apply -f - > /dev/null
sed -e "s|https://minio.storage:9000|$endpoint|" -e 's|AKIAIOSFODNN7EXAMPLE|demo-key|' -e 's|: yours$|: demo-secret|' docs/samples/s3-storage.yaml |
    kubectl apply -n "$NS" -f -
kubectl label secret/backup-bucket configmap/storage-ca -n "$NS" demo=bucket --overwrite > /dev/null
kubectl wait -n "$NS" --for=condition=Ready nbs/bucket --timeout=60s || { kubectl describe nbs -n "$NS" bucket >&2; cat "$STATE/log" >&2; exit 1; }
kubectl apply -n "$NS" -f - <<'Y'
apiVersion: neo4jbackup.dev/v1alpha1
kind: Neo4jBackup
metadata: {name: into-bucket}
spec:
  sourceRef: {name: prod}
  storageRef: {name: bucket}
Y
finished into-bucket
for command in list verify; do
    echo "-- neo4j-backup-runner $command --s3-bucket backups --s3-prefix neo4j --s3-endpoint $endpoint ..."
    build/release/bin/neo4j-backup-runner "$command" --s3-bucket backups --s3-prefix neo4j --s3-endpoint "$endpoint" --s3-ca-file "$PKI/storage.crt" \
        --credentials-dir "$STATE/keys"
done
chain=$(kubectl get nb -n "$NS" into-bucket -o jsonpath='{.status.databases[0].chain}')
ENDPOINT=$endpoint timed "the runner by hand restores chain $chain into a fresh Neo4j server" restored_server restored backup-bucket graph.db prod "$chain"
count
