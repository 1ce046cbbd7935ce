#!/usr/bin/env bash
# What Argo CD, kstatus and Flux make of our objects: their own packages judge the statuses of cases.yaml by the scripts and expressions
# that the chart ships, and read the manifests of docs/samples/gitops.
#   tests/gitops/run.sh
# Needs what tests/testbed/fetch.sh brings, and python3 with yaml; the first build of the two takes minutes and is kept.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/testbed/env.sh
. "$here/../testbed/env.sh"
mkdir -p "$CACHE"
sources=$(cd "$here" && cat argocd/* flux/* run.sh | sha256sum | cut -c1-12)
engines=$CACHE/gitops-$sources
exec 9> "$CACHE/gitops.lock"
flock 9
# Two modules: Argo CD and Flux are built from different versions of Kubernetes' libraries.
build() {
    rm -rf "$engines.new"
    mkdir "$engines.new"
    for engine in argocd flux; do
        (cd "$here/$engine" && GOTOOLCHAIN=local GOFLAGS='' GOWORK=off CGO_ENABLED=0 go build -mod=readonly -trimpath -buildvcs=false \
            -gcflags=all=-dwarf=false -ldflags='-s -w' -o "$engines.new/" .)
    done
    mv "$engines.new" "$engines"
}
if [ ! -d "$engines" ]; then
    "$here/../testbed/go.sh"
    timed "building what judges as Argo CD and Flux do (minutes, once)" build
fi
flock -u 9
python3 "$here/health.py" "$engines"
python3 "$here/samples.py" "$engines"
