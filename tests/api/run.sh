#!/usr/bin/env bash
# What a real API server makes of our kinds: what it accepts, refuses, fills in, merges and explains.
#   tests/api/run.sh                       against the API server of KUBECONFIG
#   tests/api/alone.sh tests/api/run.sh    against one that is started for it
# The CRDs are installed unless they are there. An operator may be at work: a quota keeps it from making pods for these tests.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
NS=api-tests
state=$(mktemp -d)
# kubectl remembers for minutes which kinds there are; those that an upgrade has just brought must count.
export KUBECACHEDIR=$state/cache
cleanup() {
    for namespace in "$NS" "$NS-client" "$NS-server"; do
        kubectl delete nbsch,nb,nr,nbs,nbsrc,job,pvc -n "$namespace" --all --wait=false > /dev/null 2>&1 || true
    done
    rm -rf "$state"
}
trap cleanup EXIT
trap 'exit 143' TERM INT
step() { echo "-- $* ($SECONDS s)"; }
die() {
    echo "FAILED: $*" >&2
    exit 1
}
# refused TEXT COMMAND...: the command fails and says TEXT
refused() {
    local text=$1
    shift
    ! "$@" > "$state/out" 2>&1 || die "not refused: $*"
    grep -qF -- "$text" "$state/out" || die "expected '$text' from: $*; got: $(< "$state/out")"
}
# apply MANAGER [FLAG...]: server-side apply of standard input
apply() { kubectl apply -n "$NS" --server-side --field-manager="$1" "${@:2}" -f -; }
# is KIND NAME JQ_FILTER: the filter is true of the object
is() {
    kubectl get "$1" -n "$NS" "$2" -o json > "$state/object"
    jq -e "$3" "$state/object" > /dev/null || die "$1 $2: $3 is not so: $(jq -c .spec "$state/object")"
}
# is_server WAY: as a flag's value
is_server() { [ "$1" = server ] && echo true || echo false; }
meta() { echo "apiVersion: neo4jbackup.dev/v1alpha1"; echo "kind: $1"; echo "metadata: {name: $2}"; }

step "the schemas are served"
kubectl get crd neo4jbackups.neo4jbackup.dev > /dev/null 2>&1 || kubectl apply -f "$here/../../crds" > /dev/null
kubectl wait --for=condition=Established --timeout=240s \
    crd/neo4jbackups.neo4jbackup.dev crd/neo4jbackupsources.neo4jbackup.dev crd/neo4jbackupstorages.neo4jbackup.dev \
    crd/neo4jrestores.neo4jbackup.dev crd/neo4jbackupchains.neo4jbackup.dev crd/neo4jbackupschedules.neo4jbackup.dev > /dev/null
for _ in $(seq 480); do
    ! kubectl get --raw /openapi/v3/apis/neo4jbackup.dev/v1alpha1 > "$state/openapi" 2> /dev/null ||
        [ "$(jq '[.components.schemas | keys[] | select(test("Neo4j(Backup(Source|Storage|Chain|Schedule)?|Restore)$"))] | length' "$state/openapi")" != 6 ] || break
    sleep 0.5
done
# Discovery may come after the schemas: without it kubectl knows no short names.
for _ in $(seq 480); do
    [ "$(kubectl api-resources --api-group=neo4jbackup.dev -o name 2> /dev/null | wc -l)" != 6 ] || break
    sleep 0.5
done
kubectl create namespace "$NS" --dry-run=client -o yaml | kubectl apply -f - > /dev/null
kubectl create quota -n "$NS" none --hard=pods=0 --dry-run=client -o yaml | kubectl apply -n "$NS" -f - > /dev/null
[ "$(kubectl get crd -o json | jq '[.items[] | select(.spec.group == "neo4jbackup.dev") | .status.conditions[] | select(.type == "NonStructuralSchema")] | length')" = 0 ] ||
    die "a schema is not structural"

step "kubectl explain"
python3 - "$state/openapi" <<'P'
import json, sys
schemas = json.load(open(sys.argv[1]))["components"]["schemas"]
empty, fields = [], 0
def walk(node, path):
    global fields
    for name, child in node.get("properties", {}).items():
        fields += 1
        if not child.get("description") and "allOf" not in child:
            empty.append(f"{path}.{name}")
        walk(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            walk(node[key], path + "[]")
for name, schema in schemas.items():
    if name.startswith("dev.neo4jbackup.") and not name.endswith("List"):
        walk(schema, name.rsplit(".", 1)[1])
print(f"   {fields} fields")
sys.exit(f"FAILED: no description: {empty}" if empty or fields < 300 else 0)
P
for path in nb.spec nb.status nb.spec.timeouts nb.status.databases nbsrc.spec nbsrc.status nbsrc.spec.connection.tls nbsrc.status.members nbs.spec nbs.spec.runner nbs.spec.runner.resources nr.spec nr.spec.target nr.status nr.status.restored nr.status.server nbsrc.spec.server nbc.spec nbc.status nbs.status.catalogue nbsch.spec nbsch.spec.template nbsch.spec.cadences nbsch.status nbsch.status.cadences; do
    kubectl explain "$path" > "$state/out"
    ! grep -qE '<(empty|no description)>' "$state/out" || die "kubectl explain $path: $(< "$state/out")"
done
kubectl explain nbsrc --recursive > "$state/out"
grep -q clientCertificateExpires "$state/out" || die "kubectl explain --recursive: $(< "$state/out")"

step "manifests that are accepted and refused, defaults, and what may change"
python3 "$here/table.py" "$NS" || die "see above"

step "the verdict stays, and so does cancel"
kubectl patch nb -n "$NS" api-full --type=merge -p '{"spec":{"cancel":true}}' > /dev/null
refused "cancel stays true" kubectl patch nb -n "$NS" api-full --type=merge -p '{"spec":{"cancel":false}}'
refused "cancel stays true" kubectl patch nb -n "$NS" api-full --type=merge -p '{"spec":{"cancel":null}}'
verdict() { # STATUS REASON: as a patch of status
    echo "{\"status\":{\"conditions\":[{\"type\":\"Succeeded\",\"status\":\"$1\",\"reason\":\"$2\",\"message\":\"\",\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]}}"
}
set_verdict() { kubectl patch nb -n "$NS" api-base --subresource=status --type=merge -p "$(verdict "$@")"; }
set_verdict Unknown Queued > /dev/null
set_verdict Unknown Running > /dev/null
set_verdict True Completed > /dev/null
refused "never changes again" set_verdict False NoReport
refused "never changes again" set_verdict True Skipped
refused "never changes again" set_verdict Unknown Running
refused "never changes again" kubectl patch nb -n "$NS" api-base --subresource=status --type=merge -p '{"status":{"conditions":[]}}'
set_verdict True Completed > /dev/null

step "server-side apply by two managers"
shared() { meta Neo4jBackupSource shared; echo "spec: {databases: [graph.db], type: Endpoints, endpoints: [{host: a.invalid}], $1}"; }
part() { meta Neo4jBackupSource shared; echo "spec: {$1}"; }
shared 'runner: {labels: {a: x}, nodeSelector: {disk: ssd}, resources: {limits: {memory: 64Mi}}, imagePullSecrets: [{name: one}]}' | apply platform > /dev/null
part 'connection: {maxLag: 7}, runner: {resources: {requests: {cpu: 10m}}, imagePullSecrets: [{name: two}]}' | apply team > /dev/null
is nbsrc shared '.spec.connection == {policy: "PreferReplica", maxLag: 7}'
is nbsrc shared '.spec.runner.resources == {limits: {memory: "64Mi"}, requests: {cpu: "10m"}}'
is nbsrc shared '[.spec.runner.imagePullSecrets[].name] == ["one", "two"]'
refused "conflict with \"platform\"" apply team <<< "$(part 'connection: {maxLag: 7}, runner: {labels: {b: other}}')"
refused "conflict with \"platform\"" apply team <<< "$(part 'connection: {maxLag: 7}, runner: {nodeSelector: {zone: b}}')"
refused "conflict with \"platform\"" apply team <<< "$(part 'endpoints: [{host: b.invalid}]')"
refused "conflict with \"team\"" apply platform <<< "$(shared 'connection: {maxLag: 9}')"
part 'endpoints: [{host: b.invalid}]' | apply team --force-conflicts > /dev/null
is nbsrc shared '.spec.endpoints == [{host: "b.invalid"}]'
is nbsrc shared '.spec.connection == {policy: "PreferReplica"}' # the team has taken its maxLag back
shared 'runner: {securityContext: {}}' | apply platform --force-conflicts > /dev/null
is nbsrc shared '.spec.runner == {securityContext: {}}'

step "what is applied again differs in nothing"
for kind in Neo4jBackup Neo4jBackupSource Neo4jBackupStorage Neo4jRestore Neo4jBackupChain Neo4jBackupSchedule; do
    for which in base full; do
        python3 - "$here/cases.yaml" $kind $which > "$state/again.yaml" <<'P'
import sys, yaml
kind, which = sys.argv[2:]
spec = yaml.safe_load(open(sys.argv[1]))[kind][which]
print(yaml.safe_dump({"apiVersion": "neo4jbackup.dev/v1alpha1", "kind": kind, "metadata": {"name": f"again-{which}"}, "spec": spec}))
P
        apply gitops < "$state/again.yaml" > /dev/null
        KUBECTL_EXTERNAL_DIFF="$here/diff_wanted.sh" kubectl diff -n "$NS" --server-side --field-manager=gitops -f "$state/again.yaml" > "$state/out" 2>&1 || die "$kind $which differs: $(< "$state/out")"
    done
done
(meta Neo4jBackup again-base; echo 'spec: {cancel: true}') | apply somebody > /dev/null
(meta Neo4jBackup again-base; echo 'spec: {sourceRef: {name: prod}, storageRef: {name: offsite}}') | apply gitops > /dev/null
is nb again-base '.spec.cancel == true'

# A namespace for each of the two ways, since an object keeps how it was applied. Our objects go after each sample, because two samples
# may have different ones of one name; claims stay, because where no controller runs they never go.
step "samples: kubectl diff is empty once they were applied, by the client and by the server"
export KUBECTL_EXTERNAL_DIFF="$here/diff_wanted.sh"
for way in client server; do
    kubectl create namespace "$NS-$way" --dry-run=client -o yaml | kubectl apply -f - > /dev/null
    kubectl create quota -n "$NS-$way" none --hard=pods=0 --dry-run=client -o yaml | kubectl apply -n "$NS-$way" -f - > /dev/null
done
for sample in "$here"/../../docs/samples/*.yaml "$here"/../../docs/samples/gitops/databases/*/kustomization.yaml; do
    manifest=$state/sample.yaml
    case $sample in
    */kustomization.yaml) kubectl kustomize "$(dirname "$sample")" > "$manifest" ;;
    *) cp "$sample" "$manifest" ;;
    esac
    for way in client server; do
        kubectl apply -n "$NS-$way" --validate=strict --server-side="$(is_server "$way")" -f "$manifest" > "$state/out" 2>&1 || die "$sample is refused: $(< "$state/out")"
        kubectl diff -n "$NS-$way" --server-side="$(is_server "$way")" -f "$manifest" > "$state/out" 2>&1 || die "$sample, applied by the $way, differs: $(< "$state/out")"
        kubectl delete nbsch,nb,nr,nbs,nbsrc -n "$NS-$way" --all > /dev/null
    done
done
# A difference is found, so that an empty one means something.
kubectl apply -n "$NS-client" -f "$here/../../docs/samples/schedule.yaml" > /dev/null
! sed 's/rpo: 2h/rpo: 3h/' "$here/../../docs/samples/schedule.yaml" | kubectl diff -n "$NS-client" -f - > "$state/out" 2>&1 || die "kubectl diff finds no difference"
grep -q '^+  rpo: 3h' "$state/out" || die "kubectl diff: $(< "$state/out")"
step "passed"
