#!/usr/bin/env bash
# The runner alone, to watch: a real Neo4j 3.4.10 causal cluster on loopback, a backup of its read replica, and its restore
# into a fresh server that counts the same nodes. Compiles the runner and fetches the servers if they are not there.
#   tests/servers/try.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
STATE=$(mktemp -d)
export STATE
# shellcheck source=tests/servers/cluster.sh
. "$here/cluster.sh"
# shellcheck source=tests/servers/steps.sh
. "$here/steps.sh"
# shellcheck source=tests/setup/side_by_side.sh
. "$here/../setup/side_by_side.sh"
cleanup() {
    end_steps
    stop_all
    rm -rf "$STATE"
}
trap cleanup EXIT
# Java that starts fast: no server lives long enough here for the compiler of peak speed to pay.
export JDK_JAVA_OPTIONS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
runner=build/release/bin/neo4j-backup-runner
compile_runner() {
    cmake --preset release > /dev/null
    cmake --build --preset release -j "$(nproc)" --target neo4j-backup-runner
}

step "packages"
packages/install.sh build servers
begin "Neo4j 3.4.10 and a JDK 11" "$here/fetch.sh" neo4j
begin "the runner, compiled" compile_runner
await_step "Neo4j 3.4.10 and a JDK 11"
step "a cluster of two cores and a read replica forms"
start_cluster
cypher "$leader" "UNWIND range(1,20000) AS i CREATE (:Person {id:i, name:'person ' + i})" > /dev/null
replica_counts() { [ "$(cypher 3 "MATCH (n) RETURN count(n)")" = "$1" ]; }
await 60 "the replica to catch up" replica_counts 20000
finish

# show COMMAND...: prints a command as one would type it, and runs it
show() {
    echo "\$ $*"
    "$@"
}
step "a place for backups, initialised once, and a backup from the read replica"
show "$runner" init --in "$STATE/repository"
show "$runner" backup --from 127.0.0.1:26363 --source prod --database graph.db --to "$STATE/repository" | tee "$STATE/report"
step "what the repository holds, and whether it is whole"
show "$runner" list --in "$STATE/repository"
show "$runner" verify --in "$STATE/repository"
step "a fresh server starts on the restored database"
start_restored "$runner" "$(sed -n 's/^chain *//p' "$STATE/report")"
restored=$(cypher 4 "MATCH (n) RETURN count(n)")
step "nodes in the source: $(cypher 3 "MATCH (n) RETURN count(n)"), nodes in the restored database: $restored"
[ "$restored" = 20000 ] || die "the counts differ"
