#!/usr/bin/env bash
# What happens to a backup when what it stands on goes away: memory, node, volume, the pod right after the head was written, and
# the database itself. Runs on the testbed like run.sh; the last step makes a new Neo4j cluster.
#   tests/e2e/disruptions.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
# shellcheck source=tests/e2e/steps.sh
. tests/e2e/steps.sh

begin
replica=$(kubectl get pod -n "$NS" replica-0 -o jsonpath='{.status.podIP}')
storage main
from prod "$service"
backup first main prod
expect first True Completed

step "the pod is killed right after the head was written: a look-up finds the artifact, and nothing is copied again"
peer python3 tests/e2e/paused_proxy.py "$HOST:27521" "$replica:6362" 300000 "$STATE/gate"
before=$(heads main)
backup headed main "name: prod, $(endpoint $HOST 27521)"
running headed
read -r _ pid <<< "$(runner_task headed)"
# Each link() takes 4 s to return. Blocks and then the head are linked into their places, so the pod dies right after the
# head's for certain.
peer strace -f -q -p "$pid" -e trace=link -e inject=link:delay_exit=4000000
until grep -q '^TracerPid:[[:space:]]*[1-9]' "/proc/$pid/status"; do sleep 0.1; done
touch "$STATE/gate"
end=$((SECONDS + PATIENCE))
while [ "$(heads main)" = "$before" ] && [ $SECONDS -lt $end ]; do sleep 0.05; done # The pod has to die within the 4 s.
[ "$(heads main)" = $((before + 1)) ] || die "no head appeared"
kubectl delete pod -n "$NS" -l "$(made_for headed)" --force --grace-period=0 > /dev/null 2>&1
expect headed True Completed
[ "$(kubectl get nb -n "$NS" headed -o jsonpath='{.status.attempts[*].reason}')" = "JobDeleted Completed" ] || die "attempts of headed"
[ "$(kubectl get nb -n "$NS" headed -o jsonpath='{.status.attempts[1].lookUp}')" = true ] || die "the second attempt of headed is no look-up"
[ "$(heads main)" = $((before + 1)) ] || die "headed was copied again"

step "half-way: the repository vanishes from the volume"
storage vanishing
peer python3 tests/e2e/paused_proxy.py "$HOST:27522" "$replica:6362" 300000 "$STATE/gate2"
backup vanished vanishing "$(endpoint $HOST 27522)"
running vanished
until [ -n "$(find "$TB/volumes/vanishing/neo4j/vanished" -name 'intent-*.json' 2> /dev/null)" ]; do sleep 0.1; done
rm -rf "$TB/volumes/vanishing/neo4j"
touch "$STATE/gate2"
expect vanished False StorageUnavailable

step "half-way: the node stops answering"
peer python3 tests/e2e/paused_proxy.py "$HOST:27523" "$replica:6362" 300000 "$STATE/never"
backup node-lost main "$(endpoint $HOST 27523)"
running node-lost
kubelet=$(cat "$TB/run/kubelet.pid")
kill -STOP "$kubelet"
trap 'kill -CONT "$kubelet" 2> /dev/null; cleanup' EXIT
# As the taint manager would after its five minutes.
kubectl delete pod -n "$NS" -l "$(made_for node-lost)" --wait=false --grace-period=5 > /dev/null
given_up() { [ "$(field node-lost 'attempts[0].reason')" = PodLost ]; }
await given_up || die "the attempt of node-lost goes on"
# The node is where the volume is, so the look-up for a finished artifact waits for it.
kill -CONT "$kubelet"
expect node-lost False PodLost
kubectl wait --for=condition=Ready node/node1 --timeout="${PATIENCE}s" > /dev/null
kubectl wait -n "$NS" --for=condition=Ready pod -l app=neo4j --timeout="${PATIENCE}s" > /dev/null

step "out of memory: what is written into a tmpfs volume counts against the runner's limit"
for i in $(seq 8); do
    on_leader "UNWIND range(1,8) AS i CREATE (b:Blob {n: $i}) SET b.data = reduce(s = 'some text', j IN range(1,17) | s + s) RETURN count(b)" > /dev/null
done
blobs() { [ "$(cypher replica-0 "MATCH (n:Blob) RETURN count(n)")" = 64 ]; }
await blobs || die "the replica does not catch up"
storage memory tiny 300m
backup out-of-memory memory "$(endpoint replica-0.neo4j 6362)" 'runner: {resources: {limits: {memory: 40Mi}}}, compression: None'
expect out-of-memory False OutOfMemory

step "another database answers under the name of the source"
uids() { kubectl get pods -n "$NS" -l app=neo4j -o jsonpath='{.items[*].metadata.uid}'; }
old=$(uids)
# Not with the wait of `kubectl delete`: it lists once more after its first look, and where a pod of the same name has come in
# between it waits for the end of that one.
kubectl delete pod -n "$NS" -l app=neo4j --wait=false > /dev/null
renewed() {
    local now
    now=$(uids)
    [ "$(wc -w <<< "$now")" = "$(wc -w <<< "$old")" ] && ! grep -qE "${old// /|}" <<< "$now"
}
await renewed || die "the pods of Neo4j are not replaced"
kubectl wait -n "$NS" --for=condition=Ready pod -l app=neo4j --timeout="${PATIENCE}s" > /dev/null
backup other-database main prod
expect other-database False SourceIdentityChanged
step "done"
