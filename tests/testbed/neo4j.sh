#!/usr/bin/env bash
# neo4j.sh NAMESPACE: a causal cluster of two cores and two read replicas, ready.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/testbed/env.sh
. "$here/env.sh"
ns=${1:?usage: neo4j.sh NAMESPACE}
sed "s#localhost/neo4j:3.4.10#$NEO4J_IMAGE#" "$here/neo4j.yaml" | kubectl apply -n "$ns" -f - > /dev/null
kubectl rollout status -n "$ns" statefulset/core --timeout=240s > /dev/null
kubectl rollout status -n "$ns" statefulset/replica --timeout=240s > /dev/null
