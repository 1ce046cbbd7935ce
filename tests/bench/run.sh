#!/usr/bin/env bash
# Times full backups side by side from the same read replica, alternating, process start to exit, with fsync: a client that
# only receives, our runner without compression and with zstd, the official neo4j-admin, and `cp -r` with `sync -f`.
#   tests/bench/run.sh BUILD_DIR [NODES] [ROUNDS]      NODES 0: an almost empty store; 3000000: about 1.1 GB
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(realpath "${1:?usage: run.sh BUILD_DIR [NODES] [ROUNDS]}")/bin
nodes=${2:-3000000}
rounds=${3:-3}
STATE=$(mktemp -d)
export STATE
# shellcheck source=tests/servers/cluster.sh
. "$here/../servers/cluster.sh"
trap 'stop_all; rm -rf "$STATE"' EXIT
trap 'exit 143' TERM INT

if [ "$nodes" -gt 0 ]; then
    echo "importing $nodes nodes and $((2 * nodes)) relationships"
    mkdir -p "$STATE/import/conf"
    : > "$STATE/import/conf/neo4j.conf"
    awk -v n="$nodes" 'BEGIN {print ":ID,name,number:long"; for (i = 0; i < n; i++) print i ",person number " i "," i}' > "$STATE/nodes.csv"
    awk -v n="$nodes" 'BEGIN {print ":START_ID,:END_ID,:TYPE,since:long"; for (i = 0; i < n; i++) {print i "," (i * 7 + 1) % n ",KNOWS," i; print i "," (i * 13 + 5) % n ",LIKES," i}}' > "$STATE/relationships.csv"
    NEO4J_HOME=$STATE/import NEO4J_CONF=$STATE/import/conf "$java" -Xmx2g -cp "$cache/neo4j/lib/*" \
        org.neo4j.commandline.admin.AdminTool import --nodes "$STATE/nodes.csv" --relationships "$STATE/relationships.csv" > "$STATE/import.log" 2>&1
    for n in 1 2; do
        mkdir -p "$STATE/$n/data/databases"
        cp -r "$STATE/import/data/databases/graph.db" "$STATE/$n/data/databases/"
    done
    rm -rf "$STATE/import" "$STATE"/*.csv
fi
start_cluster
mkdir -p "$STATE/admin/conf" "$STATE/admin-backups"
: > "$STATE/admin/conf/neo4j.conf"

# measure NAME COMMAND...: a line with wall s, CPU s and peak RSS in MiB
measure() {
    python3 - "$@" <<'PY'
import os, sys, time
name, command = sys.argv[1], sys.argv[2:]
start = time.monotonic()
pid = os.fork()
if pid == 0:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.execvp(command[0], command)
_, status, usage = os.wait4(pid, 0)
wall = time.monotonic() - start
if status != 0:
    sys.exit(f"{name}: exit status {os.waitstatus_to_exitcode(status)}")
print(f"{name:<14} {wall:8.3f} {usage.ru_utime + usage.ru_stime:8.3f} {usage.ru_maxrss / 1024:8.1f}", flush=True)
PY
}
printf '%-14s %8s %8s %8s\n' what "wall s" "CPU s" "RSS MiB"
b=("$bin/neo4j-backup-runner" backup --from 127.0.0.1:26363 --source bench --database graph.db --connections 2)
"${b[@]}" --to "$STATE/warm" > /dev/null
rm -rf "$STATE/warm"
for _ in $(seq "$rounds"); do
    measure drain "$bin/drain" 127.0.0.1 26363 2
    measure runner-none "${b[@]}" --to "$STATE/none" --compression none
    measure runner-zstd "${b[@]}" --to "$STATE/zstd" --compression zstd
    NEO4J_HOME=$STATE/admin NEO4J_CONF=$STATE/admin/conf measure neo4j-admin "$java" -cp "$cache/neo4j/lib/*" \
        org.neo4j.commandline.admin.AdminTool backup --from=127.0.0.1:26363 --protocol=catchup \
        --backup-dir="$STATE/admin-backups" --name=one --check-consistency=false
    measure cp+sync bash -c "cp -r '$STATE/none' '$STATE/copy' && sync -f '$STATE/copy'"
    du -sm "$STATE/none" "$STATE/zstd" | sed "s|$STATE/|stored MiB: |"
    rm -rf "$STATE/none" "$STATE/zstd" "$STATE/copy" "$STATE/admin-backups/one"
done
