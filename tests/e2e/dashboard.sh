#!/usr/bin/env bash
# Asks every query of the chart's dashboard of a Prometheus that scrapes the operator, and holds the recording of the state to what the
# operator tells (tests/alerts/record.sh). The end-to-end tests call it while their objects exist.
#   tests/e2e/dashboard.sh FLOW: schedules, chain, held or tls; tests/alerts/live.py says what each of them can't show
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/testbed/env.sh
. tests/testbed/env.sh
flow=${1:?a flow of tests/alerts/live.py}
namespace=${NS:-db}
tests/alerts/record.sh "$flow"
url=http://$(kubectl get pod -n neo4j-backup -o jsonpath='{.items[0].status.podIP}'):8080/metrics
# How long looks at objects take is told only while there are some: an annotation makes the operator look.
(while sleep 2; do kubectl annotate nbs -n "$namespace" --all --overwrite "example.com/looked-at=$SECONDS" > /dev/null 2>&1 || true; done) &
looks=$!
trap 'kill "$looks" 2> /dev/null || true' EXIT
trap 'exit 143' TERM INT
python3 tests/alerts/live.py "$flow" "$url"
