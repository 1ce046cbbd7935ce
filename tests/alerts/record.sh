#!/usr/bin/env bash
# Compares what the operator tells at /metrics with the recording of a state, or makes the recording. A recording is worth as much as
# the state is real, so it is made by the end-to-end tests, which call this when they have provoked the state.
#   tests/alerts/record.sh STATE
# With N4B_RECORD=yes, recorded/STATE.prom is written. Otherwise this fails where the metrics of the alerts have got other labels.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/testbed/env.sh
. "$here/../testbed/env.sh"
name=${1:?a state of tests/alerts/recorded.yaml}
told=$(mktemp)
trap 'rm -f "$told"' EXIT
curl -sf "http://$(kubectl get pod -n neo4j-backup -o jsonpath='{.items[0].status.podIP}'):8080/metrics" > "$told"
if [ "${N4B_RECORD:-no}" = yes ]; then
    mkdir -p "$here/recorded"
    { date '+# recorded %s'; cat "$told"; } > "$here/recorded/$name.prom"
    echo "   recorded: $here/recorded/$name.prom"
else
    python3 "$here/recordings.py" "$name" "$told"
fi
