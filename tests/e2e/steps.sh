#!/usr/bin/env bash
# Sourced by the end-to-end tests, from the root of the checkout: the steps they are made of. Sets NS, HOST, STATE, and a
# clean-up at exit.
# shellcheck source=tests/testbed/env.sh
. tests/testbed/env.sh
export NS=db N4B_NAMESPACE=db
# shellcheck source=tests/testbed/cluster.sh
. tests/testbed/cluster.sh
# shellcheck source=tests/servers/consistency.sh
. tests/servers/consistency.sh
# shellcheck disable=SC2034 # the tests read it
HOST=10.200.0.1 # the node as pods see it
STATE=$(mktemp -d)
children=()
cleanup() {
    for pid in "${children[@]}"; do kill "$pid" 2> /dev/null || true; done
    kubectl delete nbsch,nb,nr,nbsrc,nbs,pvc -n "$NS" --all --wait=false > /dev/null 2>&1 || true
    kubectl delete pod -n "$NS" restored --ignore-not-found --wait=false > /dev/null 2>&1 || true
    rm -rf "$STATE"
}
trap cleanup EXIT
trap 'exit 143' TERM INT
step() { echo "-- $* ($SECONDS s)"; }
# Seconds until a test gives up waiting. How fast something is isn't tested here: on a machine that compiles or runs other tests
# meanwhile, everything may take many times as long.
PATIENCE=240
# await COMMAND...: until it succeeds; fails when patience has ended
await() {
    local end=$((SECONDS + PATIENCE))
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.5
    done
}
die() {
    echo "FAILED: $*" >&2
    kubectl get nbsch,nb,nr,nbsrc,nbs,jobs,pods -n "$NS" -o wide >&2 || true
    kubectl get events -n "$NS" --sort-by=.lastTimestamp 2> /dev/null | tail -n 15 >&2
    kubectl logs -n neo4j-backup deploy/neo4j-backup-operator --tail=15 >&2 || true
    exit 1
}
# condition BACKUP FIELD [CONDITION]: of its condition Succeeded, or of another. With OF=nr, here and below, of a Neo4jRestore
condition() { kubectl get "${OF:-nb}" -n "$NS" "$1" -o jsonpath="{.status.conditions[?(@.type=='${3:-Succeeded}')].$2}"; }

# claim NAME [tiny SIZE]: a volume and its claim, of the access mode MODE
claim() {
    tests/testbed/volume.sh "$1" "${3:-1Gi}" "${2:-}"
    kubectl apply -n "$NS" -f - > /dev/null <<Y
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: $1}
spec: {accessModes: [${MODE:-ReadWriteOnce}], storageClassName: local, resources: {requests: {storage: 1Gi}}}
Y
}
# object KIND NAME SPEC: applies it; SPEC is flow YAML without its braces
object() {
    kubectl apply -n "$NS" -f - > /dev/null <<Y
apiVersion: neo4jbackup.dev/v1alpha1
kind: $1
metadata: {name: $2}
spec: {$3}
Y
}
# storage_on CLAIM NAME [FIELDS]: a Neo4jBackupStorage; FIELDS are further ones of its spec
storage_on() { object Neo4jBackupStorage "$2" "type: PersistentVolumeClaim, persistentVolumeClaim: {claimName: $1, path: neo4j}, ${3:-}"; }
# storage NAME [tiny SIZE]: a volume, its claim and a Neo4jBackupStorage of that name
storage() {
    claim "$@"
    storage_on "$1" "$1"
}
# from NAME SPEC: a Neo4jBackupSource, whose database is graph.db
from() { object Neo4jBackupSource "$1" "databases: [graph.db], $2"; }
# backup NAME STORAGE SOURCE [FIELDS]: a Neo4jBackup. SOURCE is the name of a Neo4jBackupSource, or the spec of one that is made
# for this backup and has its name. A full one without retries, unless FIELDS say otherwise.
backup() {
    local source=$3 fields=${4:-}
    if [[ $source = *:* ]]; then
        source=$1
        from "$1" "$3"
    fi
    [[ $fields = *retry:* ]] || fields="retry: {limit: 0, backoff: 1s}${fields:+, $fields}"
    [[ $fields = *type:* ]] || fields="type: Full, $fields"
    object Neo4jBackup "$1" "sourceRef: {name: $source}, storageRef: {name: $2}, $fields"
}
# restore NAME CLAIM SPEC: a Neo4jRestore into a claim; SPEC says what
restore() { object Neo4jRestore "$1" "target: {claimName: $2}, retry: {limit: 0, backoff: 1s}, $3"; }
events_of() {
    local kind=neo4jbackup
    [ "${OF:-nb}" = nb ] || kind=neo4jrestore
    kubectl events -n "$NS" --for "$kind/$1"
}
# is_at NAME STATUS REASON: so says the condition Succeeded
is_at() { [ "$(condition "$1" status)/$(condition "$1" reason)" = "$2/$3" ]; }
# tells NAME TEXT: an event says so
tells() { events_of "$1" 2> /dev/null | grep -E "$2" > /dev/null; }
# expect NAME STATUS REASON: the condition Succeeded gets there, and, once there is a verdict, an event tells the reason
expect() {
    await is_at "$@" || die "$1: expected $2/$3, got $(condition "$1" status)/$(condition "$1" reason): $(condition "$1" message)"
    # The event follows the status.
    [ "$2" = Unknown ] || told "$1" "$3"
    echo "   $1: $2 $3: $(condition "$1" message)"
}
# stated NAME CONDITION FIELD: of a storage
stated() { kubectl get nbs -n "$NS" "$1" -o jsonpath="{.status.conditions[?(@.type=='$2')].$3}"; }
is_ready_at() { [ "$(stated "$1" Ready status)/$(stated "$1" Ready reason)" = "$2/$3" ]; }
# looked NAME STATUS REASON: the condition Ready of a storage gets there
looked() {
    await is_ready_at "$@" || { kubectl get nbs -n "$NS" "$1" -o yaml >&2; die "storage $1: expected $2/$3"; }
    echo "   $1: $2 $3: $(stated "$1" Ready message)"
}
# chains_of STORAGE: what its Neo4jBackupChains show: chain, source, database, how many backups, the last transaction
chains_of() {
    kubectl get nbc -n "$NS" -o json | jq -r --arg storage "$1" '.items[] | select(.spec.storageRef.name == $storage) |
        "\(.spec.chain) \(.spec.sourceName) \(.spec.database) \(.status.artifacts) \(.status.highestTransaction)"' | sort
}
chains_show() { diff <(chains_of "$1") "$2" > "$STATE/chains.diff"; }
# await_chains STORAGE FILE: they come to show what the file holds
await_chains() {
    await chains_show "$@" || { kubectl get nbs,nbc -n "$NS" -o yaml >&2; die "storage $1: chains are shown differently from what lies there: $(< "$STATE/chains.diff")"; }
}
field() { kubectl get "${OF:-nb}" -n "$NS" "$1" -o jsonpath="{.status.$2}"; } # BACKUP PATH
told() { await tells "$@" || die "$1: no event says $2"; } # BACKUP TEXT: an event comes to say so
# restored_is_consistent PRODUCT DATA: what was restored into the volume `restored`, whose server has ended. DATA: where in it
restored_is_consistent() {
    mkdir -p "$STATE/conf"
    echo "dbms.directories.data=$TB/volumes/restored$2" > "$STATE/conf/${1,,}.conf"
    check_consistency "$1" "$STATE" || die "check-consistency"
}
# made_for BACKUP: selects its Jobs and pods; a source of the same name has others
made_for() { echo "neo4jbackup.dev/kind=Neo4jBackup,neo4jbackup.dev/owner=$1"; }
pod_runs() { [ "$(kubectl get pods -n "$NS" -l "$(made_for "$1")" -o jsonpath='{.items[*].status.phase}' | grep -c Running)" = 1 ]; }
running() { await pod_runs "$1" || die "$1 does not run"; } # NAME: its attempt copies
nothing_made_for() { [ -z "$(kubectl get "$2" -n "$NS" -l "$(made_for "$1")" -o name)" ]; }
# gone BACKUP KINDS: of those that were made for it, none is left
gone() { await nothing_made_for "$@" || die "$2 of $1 are still there"; }
shows_progress() { [ -n "$(field "$1" progress.bytes)" ]; }
endpoint() { echo "type: Endpoints, endpoints: [{host: $1, port: $2}]"; }
# shellcheck disable=SC2034 # the tests read it
service='type: Service, service: {name: neo4j-read-replicas, port: backup}'
peer() { # COMMAND...: a process of ours in the background
    "$@" > /dev/null 2>&1 &
    children+=($!)
}
# runner_task NAME: id and process id of the runner's container
runner_task() { task "$(kubectl get pod -n "$NS" -l "$(made_for "$1")" -o jsonpath='{.items[0].metadata.name}')"; }
# task POD: the same of the pod's only container
task() {
    local id
    id=$(kubectl get pod -n "$NS" "$1" -o jsonpath='{.status.containerStatuses[0].containerID}')
    ctr -a "$TB/run/containerd.sock" -n k8s.io tasks ls | awk -v id="${id#containerd://}" '$1 == id {print $1, $2}'
}
heads() { find "$TB/volumes/$1" -path '*/heads/*.json' ! -name '.*' | wc -l; }
holds() { [ "$(cypher "$1" "MATCH (n) RETURN count(n)" 2> /dev/null)" = "$2" ]; }
caught_up() { await holds "$@" || die "$1 does not catch up"; } # POD COUNT: the member comes to hold that many nodes
# begin: the operator is installed, nothing of an earlier run is left, and the database holds 20000 nodes everywhere
begin() {
    step "install"
    install_operator neo4j-backup
    kubectl delete nbsch,nb,nr,nbsrc,nbs,pvc -n "$NS" --all > /dev/null 2>&1 || true
    # A few at a time: the server can't hold all of them at once.
    until [ "$(on_leader "MATCH (n:Blob) RETURN count(n)")" = 0 ]; do on_leader "MATCH (n:Blob) WITH n LIMIT 4 DELETE n" > /dev/null; done
    on_leader "MATCH (n) DETACH DELETE n" > /dev/null
    on_leader "UNWIND range(1,20000) AS i CREATE (:Person {id:i, name:'person ' + i})" > /dev/null
    caught_up replica-0 20000
    caught_up replica-1 20000
}
