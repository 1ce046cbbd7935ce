#!/usr/bin/env bash
# The main job, to watch: chart installed, a source, a storage and a backup applied while the cluster holds data, its result shown, and the
# backup restored into a fresh Neo4j server that counts the same nodes. tests/e2e/setup.sh has brought the testbed up.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/testbed/env.sh
. tests/testbed/env.sh
export NS=db N4B_NAMESPACE=db
# shellcheck source=tests/testbed/cluster.sh
. tests/testbed/cluster.sh
tidy() {
    kubectl delete nb,nbsrc,nbs,pvc -n "$NS" --all --wait=false > /dev/null 2>&1 || true
    kubectl delete pod -n "$NS" restored --ignore-not-found --grace-period=1 > /dev/null 2>&1 || true
}
trap tidy EXIT
trap 'exit 143' TERM INT

timed "the operator, by Helm, into a namespace that enforces restricted pod security" install_operator neo4j-backup
kubectl delete pod -n "$NS" restored --ignore-not-found --grace-period=1 > /dev/null
kubectl delete nb,nbsrc,nbs,pvc -n "$NS" --all > /dev/null
core=$(leader)
cypher "$core" "MATCH (n) DETACH DELETE n" > /dev/null
cypher "$core" "UNWIND range(1,20000) AS i CREATE (:Person {id:i, name:'person ' + i})" > /dev/null
replicas_caught_up() {
    for pod in replica-0 replica-1; do [ "$(cypher "$pod" "MATCH (n) RETURN count(n)")" = 20000 ] || return 1; done
}
for _ in $(seq 60); do ! replicas_caught_up || break; sleep 0.5; done
replicas_caught_up || { echo "the replicas do not catch up" >&2; exit 1; }
[ "${N4B_TESTBED:-own}" != own ] || tests/testbed/volume.sh backups 1Gi

echo "-- kubectl apply -f docs/samples/first-backup.yaml"
kubectl apply -n "$NS" -f docs/samples/first-backup.yaml
kubectl wait -n "$NS" --for=condition=Finished nb/first --timeout=120s
kubectl get nbsrc,nbs,nb -n "$NS" -o wide
[ "$(kubectl get nb -n "$NS" first -o jsonpath='{.status.conditions[?(@.type=="Succeeded")].status}')" = True ] ||
    { kubectl describe nb -n "$NS" first >&2; exit 1; }
kubectl get nb -n "$NS" first -o jsonpath='{.status.databases[0]}' | jq .
chain=$(kubectl get nb -n "$NS" first -o jsonpath='{.status.databases[0].chain}')
timed "restore of chain $chain into a fresh Neo4j server" restored_server restored backups graph.db prod "$chain"
source=$(cypher replica-0 "MATCH (n) RETURN count(n)")
restored=$(cypher restored "MATCH (n) RETURN count(n)")
echo "nodes in the source: $source, nodes in the restored database: $restored"
[ "$source" = "$restored" ] || { echo "the counts differ" >&2; exit 1; }
