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

build_tools() {
    rm -rf "$BIN.new"
    "$here/tools/build.sh" "$BIN.new"
    mv "$BIN.new" "$BIN"
}
"$here/go.sh"
[ -d "$BIN" ] || timed "building Kubernetes and its tools (minutes, once)" build_tools
