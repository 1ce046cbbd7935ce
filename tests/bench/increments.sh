#!/usr/bin/env bash
# Times increments side by side from the same read replica, alternating, process start to exit, with fsync: of 1, 10000 and 100000
# transactions by our runner (uncompressed, and with zstd) and by the official neo4j-admin, each time from copies of the same earlier
# backups; beside them a probe, which only connects and asks. Then an increment of 1 GB in a cgroup of 32 MiB (as a pod with
# limits.memory: 32Mi). Medians and ratios come last.
#   tests/bench/increments.sh BUILD_DIR [ROUNDS]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(realpath "${1:?usage: increments.sh BUILD_DIR [ROUNDS]}")/bin
rounds=${2:-3}
STATE=$(mktemp -d)
export STATE
JVM_OPTIONS= # the source is as fast as in production
# shellcheck source=tests/servers/cluster.sh
. "$here/../servers/cluster.sh"
# shellcheck source=tests/bench/cgroups.sh
. "$here/cgroups.sh"
trap 'stop_all; remove_cgroups; rm -rf "$STATE"' EXIT
trap 'exit 143' TERM INT

start_cluster
cypher "$leader" "UNWIND range(1,64) AS i CREATE (:Counter {id: i, n: 0})" > /dev/null
mkdir -p "$STATE/admin/conf"
: > "$STATE/admin/conf/neo4j.conf"
runner=$bin/neo4j-backup-runner
source=(--from 127.0.0.1:26363 --source bench --database graph.db)
# compose REPOSITORY COMPRESSION [TYPE]: sets command
compose() { command=("$runner" backup "${source[@]}" --to "$1" --type "${3:-incremental}" --on-incremental-impossible fail --compression "$2"); }
admin() { # DIRECTORY [FALLBACK]: an increment, or, where the fallback is "true" and there is nothing yet, a full
    NEO4J_HOME=$STATE/admin NEO4J_CONF=$STATE/admin/conf "$java" -cp "$cache/neo4j/lib/*" org.neo4j.commandline.admin.AdminTool backup \
        --from=127.0.0.1:26363 --protocol=catchup --backup-dir="$1" --name=bench --check-consistency=false --fallback-to-full="${2:-false}"
}
export -f admin
export java cache
# write COUNT: so many transactions, each of one property, by clients side by side; the replica has them afterwards
write() {
    python3 "$here/increments_writer.py" "$1" 27471 27472
    last=$(cypher "$leader" "MATCH (c:Counter) RETURN sum(c.n)")
    await 120 "the replica to catch up" caught_up
}
caught_up() { [ "$(cypher 3 "MATCH (c:Counter) RETURN sum(c.n)")" = "$last" ]; }
measure() { python3 "$here/measure.py" "$@" | tee -a "$results"; }

base=$STATE/base
mkdir -p "$base/admin"
for compression in none zstd; do
    "$runner" init --in "$base/$compression" > /dev/null
    compose "$base/$compression" "$compression" full
    "${command[@]}" > /dev/null
done
admin "$base/admin" true > "$STATE/admin.log" 2>&1 || { cat "$STATE/admin.log" >&2; exit 1; }
for count in 1 10000 100000; do
    results=$STATE/results-$count
    write "$count"
    printf '%-14s %8s %8s %8s\n' "$count" "wall s" "CPU s" "RSS MiB"
    for round in $(seq "$rounds"); do
        now=$STATE/$count-$round
        cp -r "$base" "$now"
        sync -f "$now"
        measure probe "$runner" probe --from 127.0.0.1:26363
        for compression in none zstd; do
            compose "$now/$compression" "$compression"
            measure "runner-$compression" "${command[@]}"
        done
        # shellcheck disable=SC2016
        measure neo4j-admin bash -c 'admin "$1"' bash "$now/admin"
    done
    rm -rf "$base"
    cp -r "$now" "$base"
done

echo "an increment of 1 GB, in a cgroup of 32 MiB where one can be made"
results=$STATE/results-1GB
for _ in $(seq 256); do cypher "$leader" "CREATE (:Blob {text: reduce(s = 'x', k IN range(1, 22) | s + s)})" > /dev/null; done
cypher "$leader" "MATCH (c:Counter {id: 1}) SET c.n = c.n + 1" > /dev/null
last=$(cypher "$leader" "MATCH (c:Counter) RETURN sum(c.n)")
await 300 "the replica to catch up" caught_up
within=()
! make_cgroup 32 || within=("$here/within.sh" "$cgroup")
for round in $(seq "$rounds"); do
    now=$STATE/1GB-$round
    cp -r "$base" "$now"
    sync -f "$now"
    for compression in none zstd; do
        compose "$now/$compression" "$compression"
        measure "1GB-$compression" "${within[@]}" "${command[@]}"
    done
    du -sm "$now/none" "$base/none"
    rm -rf "$now"
done
for count in 1 10000 100000; do
    echo "$count transactions:"
    python3 "$here/summary.py" "$STATE/results-$count" probe neo4j-admin
done
echo "1 GB:"
python3 "$here/summary.py" "$STATE/results-1GB" 1GB-none
