#!/usr/bin/env bash
# Sourced: where the testbed keeps what, and the versions it pins.
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/neo4j-backup-operator
TB=${N4B_TESTBED_STATE:-$CACHE/testbed}
# The name says which sources the tools were built from, so that other sources never run with them.
tools_sources=$(cd "$(dirname "${BASH_SOURCE[0]}")/tools" && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-12)
BIN=$CACHE/tools-$tools_sources
GO_VERSION=1.26.4
GO=$CACHE/go-$GO_VERSION
export CACHE TB BIN GO GO_VERSION
export PATH="$BIN:$GO/bin:$PATH"
if [ "${N4B_TESTBED:-own}" = own ]; then export KUBECONFIG=$TB/pki/admin.conf; fi
OPERATOR_IMAGE=${OPERATOR_IMAGE:-localhost/neo4j-backup-operator:dev}
RUNNER_IMAGE=${RUNNER_IMAGE:-localhost/neo4j-backup-runner:dev}
NEO4J_IMAGE=${NEO4J_IMAGE:-localhost/neo4j:3.4.10}
ONGDB_IMAGE=${ONGDB_IMAGE:-localhost/ongdb:1.0.3}
export OPERATOR_IMAGE RUNNER_IMAGE NEO4J_IMAGE ONGDB_IMAGE BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs

# timed NAME COMMAND...: says what is done and how long it took
timed() {
    local name=$1 start=$SECONDS
    shift
    echo "-- $name"
    "$@"
    echo "-- $name: $((SECONDS - start)) s"
}
