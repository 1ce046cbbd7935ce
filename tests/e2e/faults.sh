#!/usr/bin/env bash
# Faults that other operators are known for, tried on the testbed: who waits for whom, objects put back without their status,
# claims and namespaces that go away, sidecars, forged pods, and admission that dictates how pods look. Runs like run.sh.
#   tests/e2e/faults.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
# shellcheck source=tests/e2e/steps.sh
. tests/e2e/steps.sh
forget() {
    kubectl delete validatingadmissionpolicybindings,validatingadmissionpolicies dictated-ids --ignore-not-found > /dev/null 2>&1 || true
    kubectl delete mutatingadmissionpolicybindings,mutatingadmissionpolicies sidecar dictated-ids --ignore-not-found > /dev/null 2>&1 || true
    kubectl delete quota,service -n "$NS" -l test=faults --ignore-not-found > /dev/null 2>&1 || true
    kubectl delete jobs,pods -n "$NS" -l app.kubernetes.io/name=neo4j-backup-runner --wait=false > /dev/null 2>&1 || true
    kubectl delete namespace doomed --ignore-not-found --wait=false > /dev/null 2>&1 || true
}
trap 'forget; cleanup' EXIT

# held NAME STORAGE PORT [FIELDS]: a backup that copies from the paused proxy at that port until $STATE/gate-PORT is there
held() {
    peer python3 tests/e2e/paused_proxy.py "$HOST:$3" "$replica:6362" 300000 "$STATE/gate-$3"
    backup "$1" "$2" "$(endpoint $HOST "$3")" "${4:-}"
    running "$1"
}
attempts() { field "$1" 'attempts[*].reason'; }
# saved BACKUP: as people keep it in a file: without what the API server gives, but with its status
saved() { kubectl get nb -n "$NS" "$1" -o json | jq 'del(.metadata["uid","resourceVersion","creationTimestamp","generation","managedFields"])'; }
# put_back FILE JQ: the object in that file, changed so, instead of the one that is there
put_back() {
    kubectl delete nb -n "$NS" "$(jq -r .metadata.name "$1")" > /dev/null
    jq "$2" "$1" | kubectl create -n "$NS" -f - > /dev/null
}
# deleted KIND NAME
deleted() { kubectl wait -n "$NS" --for=delete "$1/$2" --timeout="${PATIENCE}s" > /dev/null || die "$1 $2 is still there"; }

forget
begin
replica=$(kubectl get pod -n "$NS" replica-0 -o jsonpath='{.status.podIP}')
MODE=ReadWriteMany storage main
from prod "$service"

step "an object that is put back without its status"
backup good main prod
expect good True Completed
saved good > "$STATE/good"
before=$(heads main)
put_back "$STATE/good" .
expect good True Completed
[ "$(heads main)" = $((before + 1)) ] || die "it did not run as a new backup"
put_back "$STATE/good" '.spec.notAfter = "2026-01-01T00:00:00Z"'
expect good False Skipped
put_back "$STATE/good" '.metadata.labels = {"velero.io/restore-name": "a"}'
expect good False Skipped
[[ "$(condition good message)" = *Velero* ]] || die "$(condition good message)"
[ "$(heads main)" = $((before + 1)) ] || die "what was skipped has run"
[ -z "$(kubectl get jobs -n "$NS" -l "$(made_for good)" -o name)" ] || die "there is a Job"

step "two sources on a claim that one pod alone can mount"
MODE=ReadWriteOncePod storage once
held first-on-claim once 27541
backup second-on-claim once prod
expect second-on-claim Unknown Queued
[[ "$(condition second-on-claim message)" = *first-on-claim*once* || "$(condition second-on-claim message)" = *once*first-on-claim* ]] ||
    die "neither run nor claim is named: $(condition second-on-claim message)"
[ -z "$(attempts second-on-claim)" ] || die "an attempt was burnt"
touch "$STATE/gate-27541"
expect first-on-claim True Completed
expect second-on-claim True Completed
[ "$(attempts second-on-claim)" = Completed ] || die "$(attempts second-on-claim)"

step "cancel ends a run, keeps its record, and leaves nothing in the storage"
heads=$(heads main)
held cancelled main 27542
kubectl patch nb -n "$NS" cancelled --type=merge -p '{"spec":{"cancel":true}}' > /dev/null
expect cancelled False Cancelled
[ "$(attempts cancelled)" = Cancelled ] || die "$(attempts cancelled)"
[ "$(condition cancelled status Stalled)/$(condition cancelled status Finished)" = False/True ] || die "it is told as a failure"
# Whose the source's name is stays on record.
left=$(find "$TB/volumes/main/neo4j/cancelled" -type f)
[ "$left" = "$TB/volumes/main/neo4j/cancelled/owner.json" ] || die "left: $left"

step "ttlAfterFinished deletes the object, and not the data"
backup short-lived main prod 'ttlAfterFinished: 3s'
expect short-lived True Completed
deleted nb short-lived
[ "$(heads main)" = $((heads + 1)) ] || die "the data is gone"

step "a claim that is being deleted"
claim doomed
kubectl patch pvc -n "$NS" doomed --type=json -p '[{"op":"add","path":"/metadata/finalizers/-","value":"example.com/test"}]' > /dev/null
kubectl delete pvc -n "$NS" doomed --wait=false > /dev/null
storage_on doomed doomed
backup on-doomed doomed prod
expect on-doomed Unknown StorageNotReady
ready=$(kubectl get nbs -n "$NS" doomed -o jsonpath="{range .status.conditions[?(@.type=='Ready')]}{.status}/{.reason}{end}")
[ "$ready" = False/ClaimTerminating ] || die "storage: $ready"
kubectl patch pvc -n "$NS" doomed --type=merge -p '{"metadata":{"finalizers":null}}' > /dev/null
deleted pvc doomed
claim doomed
expect on-doomed True Completed
[ "$(attempts on-doomed)" = Completed ] || die "$(attempts on-doomed)"

step "a pod with the labels of a run, and a report of success, changes nothing"
! storage_on main refused-labels 'runner: {labels: {app: neo4j}}' 2> "$STATE/out" || die "a label of the database's Service is taken"
grep -q "app" "$STATE/out" || die "$(cat "$STATE/out")"
storage_on main labelled 'runner: {labels: {role: read-replica}}'
kubectl create service clusterip -n "$NS" by-role --tcp=6362 > /dev/null
kubectl label service -n "$NS" by-role test=faults > /dev/null
kubectl set selector service -n "$NS" by-role role=read-replica > /dev/null
held forged labelled 27543 'retry: {limit: 2, backoff: 1s}'
pod=$(kubectl get pod -n "$NS" -l "$(made_for forged)" -o jsonpath='{.items[0].metadata.name}')
address=$(kubectl get pod -n "$NS" "$pod" -o jsonpath='{.status.podIP}')
! kubectl get endpointslices -n "$NS" -l kubernetes.io/service-name=by-role -o json |
    jq -r '.items[].endpoints[] | select(.conditions.ready) | .addresses[]' | grep -x "$address" || die "the runner's pod stands behind a Service"
report=$(jq -n --arg uid "$(kubectl get nb -n "$NS" forged -o jsonpath='{.metadata.uid}')" '{schemaVersion: 1, reason: "Completed", message: "",
    runUid: $uid, attempt: 1, artifact: {database: "graph.db", chain: "forged", sequence: 0, artifact: "forged", location: "forged",
    kind: "Full", lowestTransaction: 1, highestTransaction: 2, earliestRestorable: 2, files: 1, bytes: 1, storedBytes: 1,
    digest: "forged", level: "Written"}}')
# forge NAME JQ: a pod that looks like the runner's, with its labels changed so, and ends at once with that report
forge() {
    kubectl get pod -n "$NS" "$pod" -o json | jq --arg name "$1" --arg report "$report" --arg image "$RUNNER_IMAGE" '{apiVersion, kind,
        metadata: {name: $name, labels: (.metadata.labels | '"$2"'), annotations: .metadata.annotations},
        spec: {restartPolicy: "Never", securityContext: .spec.securityContext, containers: [{name: "runner", image: $image,
            command: ["sh", "-c", "echo \($report | @sh) > /dev/termination-log"],
            securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: ["ALL"]}}}]}}' | kubectl create -n "$NS" -f - > /dev/null
    kubectl wait -n "$NS" --for=jsonpath='{.status.phase}'=Succeeded "pod/$1" --timeout="${PATIENCE}s" > /dev/null
}
forge "$pod-forged" 'del(.["controller-uid","batch.kubernetes.io/controller-uid"])'
sleep 2
[ "$(condition forged reason)" = Running ] || die "a forged pod counts: $(condition forged reason)"
# One that Kubernetes itself counts among the Job's can end the Job, as whoever deletes pods can, but not make a success of it.
forge "$pod-adopted" .
touch "$STATE/gate-27543"
expect forged True Completed
[ "$(field forged 'databases[0].chain')" != forged ] || die "a forged report counts"
kubectl delete pod -n "$NS" "$pod-forged" "$pod-adopted" --ignore-not-found --wait=false > /dev/null

step "an object deleted without its Job, and made again"
held orphaned main 27544
kubectl delete nb -n "$NS" orphaned --cascade=orphan > /dev/null
backup orphaned main orphaned
expect orphaned Unknown Queued
touch "$STATE/gate-27544"
expect orphaned True Completed
[ "$(find "$TB/volumes/main/neo4j/orphaned" -path '*/heads/*.json' | wc -l)" = 2 ] || die "the Job without an owner did not finish"

step "a namespace is deleted in mid-copy"
kubectl create namespace doomed > /dev/null
for i in 1 2 3; do NS=doomed N4B_NAMESPACE=doomed storage "doomed-$i"; done
for i in 1 2 3; do NS=doomed held "doomed-$i" "doomed-$i" $((27544 + i)); done
start=$SECONDS
kubectl delete namespace doomed --wait=false > /dev/null
kubectl wait --for=delete namespace/doomed --timeout="${PATIENCE}s" > /dev/null || die "the namespace stays: $(kubectl get namespace doomed -o jsonpath='{.status.conditions[*].message}')"
echo "   gone after $((SECONDS - start)) s"
lines=$(kubectl logs -n neo4j-backup deploy/neo4j-backup-operator --since=60s | grep -c '"level":"\(warn\|error\)".*doomed' || true)
[ "$lines" -lt 60 ] || die "$lines warnings about a namespace that is gone"

step "a container that somebody else puts into the runner's pod never ends"
kubectl apply -f - > /dev/null <<'Y'
apiVersion: admissionregistration.k8s.io/v1beta1
kind: MutatingAdmissionPolicy
metadata: {name: sidecar}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}]
    objectSelector: {matchLabels: {sidecar: wanted}}
  mutations:
  - patchType: JSONPatch
    jsonPatch:
      expression: >
        [JSONPatch{op: "add", path: "/spec/containers/0", value: Object.spec.containers{name: "sidecar", image: "localhost/pause:1",
          securityContext: Object.spec.containers.securityContext{allowPrivilegeEscalation: false,
            capabilities: Object.spec.containers.securityContext.capabilities{drop: ["ALL"]}}}}]
---
apiVersion: admissionregistration.k8s.io/v1beta1
kind: MutatingAdmissionPolicyBinding
metadata: {name: sidecar}
spec: {policyName: sidecar}
Y
claim sidecar
storage_on sidecar sidecar 'runner: {labels: {sidecar: wanted}}'
# Its first look is over before any backup: one that waits for the volume later would have the pods of ended runs removed.
kubectl wait -n "$NS" --for=condition=Ready nbs/sidecar --timeout="${PATIENCE}s" > /dev/null
# A new policy counts some moments after it was made.
two_containers() {
    [ "$(kubectl run -n "$NS" try --image=localhost/pause:1 --labels=sidecar=wanted --dry-run=server -o json \
        --overrides='{"spec":{"securityContext":{"runAsNonRoot":true,"runAsUser":7474,"seccompProfile":{"type":"RuntimeDefault"}},"containers":[{"name":"try","image":"localhost/pause:1","securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}]}}' |
        jq '.spec.containers | length')" = 2 ]
}
await two_containers || die "nobody adds a sidecar"
backup with-sidecar sidecar prod
expect with-sidecar True Completed
backup failed-with-sidecar sidecar "$(endpoint $HOST 1)" 'timeouts: {connect: 1s}'
expect failed-with-sidecar False SourceUnreachable
sleep 3
pod=$(kubectl get pod -n "$NS" -l "$(made_for failed-with-sidecar)" -o jsonpath='{.items[0].metadata.name}')
[ "$(kubectl get pod -n "$NS" "$pod" -o jsonpath='{.spec.containers[*].name}/{.status.phase}')" = "sidecar runner/Running" ] || die "no sidecar runs"
kubectl logs -n "$NS" "$pod" -c runner 2>&1 | grep SourceUnreachable > /dev/null || die "the log of a failed attempt is gone"
backup after-sidecar sidecar prod
expect after-sidecar True Completed

step "one run at a time: a backup that waits for its next attempt is in nobody's way"
install_operator neo4j-backup --set maxConcurrentRuns=1
backup refused main "$(endpoint $HOST 1)" 'timeouts: {connect: 1s}, retry: {limit: 3, backoff: 5m}'
expect refused Unknown Retrying
backup at-once main prod
expect at-once True Completed
[ "$(condition refused reason)" = Retrying ] || die "refused does not wait any more"
kubectl delete nb -n "$NS" refused > /dev/null

step "a quota of ephemeral storage"
kubectl create quota -n "$NS" ephemeral --hard=limits.ephemeral-storage=5Mi > /dev/null
kubectl label quota -n "$NS" ephemeral test=faults > /dev/null
kubectl wait -n "$NS" --for=jsonpath='{.status.hard}' quota/ephemeral --timeout="${PATIENCE}s" > /dev/null # it counts from then on
storage_on main too-much 'runner: {resources: {limits: {ephemeral-storage: 10Mi}}}'
backup too-much too-much prod
expect too-much Unknown PodRejected
[[ "$(condition too-much message)" = *limits.ephemeral-storage=10Mi* ]] || die "$(condition too-much message)"
kubectl delete nb -n "$NS" too-much > /dev/null
storage_on main limited 'runner: {resources: {limits: {ephemeral-storage: 5Mi}}}'
backup limited limited prod
expect limited True Completed
kubectl delete quota -n "$NS" ephemeral > /dev/null

step "a cluster that dictates the ids of pods"
kubectl apply -f - > /dev/null <<'Y'
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: dictated-ids}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}]
  matchConditions:
  - {name: ours, expression: "has(object.metadata.labels) && object.metadata.labels[?'app.kubernetes.io/name'].orValue('').startsWith('neo4j-backup')"}
  validations:
  - expression: "object.spec.?securityContext.?runAsUser.orValue(0) >= 1000650000 && object.spec.?securityContext.?runAsUser.orValue(0) < 1000660000"
    message: "runAsUser must be of the namespace's range, 1000650000 to 1000659999"
  - expression: "object.spec.?securityContext.?fsGroup.orValue(1000650000) >= 1000650000 && object.spec.?securityContext.?runAsGroup.orValue(0) == 0"
    message: "fsGroup must be of the namespace's range, and runAsGroup 0"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: dictated-ids}
spec: {policyName: dictated-ids, validationActions: [Deny]}
---
# As OpenShift: who asks for no id is given one of the range.
apiVersion: admissionregistration.k8s.io/v1beta1
kind: MutatingAdmissionPolicy
metadata: {name: dictated-ids}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}]
  matchConditions:
  - {name: ours, expression: "has(object.metadata.labels) && object.metadata.labels[?'app.kubernetes.io/name'].orValue('').startsWith('neo4j-backup')"}
  - {name: without-ids, expression: "!object.spec.?securityContext.?runAsUser.hasValue()"}
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: "Object{spec: Object.spec{securityContext: Object.spec.securityContext{runAsUser: 1000650000, runAsGroup: 0, fsGroup: 1000650000}}}"
---
apiVersion: admissionregistration.k8s.io/v1beta1
kind: MutatingAdmissionPolicyBinding
metadata: {name: dictated-ids}
spec: {policyName: dictated-ids}
Y
foreign_id_refused() {
    ! kubectl run -n default try --image=localhost/pause:1 --labels=app.kubernetes.io/name=neo4j-backup-try --dry-run=server \
        --overrides='{"spec":{"securityContext":{"runAsUser":1}}}' > /dev/null 2>&1
}
await foreign_id_refused || die "the policy refuses nobody"
backup own-ids main prod
expect own-ids Unknown PodRejected
[[ "$(condition own-ids message)" = *"1000650000 to 1000659999"* ]] || die "$(condition own-ids message)"
kubectl delete nb -n "$NS" own-ids > /dev/null
storage dictated
storage_on dictated dictated 'runner: {securityContext: {}}'
backup no-ids dictated prod
expect no-ids True Completed
[ "$(stat -c %u "$TB/volumes/dictated/neo4j/neo4j-backup.json")" = 1000650000 ] || die "it ran as somebody else"
install_operator neo4j-backup --set userIds=FromCluster
storage dictated-too
backup dictated dictated-too prod
expect dictated True Completed
[ "$(stat -c %u "$TB/volumes/dictated-too/neo4j/neo4j-backup.json")" = 1000650000 ] || die "it ran as somebody else"
step "done"
