#!/usr/bin/env bash
# Times full backups side by side from the same read replica, alternating, process start to exit, with fsync: a client that
# only receives, our runner without compression and with zstd, the official neo4j-admin, and `cp -r` with `sync -f`.
# The same again in a cgroup of 64 MiB, as a pod with limits.memory: 64Mi. Medians and ratios come last.
#   tests/bench/run.sh BUILD_DIR [NODES] [ROUNDS]      NODES 0: an almost empty store; 5600000: about 1.1 GB
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(realpath "${1:?usage: run.sh BUILD_DIR [NODES] [ROUNDS]}")/bin
nodes=${2:-5600000}
rounds=${3:-3}
STATE=$(mktemp -d)
export STATE
# shellcheck source=tests/servers/cluster.sh
. "$here/../servers/cluster.sh"
# shellcheck source=tests/bench/store.sh
. "$here/store.sh"
cgroup=
trap 'stop_all; [ -z "$cgroup" ] || rmdir "$cgroup"; rm -rf "$STATE"' EXIT
trap 'exit 143' TERM INT

[ "$nodes" -eq 0 ] || import_store "$nodes" 1 2
start_cluster
mkdir -p "$STATE/admin/conf" "$STATE/admin-backups"
: > "$STATE/admin/conf/neo4j.conf"

# limited COMMAND...: in a cgroup of 64 MiB (v1 or v2), page cache and all, as a kubelet would set it
limited() {
    bash -c 'echo $$ > "$0/cgroup.procs"; exec "$@"' "$cgroup" "$@"
}
make_cgroup() {
    local root=/sys/fs/cgroup file=memory.max
    if [ -d /sys/fs/cgroup/memory ]; then root=/sys/fs/cgroup/memory file=memory.limit_in_bytes; fi
    [ -w "$root" ] || { echo "no cgroup can be made here, so the rows with 64Mi are left out"; return; }
    cgroup=$root/n4b-bench-$$
    mkdir "$cgroup"
    echo $((64 << 20)) > "$cgroup/$file"
}
export -f limited
make_cgroup
export cgroup

# measure NAME COMMAND...: a line with wall s, CPU s and peak RSS in MiB
measure() {
    python3 "$here/measure.py" "$@" | tee -a "$STATE/results"
}
printf '%-14s %8s %8s %8s\n' what "wall s" "CPU s" "RSS MiB"
b=("$bin/neo4j-backup-runner" backup --from 127.0.0.1:26363 --source bench --database graph.db --connections 2 --init)
"${b[@]}" --to "$STATE/warm" > /dev/null
rm -rf "$STATE/warm"
for _ in $(seq "$rounds"); do
    measure drain "$bin/drain" 127.0.0.1 26363 2
    measure runner-none "${b[@]}" --to "$STATE/none" --compression none
    measure runner-zstd "${b[@]}" --to "$STATE/zstd" --compression zstd
    if [ -n "$cgroup" ]; then
        measure none-64Mi bash -c 'limited "$@"' - "${b[@]}" --to "$STATE/limited-none" --compression none
        measure zstd-64Mi bash -c 'limited "$@"' - "${b[@]}" --to "$STATE/limited-zstd" --compression zstd
        rm -rf "$STATE/limited-none" "$STATE/limited-zstd"
    fi
    NEO4J_HOME=$STATE/admin NEO4J_CONF=$STATE/admin/conf measure neo4j-admin "$java" -cp "$cache/neo4j/lib/*" \
        org.neo4j.commandline.admin.AdminTool backup --from=127.0.0.1:26363 --protocol=catchup \
        --backup-dir="$STATE/admin-backups" --name=one --check-consistency=false
    measure cp+sync bash -c "cp -r '$STATE/none' '$STATE/copy' && sync -f '$STATE/copy'"
    du -sm "$STATE/none" "$STATE/zstd" | sed "s|$STATE/|stored MiB: |"
    rm -rf "$STATE/none" "$STATE/zstd" "$STATE/copy" "$STATE/admin-backups/one"
done
python3 "$here/summary.py" "$STATE/results"
