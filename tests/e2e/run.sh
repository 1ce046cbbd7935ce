#!/usr/bin/env bash
# The whole path on the testbed: chart, backups, restores, and every outcome that can be provoked there, as a user sees it
# in conditions and events. The testbed, its images and the Neo4j cluster are up (tests/e2e/setup.sh does that).
#   tests/e2e/run.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
# shellcheck source=tests/e2e/steps.sh
. tests/e2e/steps.sh
begin
core=$(leader)
(for i in $(seq 5000); do cypher "$core" "CREATE (:Marker {n: $i})" > /dev/null || exit 0; done) &
writer=$!
children+=("$writer")
sleep 2

step "full backups from a Service of two replicas while clients write, restored and counted"
MODE=ReadWriteMany storage main # so that its runs go side by side
from prod "$service"
claim restored
export DATA_CLAIM=restored
for compression in None Zstd; do
    name=good-$(tr '[:upper:]' '[:lower:]' <<< "$compression")
    before=$(cypher replica-0 "MATCH (n) RETURN count(n)")
    other=$(cypher replica-1 "MATCH (n) RETURN count(n)")
    backup "$name" main prod "runner: {resources: {limits: {memory: 64Mi}}}, compression: $compression"
    expect "$name" True Completed
    chain=$(kubectl get nb -n "$NS" "$name" -o jsonpath='{.status.databases[0].chain}')
    restored_server restored main graph.db prod "$chain"
    nodes=$(cypher restored "MATCH (n) RETURN count(n)")
    markers=$(cypher restored "MATCH (n:Marker) RETURN count(n)")
    last=$(cypher restored "MATCH (n:Marker) RETURN coalesce(max(n.n), 0)")
    [ "$nodes" -ge "$((before < other ? before : other))" ] || die "$nodes restored, $before and $other before"
    [ "$markers" = "$last" ] || die "a marker is missing: $markers of $last"
    kubectl delete pod -n "$NS" restored > /dev/null
    restored_is_consistent NEO4J ""
    rm -rf "${TB:?}"/volumes/restored/*
    echo "   $nodes nodes restored, at least $((before < other ? before : other)) before the backup, and consistent"
done
unset DATA_CLAIM
kill $writer 2> /dev/null || true
gone good-none jobs
gone good-zstd jobs
[ "$(kubectl get pvc -n "$NS" main -o jsonpath='{.status.phase}')" = Bound ] || die "the claim is not bound"
location=$(field good-zstd 'databases[0].location')
[ -f "$TB/volumes/main/neo4j/$location" ] || die "no head at $location"
[ "$(jq -r '"\(.namespace)/\(.source)"' "$TB/volumes/main/neo4j/prod/owner.json")" = "$NS/prod" ] || die "$(cat "$TB/volumes/main/neo4j/prod/owner.json")"

step "what the API server accepts, refuses, fills in, merges and explains"
tests/api/run.sh

step "what is applied while the operator is down runs later"
kubectl scale -n neo4j-backup deploy/neo4j-backup-operator --replicas=0 > /dev/null
kubectl wait -n neo4j-backup --for=delete pod --all --timeout="${PATIENCE}s" > /dev/null
backup early main prod 'retry: {}'
kubectl get nb -n "$NS" early > "$STATE/out"
grep -qE '^NAME +SOURCE +DATABASE +SUCCEEDED +REASON +KIND +SIZE +TOOK +RECOVERABLE TO +AGE' "$STATE/out" || die "columns: $(cat "$STATE/out")"
kubectl scale -n neo4j-backup deploy/neo4j-backup-operator --replicas=1 > /dev/null
expect early True Completed
kubectl get nb -n "$NS" early -o wide > "$STATE/out"
grep -qE '^early +prod +graph.db +True +Completed +Full .* main ' "$STATE/out" || die "columns: $(cat "$STATE/out")"

step "outcomes"
storage tiny tiny 64k
storage readonly tiny 1m
mount -o remount,ro "$TB/volumes/readonly"
# Before the first look comes, which would make an empty place a repository.
claim foreign
mkdir -p "$TB/volumes/foreign/neo4j"
touch "$TB/volumes/foreign/neo4j/another-program-s"
storage_on foreign foreign
claim older
mkdir -p "$TB/volumes/older/neo4j"
echo '{"id": "0123456789abcdef", "format": 0, "requiredToRead": [], "requiredToWrite": []}' > "$TB/volumes/older/neo4j/neo4j-backup.json"
storage_on older older
storage unmountable
# When the look at it is over: while that one's pod can't mount the volume either, the kubelet tells each failure to one of the two.
kubectl wait -n "$NS" --for=condition=Ready nbs/unmountable --timeout="${PATIENCE}s" > /dev/null
rm -r "${TB:?}/volumes/unmountable"
replica=$(kubectl get pod -n "$NS" replica-0 -o jsonpath='{.status.podIP}')
printf cut > "$STATE/cut"
peer python3 tests/e2e/paused_proxy.py "$HOST:27501" "$replica:6362" 300000 "$STATE/never"
peer python3 tests/e2e/paused_proxy.py "$HOST:27504" "$replica:6362" 300000 "$STATE/never"
peer python3 tests/e2e/paused_proxy.py "$HOST:27502" "$replica:6362" 300000 "$STATE/cut"
peer socat "TCP-LISTEN:27503,bind=$HOST,fork,reuseaddr" EXEC:true
# Long enough for the Job controller, which makes 20 calls a second, and for the kubelet to say what is wrong.
quick='timeouts: {start: 30s}'
backup unreachable main "$(endpoint $HOST 1)"
backup no-name main "$(endpoint no-such-host.invalid 6362)"
backup not-catchup main "$(endpoint core-0.neo4j 7474)"
backup closed main "$(endpoint $HOST 27502)"
backup other-service main "$(endpoint $HOST 27503)"
backup stalled main "$(endpoint $HOST 27501)" 'timeouts: {prepare: 5s, stall: 5s, connect: 5s}'
# Its container has to start within that time, beside all the others on a busy machine; else it ends with StartTimeout.
backup late main "$(endpoint $HOST 27504)" 'timeouts: {attempt: 40s}'
backup full tiny "$service" 'compression: None'
backup read-only readonly "$service"
backup foreign foreign "$service"
backup older older "$service"
# As a backup from another namespace into the same storage has left it.
mkdir "$TB/volumes/main/neo4j/taken"
echo '{"format": 1, "clusterId": "", "namespace": "elsewhere", "source": "taken"}' > "$TB/volumes/main/neo4j/taken/owner.json"
backup taken main "$service"
backup no-storage nowhere "$service"
storage_on nothing no-claim
backup no-claim no-claim "$service"
backup no-endpoints main 'type: Service, service: {name: neo4j-read-replicas, port: bolt}'
backup unmountable unmountable "$service" "$quick"
storage_on main unschedulable 'runner: {nodeSelector: {disk: none}}'
storage_on main rejected 'runner: {priorityClassName: none}'
backup unschedulable unschedulable "$service" "$quick"
backup rejected rejected "$service" "$quick"
backup no-source main forgotten
backup skipped nowhere "$service" 'timeouts: {wait: 3s}'
expect unreachable False SourceUnreachable
expect no-name False SourceNameNotResolved
expect not-catchup False NotCatchupServer
expect other-service False NotCatchupServer
expect closed False SourceConnectionLost
expect stalled False SourceStalled
expect late False AttemptDeadlineExceeded
expect full False StorageFull
expect read-only False StorageReadOnly
expect foreign False StorageNotInitialized
[ "$(ls "$TB/volumes/foreign/neo4j")" = another-program-s ] || die "something was written beside another program's file"
expect older False ArtifactNotSupported
expect taken False SourceNameTaken
[[ "$(condition taken message)" = *elsewhere* ]] || die "$(condition taken message)"
[ "$(ls "$TB/volumes/main/neo4j/taken")" = owner.json ] || die "something was written under another namespace's name"
expect no-storage Unknown StorageNotFound
expect no-claim Unknown StorageNotReady
[ "$(kubectl get nbs -n "$NS" no-claim -o jsonpath='{.status.conditions[0].reason}')" = ClaimNotFound ] || die "storage no-claim"
expect no-endpoints Unknown ServiceHasNoEndpoints
expect unmountable False VolumeNotMountable
expect unschedulable False Unschedulable
expect rejected False PodRejected
expect no-source Unknown SourceNotFound
expect skipped False Skipped
# When none of the others waits for a pod any more.
kubectl create quota -n "$NS" none --hard=pods=0 > /dev/null
kubectl wait -n "$NS" --for=jsonpath='{.status.hard}' quota/none --timeout="${PATIENCE}s" > /dev/null
backup over-quota main "$service" "$quick"
expect over-quota False PodRejected
kubectl delete quota -n "$NS" none > /dev/null
# metric PATTERN: a line of what the operator tells
metric() {
    curl -sf "http://$(kubectl get pod -n neo4j-backup -o jsonpath='{.items[0].status.podIP}'):8080/metrics" > "$STATE/metrics"
    grep -q "$1" "$STATE/metrics" || die "no metric $1: $(grep neo4jbackup_ "$STATE/metrics")"
}
metric 'neo4jbackup_runs_finished_total{kind="Neo4jBackup",reason="StorageFull",result="Failed"} 1'
metric 'neo4jbackup_runs_finished_total{kind="Neo4jBackup",reason="Skipped",result="Skipped"} 1'
metric 'neo4jbackup_runs_running [0-9]'
[ "$(condition skipped status Stalled)/$(condition skipped status Finished)" = False/True ] || die "skipped is told as a failure"
[ "$(condition late status Stalled)/$(condition late status Finished)" = True/True ] || die "late is not told as a failure"
for name in unmountable unschedulable rejected over-quota; do gone "$name" jobs; done

step "a gate opens: storage and source are made later"
storage_on main nowhere
from forgotten "$service"
expect no-storage True Completed
expect no-source True Completed

step "half-way: eviction, a lost runner, a deleted Job, a second backup of the same source"
peer python3 tests/e2e/paused_proxy.py "$HOST:27505" "$replica:6362" 300000 "$STATE/never"
# Where one of them has used up what the proxy lets through, the others wait for their very first answer.
hold() { backup "$1" main "$(endpoint $HOST 27505)" 'timeouts: {connect: 5m}'; }
hold evicted
hold killed
hold deleted
running evicted
running killed
running deleted
backup queued main deleted 'timeouts: {connect: 5m}'
expect queued Unknown Queued
pod=$(kubectl get pod -n "$NS" -l "$(made_for evicted)" -o jsonpath='{.items[0].metadata.name}')
kubectl create --raw "/api/v1/namespaces/$NS/pods/$pod/eviction" -f - > /dev/null <<< "{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"$pod\"}}"
read -r id _ <<< "$(runner_task killed)"
ctr -a "$TB/run/containerd.sock" -n k8s.io tasks kill -s KILL "$id"
kubectl delete job -n "$NS" -l "$(made_for deleted)" > /dev/null
# It takes over as soon as no pod of the other lives: neither waits for the other's verdict.
expect queued Unknown Running
kubectl delete nb -n "$NS" queued > /dev/null
expect evicted False Evicted
expect killed False NoReport
expect deleted False JobDeleted

step "half-way: the runner's pod is deleted, and the retry succeeds"
peer python3 tests/e2e/paused_proxy.py "$HOST:27510" "$replica:6362" 300000 "$STATE/gate1"
backup half-way main "$(endpoint $HOST 27510)" 'retry: {limit: 2, backoff: 1s}'
running half-way
sleep 2
kubectl delete pod -n "$NS" -l "$(made_for half-way)" > /dev/null
touch "$STATE/gate1"
expect half-way True Completed
[ "$(kubectl get nb -n "$NS" half-way -o jsonpath='{.status.attempts[*].reason}')" = "JobDeleted Completed" ] || die "attempts of half-way"

step "half-way: the operator is killed, and its successor finishes with the same Job"
peer python3 tests/e2e/paused_proxy.py "$HOST:27511" "$replica:6362" 300000 "$STATE/gate2"
backup orphan main "$(endpoint $HOST 27511)"
running orphan
job=$(kubectl get job -n "$NS" -l "$(made_for orphan)" -o jsonpath='{.items[*].metadata.uid}')
kubectl delete pod -n neo4j-backup --all --force --grace-period=0 > /dev/null 2>&1
[ "$(kubectl get job -n "$NS" -l "$(made_for orphan)" -o jsonpath='{.items[*].metadata.uid}')" = "$job" ] || die "another Job"
touch "$STATE/gate2"
expect orphan True Completed
[ "$(kubectl get nb -n "$NS" orphan -o jsonpath='{.status.attempts[*].number}')" = 1 ] || die "more than one attempt"

step "half-way: the object is deleted, Job and pod go, and nothing looks finished"
heads=$(heads main)
peer python3 tests/e2e/paused_proxy.py "$HOST:27512" "$replica:6362" 300000 "$STATE/gate3"
backup gone main "$(endpoint $HOST 27512)"
running gone
kubectl delete nb -n "$NS" gone > /dev/null
gone gone jobs,pods
[ "$(heads main)" = "$heads" ] || die "a head appeared"

step "the runner image cannot be pulled"
helm upgrade neo4j-backup-operator helm/neo4j-backup-operator -n neo4j-backup --reuse-values --set runnerImage.tag=none --wait > /dev/null 2>&1
backup no-image main "$service" "$quick"
expect no-image False ImageNotPullable
helm rollback neo4j-backup-operator -n neo4j-backup --wait > /dev/null 2>&1

step "metrics of a new process"
metric 'neo4jbackup_last_recoverable_timestamp_seconds{.*source="prod"} [1-9]'
step "done"
