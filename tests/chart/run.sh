#!/usr/bin/env bash
# Proves the chart without a cluster: lint, schemas of Kubernetes, what must be refused, and what assertions.py asserts of
# the rendered objects, for each file in values/.
#   tests/chart/run.sh
# Needs what tests/testbed/fetch.sh brings, and python3 with yaml.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
chart=$here/../../helm/neo4j-backup-operator
# shellcheck source=tests/testbed/env.sh
. "$here/../testbed/env.sh"
helm=$(command -v helm)
kubeconform=$(command -v kubeconform)
kubernetes=v1.34.4
schemas=${XDG_CACHE_HOME:-$HOME/.cache}/neo4j-backup-operator/schemas-$kubernetes
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
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
    if "$@" > "$state/out" 2>&1; then
        die "not refused: $*"
    fi
    if ! grep -qF -- "$text" "$state/out"; then
        cat "$state/out" >&2
        die "refused for another reason than '$text': $*"
    fi
}

# --kube-version: without a cluster, helm knows the minor version that it was built with, not the patch.
template() { "$helm" template release "$chart" --namespace operators --kube-version 1.34.4 "$@"; }
validate() {
    "$kubeconform" -strict -summary -schema-location "$schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json" "$@"
}

if ! sha256sum --check --status "$schemas/made-by" 2> /dev/null; then
    step "schemas of Kubernetes $kubernetes"
    (cd "$state" && go mod download -json "k8s.io/kubernetes@$kubernetes") > "$state/module"
    sources=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])' < "$state/module")
    python3 "$here/schemas.py" "$sources/api/openapi-spec/swagger.json" "$state/schemas"
    sha256sum "$here/schemas.py" > "$state/schemas/made-by"
    mkdir -p "$(dirname "$schemas")"
    rm -rf "$schemas"
    mv "$state/schemas" "$schemas"
fi

step "no symbolic links: Flux and Argo CD refuse a chart that has one"
links=$(find "$chart/" -type l)
[ -z "$links" ] || die "symbolic links in the chart: $links"
python3 "$here/../../crds/generate.py" --check

for values in "$here"/values/*.yaml; do
    variant=$(basename "$values" .yaml)
    step "$variant"
    "$helm" lint --strict --quiet --kube-version 1.34.4 "$chart" --namespace operators --values "$values"
    template --values "$values" > "$state/$variant.yaml" 2> "$state/err" || die "$(< "$state/err")"
    template --values "$values" 2> /dev/null | cmp - "$state/$variant.yaml" || die "two renderings differ"
    validate -skip ServiceMonitor,PrometheusRule "$state/$variant.yaml"
done

step "schemas refuse what is wrong"
sed 's/^  replicas: 1/  replicas: one/' "$state/default.yaml" > "$state/wrong.yaml"
refused "got string, want integer" validate "$state/wrong.yaml"
sed 's/^      enableServiceLinks:/      enableServiceLink:/' "$state/default.yaml" > "$state/wrong.yaml"
refused "enableServiceLink'" validate "$state/wrong.yaml"
sed 's/^  scope: .*/  scop: Namespaced/' "$state/default.yaml" > "$state/wrong.yaml"
refused "scop'" validate "$state/wrong.yaml"

step "values that are wrong are refused"
refused "logLevel" template --set logLevel=loud
refused "logLevl" template --set logLevl=info
refused "/image" template --set image.repo=x
refused "/image/tag" template --set-json image.tag=1.0
refused "/image/digest" template --set image.digest=sha256:12
refused "/runnerImage/digest" template --set runnerImage.digest=0123
refused "/image/tag" template --set image.tag=1.0@latest
refused "/image/repository" template --set image.repository=operator@1.0
refused "/runnerImage/pullSecrets/0/name" template --set-json 'runnerImage.pullSecrets=[{"name":""}]'
refused "/userIds" template --set userIds=Anybody
refused "/podSecurityContext/runAsUser" template --set podSecurityContext.runAsUser=0
refused "/podDefaults" template --set podDefaults.image=x
refused "/podDefaults/resources/limits" template --set podDefaults.resources.limits.gpu=1
refused "missing property 'memory'" template --set podDefaults.resources.limits.memory=null
refused "/podDefaults/securityContext/runAsUser" template --set podDefaults.securityContext.runAsUser=0
refused "invalid propertyName 'app'" template --set podDefaults.labels.app=neo4j
refused "invalid propertyName 'helm.neo4j.com/clustering'" template --set 'podDefaults.labels.helm\.neo4j\.com/clustering=x'
refused "invalid propertyName 'app.kubernetes.io/name'" template --set 'podDefaults.labels.app\.kubernetes\.io/name=neo4j'
refused "invalid propertyName 'argocd.argoproj.io/hook'" template --set 'podDefaults.annotations.argocd\.argoproj\.io/hook=x'
refused "/runnerImage/pullPolicy" template --set runnerImage.pullPolicy=Sometimes
refused "/runnerImage" template --set runnerImage.registry=x
refused "/watchNamespaces" template --set watchNamespaces=team-a
refused "/watchNamespaces/0" template --set 'watchNamespaces={Team A}'
refused "/watchNamespaces" template --set 'watchNamespaces={a,a}'
refused "/maxConcurrentRuns" template --set maxConcurrentRuns=0
refused "/workers" template --set workers=many
refused "/crds/install" template --set-string crds.install=yes
refused "/resources" template --set resources.limit.memory=1Gi
refused "/metrics/service/port" template --set metrics.service.port=70000
refused "/metrics/serviceMonitor/interval" template --set metrics.serviceMonitor.interval=often
refused "/tolerations/0" template --set tolerations[0].operater=Exists
refused "/imagePullSecrets/0" template --set-json 'imagePullSecrets=["registry"]'
refused "/grafanaDashboard/labels/grafana_dashboard" template --set grafanaDashboard.labels.grafana_dashboard=1
refused "/grafanaDashboard" template --set grafanaDashboard.folder=Backups
refused "/argocd/healthConfigMap" template --set-string argocd.healthConfigMap=yes
refused "needs metrics.service.enabled" template --set metrics.serviceMonitor.enabled=true,metrics.service.enabled=false
refused "runners.namespaces must name" template --set networkPolicies.runners.enabled=true
refused "runners.namespaces must name" template --set networkPolicies.neo4j.enabled=true
refused "neo4j.namespaces must name" template --set networkPolicies.neo4j.enabled=true,networkPolicies.runners.namespaces[0]=a
refused "podSelector must select" template --set networkPolicies.neo4j.enabled=true,networkPolicies.runners.namespaces[0]=a,networkPolicies.neo4j.namespaces[0]=db
refused "/networkPolicies/runners/storagePorts/0" template --set networkPolicies.runners.storagePorts[0]=0
refused "/networkPolicies/neo4j/ports/0" template --set networkPolicies.neo4j.ports[0]=0
refused "incompatible with Kubernetes v1.28.9" template --kube-version 1.28.9
template --kube-version 1.29.0 > /dev/null 2>&1 || die "1.29.0 is refused"

step "the package renders what the folder renders"
"$helm" package "$chart" --destination "$state" > /dev/null 2>&1
"$helm" template release "$state"/neo4j-backup-operator-*.tgz --namespace operators --kube-version 1.34.4 2> "$state/err" |
    cmp - "$state/default.yaml" || die "the package differs: $(< "$state/err")"

step "a chart without CustomResourceDefinitions is refused"
cp -r "$chart" "$state/empty"
rm -rf "$state/empty/files/crds"
refused "no CustomResourceDefinitions" "$helm" template release "$state/empty" --kube-version 1.34.4

step "assertions"
python3 "$here/assertions.py" "$chart" "$state"
step "passed"
