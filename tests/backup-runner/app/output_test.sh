#!/usr/bin/env bash
# What can't be written to standard output ends a command with an error, and what can't be written to standard error ends none.
#   output_test.sh RUNNER
set -euo pipefail
runner=${1:?usage: output_test.sh RUNNER}
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
mkdir "$state/empty"
echo '{"id": "x", "format": 1, "requiredToRead": [], "requiredToWrite": []}' > "$state/empty/neo4j-backup.json"
cp -r "$state/empty" "$state/damaged"
heads=$state/damaged/prod/graph.db/heads
mkdir -p "$heads"
echo '{' > "$heads/20261125T000000Z-000000-000000-full-0000000000000000009-x-1.json"
failed=0

# expect CODE TEXT COMMAND...: its exit code, and what its standard error holds
expect() {
    local wanted=$1 text=$2 code=0
    shift 2
    "$@" 2> "$state/err" || code=$?
    [ "$code" = "$wanted" ] && { [ -z "$text" ] || grep -q "$text" "$state/err"; } && return
    echo "FAILED: $* ended with $code, expected $wanted; it said: $(cat "$state/err")"
    failed=1
}
list_full() { "$runner" list --in "$1" > /dev/full; }
list_closed() { "$runner" list --in "$1" >&-; }
help_full() { "$runner" --help > /dev/full; }
verify_full() { "$runner" verify --in "$1" > /dev/full; }
deaf() { "$@" 2> /dev/full; }
mute() { "$@" 2>&-; }

expect 30 '^error: OutputFailed: .*No space left on device' list_full "$state/empty"
expect 30 '^error: OutputFailed: .*Bad file descriptor' list_closed "$state/empty"
expect 30 '^error: OutputFailed: .*No space left on device' help_full
# What a command finds stays its outcome.
expect 40 '^error: ArtifactDamaged: ' verify_full "$state/damaged"
for how in deaf mute; do
    expect 40 '' $how "$runner" verify --in "$state/damaged" > "$state/out"
    grep -q '^DAMAGED ' "$state/out" || { echo "FAILED: $how: verify wrote $(cat "$state/out")"; failed=1; }
    expect 10 '' $how "$runner" nonsense
done
exit $failed
