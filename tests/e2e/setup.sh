#!/usr/bin/env bash
# Brings up what demo and e2e run on: testbed, images, and a Neo4j cluster in the namespace db, which enforces the
# restricted Pod Security Standard. With N4B_TESTBED=existing, the cluster of $KUBECONFIG and images that it can pull.
#   tests/e2e/setup.sh [demo]: without what only the end-to-end tests need
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/testbed/env.sh
. tests/testbed/env.sh
# shellcheck source=tests/setup/side_by_side.sh
. tests/setup/side_by_side.sh
neo4j_cluster() {
    kubectl create namespace db --dry-run=client -o yaml | kubectl apply -f - > /dev/null
    kubectl label namespace db pod-security.kubernetes.io/enforce=restricted --overwrite > /dev/null
    tests/testbed/neo4j.sh db
}
cluster="a Neo4j cluster of two cores and two read replicas"
if [ "${N4B_TESTBED:-own}" != own ]; then
    timed "$cluster" neo4j_cluster
    exit
fi

servers=(neo4j) images=(pause neo4j)
if [ "${1:-}" != demo ]; then
    servers=()
    images+=(ongdb)
fi
timed "packages" packages/install.sh build testbed servers
# The compiler of C++ stands back for that of Go: the sooner Kubernetes is there, the longer its pods can start meanwhile.
begin "release build" nice tests/testbed/images.sh compile
begin "Go tools" tests/testbed/tools.sh
begin "Neo4j and its JDK" tests/servers/fetch.sh "${servers[@]}"
begin "base image" tests/testbed/images.sh base pause
begin "packages of the project's images" after "base image" tests/testbed/images.sh packages
begin "images of the servers" after "base image" after "Neo4j and its JDK" tests/testbed/images.sh "${images[@]}"
begin "Kubernetes" after "Go tools" tests/testbed/up.sh
begin "servers into the node" after "Kubernetes" after "images of the servers" tests/testbed/images.sh load "${images[@]}"
begin "$cluster" after "servers into the node" neo4j_cluster
begin "images of the project" after "release build" after "packages of the project's images" tests/testbed/images.sh project
begin "project into the node" after "images of the project" after "Kubernetes" tests/testbed/images.sh load operator runner
finish
