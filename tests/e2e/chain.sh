#!/usr/bin/env bash
# Chains of backups on the testbed: what an increment and a run without anything new look like to a user, a full backup in place
# of an increment for each reason but a source that was set back, and a restore of a chain, also with a server that recovers what
# was restored. Runs like run.sh.
#   tests/e2e/chain.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
# shellcheck source=tests/e2e/steps.sh
. tests/e2e/steps.sh
begin
storage chain
from prod "$service"
nodes=20000
# grow COUNT: so many more nodes, on every replica
grow() {
    on_leader "UNWIND range(1,$1) AS i CREATE (:Person {id:i})" > /dev/null
    nodes=$((nodes + $1))
    caught_up replica-0 "$nodes"
    caught_up replica-1 "$nodes"
}
# made BACKUP KIND: it succeeded, and the column KIND says so
made() {
    expect "$1" True Completed
    [ "$(field "$1" display.kind)" = "$2" ] || die "$1: expected $2, got $(field "$1" display.kind)"
}
# in_place BACKUP REASON TEXT: a full backup, and the reason why it is no increment, in a condition and in an event
in_place() {
    made "$1" Full
    [ "$(condition "$1" status UnexpectedFull)/$(condition "$1" reason UnexpectedFull)" = "True/$2" ] ||
        die "$1: UnexpectedFull is $(condition "$1" reason UnexpectedFull): $(condition "$1" message UnexpectedFull)"
    [[ "$(condition "$1" message UnexpectedFull)" = *"$3"* ]] || die "$1: $(condition "$1" message UnexpectedFull)"
    told "$1" "UnexpectedFull .*$2"
}
chain_of() { field "$1" 'databases[0].chain'; }

step "the first backup is a full one, the next an increment, and one that finds nothing new stores nothing"
backup first chain prod 'type: Auto'
made first Full
[ -z "$(condition first status UnexpectedFull)" ] || die "a first backup is no surprise"
grow 100
backup second chain prod 'type: Auto'
made second Incremental
[ "$(chain_of second)/$(field second 'databases[0].sequence')" = "$(chain_of first)/1" ] || die "$(field second databases)"
# The object of the chain shows each backup as soon as it has ended.
object_of_chain=chain-$(chain_of second | tr '[:upper:]' '[:lower:]')
shown() { kubectl get nbc -n "$NS" "$object_of_chain" -o jsonpath="{.status.$1}"; } # FIELD
is_shown() { [ "$(shown "$1" 2> /dev/null)" = "$2" ]; }
wait_shown() { # FIELD VALUE
    await is_shown "$@" || die "$object_of_chain: expected $1 to be $2: $(kubectl get nbc -n "$NS" "$object_of_chain" -o yaml)"
}
wait_shown artifacts 2
wait_shown highestTransaction "$(field second 'databases[0].highestTransaction')"
[ "$(field second 'databases[0].earliestRestorable')" = "$(field first 'databases[0].highestTransaction')" ] || die "$(field second databases)"
stored=$(heads chain)
backup quiet chain prod 'type: Auto'
made quiet UpToDate
[ "$(heads chain)" = "$stored" ] || die "a head was written for nothing"
[ "$(field quiet 'databases[0].upToDate')/$(field quiet 'databases[0].artifact')" = "true/$(field second 'databases[0].artifact')" ] || die "$(field quiet databases)"
[ -n "$(field second 'databases[0].currentAt')" ] || die "nobody knows when it was current: $(field second databases)"
[[ "$(field quiet 'databases[0].currentAt')" > "$(field second 'databases[0].currentAt')" ]] || die "currentAt does not move: $(field quiet databases)"
wait_shown currentAt "$(field quiet 'databases[0].currentAt')"
kubectl get nb,nbc -n "$NS" | sed 's/^/   /'
metrics=http://$(kubectl get pod -n neo4j-backup -o jsonpath='{.items[0].status.podIP}'):8080/metrics
curl -sf "$metrics" | grep 'neo4jbackup_last_current_timestamp_seconds{.*source="prod"} [1-9]' > /dev/null || die "no metric tells how current the backups are"

step "two runs on one chain: one after the other, and both have what they asked for"
grow 100
backup left chain prod 'type: Incremental'
backup right chain prod 'type: Incremental'
expect left True Completed
expect right True Completed
[ "$(printf '%s\n' "$(field left display.kind)" "$(field right display.kind)" | sort | tr '\n' ' ')" = "Incremental UpToDate " ] || die "left and right"

step "a Neo4jRestore of a backup, into the volume of a server; it waits while a pod uses the volume"
claim restored
export OF=nr
restore missing restored 'backupRef: {name: no-such-backup}'
expect missing Unknown BackupNotFound
kubectl delete nr -n "$NS" missing > /dev/null
restore onto-backups chain 'backupRef: {name: right}'
expect onto-backups Unknown TargetNotReady
kubectl delete nr -n "$NS" onto-backups > /dev/null
restore end restored 'backupRef: {name: right}'
restore again restored 'backupRef: {name: right}'
expect end True Completed
expect again False TargetNotEmpty
kubectl get nr -n "$NS" -o wide | sed 's/^/   /'
[ "$(field end restored.highestTransaction)/$(field end restored.artifacts)" = "$(OF=nb field right 'databases[0].highestTransaction')/3" ] ||
    die "$(field end restored)"
unset OF
server restored 'persistentVolumeClaim: {claimName: restored}'
[ "$(cypher restored "MATCH (n) RETURN count(n)")" = "$nodes" ] || die "not all $nodes nodes were restored"
# had_to_recover CLAIM: the server that started on it said so in its log
had_to_recover() { grep -q 'Recovery required' "$TB/volumes/$1/logs/debug.log"; }
had_to_recover restored || die "a database that only was restored needs no recovery: is this still how the server tells?"
object Neo4jRestore in-use 'backupRef: {name: right}, target: {claimName: restored, path: elsewhere}'
OF=nr expect in-use Unknown TargetInUse
kubectl delete pod -n "$NS" restored > /dev/null
OF=nr expect in-use True Completed
restored_is_consistent NEO4J ""

step "a Neo4jRestore whose database a server recovers: the next server has nothing to recover"
claim seed
# let_recover SERVER: what the source says of the server, as JSON
let_recover() { kubectl patch nbsrc -n "$NS" prod --type merge -p "{\"spec\": {\"server\": $1}}" > /dev/null; }
export OF=nr
object Neo4jRestore seeded 'backupRef: {name: right}, target: {claimName: seed}, recovery: Server, retry: {limit: 10, backoff: 3s}'
expect seeded Unknown RecoveryServerMissing
let_recover "{\"image\": \"$RUNNER_IMAGE\", \"resources\": {\"limits\": {\"memory\": \"900Mi\"}, \"requests\": {\"cpu\": \"50m\", \"memory\": \"500Mi\"}}}"
asks_for_licence() { [[ "$(condition seeded message)" = *acceptLicense* ]]; }
await asks_for_licence || die "nobody asks for the licence: $(condition seeded message)"
# An image without a server, and then the right one: the second attempt finds what the first one restored.
let_recover '{"acceptLicense": true}'
told seeded 'RecoveryFailed .*no neo4j in PATH'
let_recover "{\"image\": \"$NEO4J_IMAGE\"}"
expect seeded True Completed
[ "$(field seeded recovered)/$(field seeded server.image)" = "true/$NEO4J_IMAGE" ] || die "$(kubectl get nr -n "$NS" seeded -o yaml)"
[[ "$(condition seeded message)" = *"(found finished), recovered by image $NEO4J_IMAGE"* ]] || die "$(condition seeded message)"
unset OF
[ ! -e "$TB/volumes/seed/logs" ] || die "the server that recovers writes more into the claim than the database"
server restored 'persistentVolumeClaim: {claimName: seed}'
[ "$(cypher restored "MATCH (n) RETURN count(n)")" = "$nodes" ] || die "not all $nodes nodes were recovered"
[ -s "$TB/volumes/seed/logs/debug.log" ] || die "the server has no log"
! had_to_recover seed || die "the database still needed recovery"
kubectl delete pod -n "$NS" restored > /dev/null

step "a chain that is too long: a full backup in its place, or a failure"
grow 100
backup too-long chain prod 'type: Incremental, maxChainLength: 2, onIncrementalImpossible: Fail'
expect too-long False ChainTooLong
backup renewed chain prod 'type: Incremental, maxChainLength: 2'
in_place renewed ChainTooLong "A full backup begins a new chain"
[ "$(chain_of renewed)" != "$(chain_of first)" ] || die "no new chain"
echo "   UnexpectedFull of renewed: $(condition renewed message UnexpectedFull)"

step "a chain that is damaged is not extended"
file=$(find "$TB/volumes/chain/neo4j/prod/graph.db/chains/$(chain_of renewed)" -path '*/blocks/*' -type f | head -n 1)
truncate -s -1 "$file"
grow 100
backup damaged chain prod 'type: Auto'
in_place damaged ArtifactDamaged "verify its chains"
grow 1
backup after chain prod 'type: Auto'
made after Incremental
[ "$(chain_of after)" = "$(chain_of damaged)" ] || die "it goes on from another chain"

step "the source has thrown away the transactions that follow the last backup"
# keep POLICY: which files of its log replica-0 keeps at a check point
keep() { cypher replica-0 "CALL dbms.setConfigValue('dbms.tx_log.rotation.retention_policy', '$1')" > /dev/null; }
trap 'keep "7 days" 2> /dev/null || true; cleanup' EXIT
keep false
from alone "name: prod, $(endpoint "$(kubectl get pod -n "$NS" replica-0 -o jsonpath='{.status.podIP}')" 6362)"
storage elsewhere
for _ in 1 2 3; do
    on_leader "UNWIND range(1,4) AS i CREATE (:Blob {text: reduce(s = 'x', k IN range(1, 19) | s + s)})" > /dev/null
    nodes=$((nodes + 4))
    # What the replica gets at once goes into one file of its log.
    caught_up replica-0 "$nodes"
done
# Each full backup makes a check point, at which the replica throws away what it need not keep.
for pass in 1 2; do
    backup "check-point-$pass" elsewhere alone
    expect "check-point-$pass" True Completed
done
backup pruned chain alone 'type: Incremental'
in_place pruned SourceLogPruned "make backups more often"
keep "7 days"

step "without an earlier backup there is no increment"
storage empty
backup nothing empty prod 'type: Incremental, onIncrementalImpossible: Fail'
expect nothing False NoEarlierBackup
backup begun empty prod 'type: Incremental'
in_place begun NoEarlierBackup "An increment needs a full backup to go on from"
step "done"
