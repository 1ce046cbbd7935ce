#!/usr/bin/env bash
# Times full backups and restores side by side from the same read replica, alternating, process start to exit, with fsync: a client
# that only receives, our runner without compression and with zstd, the same in a cgroup of 64 MiB (as a pod with limits.memory:
# 64Mi), the restores of both, `cp -r` of the uncompressed one with `sync -f`, and backup and restore of the official neo4j-admin.
# Medians and ratios come last.
#   tests/bench/run.sh BUILD_DIR [NODES] [ROUNDS]      NODES 0: an almost empty store; 5600000: about 1.1 GB
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(realpath "${1:?usage: run.sh BUILD_DIR [NODES] [ROUNDS]}")/bin
nodes=${2:-5600000}
rounds=${3:-3}
STATE=$(mktemp -d)
export STATE
JVM_OPTIONS= # the source is as fast as in production
# shellcheck source=tests/servers/cluster.sh
. "$here/../servers/cluster.sh"
# shellcheck source=tests/bench/store.sh
. "$here/store.sh"
# shellcheck source=tests/bench/cgroups.sh
. "$here/cgroups.sh"
trap 'stop_all; remove_cgroups; rm -rf "$STATE"' EXIT
trap 'exit 143' TERM INT

[ "$nodes" -eq 0 ] || import_store "$nodes" 1 2
start_cluster
mkdir -p "$STATE/admin/conf" "$STATE/admin-backups"
: > "$STATE/admin/conf/neo4j.conf"
make_cgroup 64 || echo "no cgroup can be made here, so the rows with 64Mi are left out"

# measure NAME COMMAND...: a line with wall s, CPU s and peak RSS in MiB
measure() {
    python3 "$here/measure.py" "$@" | tee -a "$STATE/results"
}
printf '%-14s %8s %8s %8s\n' what "wall s" "CPU s" "RSS MiB"
runner=$bin/neo4j-backup-runner
b=("$runner" backup --from 127.0.0.1:26363 --source bench --database graph.db --connections 2 --init)
"${b[@]}" --to "$STATE/warm" > /dev/null
for round in $(seq "$rounds"); do
    # All is kept until the end: for some minutes ext4 passes over the inodes of files that were removed, and whoever creates files
    # next pays for that.
    now=$STATE/round-$round
    mkdir "$now"
    sync -f "$now"
    measure drain "$bin/drain" 127.0.0.1 26363 2
    measure runner-none "${b[@]}" --to "$now/none" --compression none
    measure runner-zstd "${b[@]}" --to "$now/zstd" --compression zstd
    if [ -n "${cgroup:-}" ]; then
        measure none-64Mi "$here/within.sh" "$cgroup" "${b[@]}" --to "$now/limited-none" --compression none
        measure zstd-64Mi "$here/within.sh" "$cgroup" "${b[@]}" --to "$now/limited-zstd" --compression zstd
    fi
    measure restore "$runner" restore --in "$now/none" --source bench --database graph.db --to "$now/restored"
    measure restore-zstd "$runner" restore --in "$now/zstd" --source bench --database graph.db --to "$now/restored-zstd"
    measure cp+sync bash -c "cp -r --reflink=never '$now/none' '$now/copy' && sync -f '$now/copy'"
    NEO4J_HOME=$STATE/admin NEO4J_CONF=$STATE/admin/conf measure neo4j-admin "$java" -cp "$cache/neo4j/lib/*" \
        org.neo4j.commandline.admin.AdminTool backup --from=127.0.0.1:26363 --protocol=catchup \
        --backup-dir="$STATE/admin-backups" --name="$round" --check-consistency=false
    # shellcheck disable=SC2016
    NEO4J_HOME=$STATE/admin NEO4J_CONF=$STATE/admin/conf measure admin-restore bash -c '"$1" -cp "$2" \
        org.neo4j.commandline.admin.AdminTool restore --from="$3" --database="$4.db" && sync -f "$NEO4J_HOME/data/databases/$4.db"' \
        bash "$java" "$cache/neo4j/lib/*" "$STATE/admin-backups/$round" "$round"
    du -sm "$now/none" "$now/zstd" | sed "s|$now/|stored MiB: |"
done
python3 "$here/summary.py" "$STATE/results" drain cp+sync neo4j-admin admin-restore
