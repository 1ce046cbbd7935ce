#!/usr/bin/env bash
# Brings up what demo and e2e run on: testbed, images, and a Neo4j cluster in the namespace db, which enforces the
# restricted Pod Security Standard. With N4B_TESTBED=existing, the cluster of $KUBECONFIG and images that it can pull.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/testbed/env.sh
. tests/testbed/env.sh
if [ "${N4B_TESTBED:-own}" = own ]; then
    tests/testbed/fetch.sh
    tests/testbed/images.sh build
    timed "Kubernetes" tests/testbed/up.sh
    timed "images into the node" tests/testbed/images.sh load
fi
kubectl create namespace db --dry-run=client -o yaml | kubectl apply -f - > /dev/null
kubectl label namespace db pod-security.kubernetes.io/enforce=restricted --overwrite > /dev/null
timed "a Neo4j cluster of two cores and two read replicas" tests/testbed/neo4j.sh db
