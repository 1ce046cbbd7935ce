#!/usr/bin/env bash
# Times full backups into MinIO on loopback, alternating, process start to exit: a client that only receives, rclone with the store's
# files and with the blocks of a backup (the same bytes, from the page cache), and our runner without compression and with zstd.
# Then the runner within memory limits: zstd in 128 MiB, zstd over one connection in 48 MiB, and onto a volume in 32 MiB.
# Exit 1 when the runner takes more than 1.15 times the slower of receiver and rclone, or more than 64 MiB in 128 MiB.
#   tests/bench/s3.sh BUILD_DIR [NODES] [ROUNDS]      NODES 5600000: about 1.1 GB
# Beside other servers on the same ports: unshare -n bash -c 'ip link set lo up; tests/bench/s3.sh BUILD_DIR'
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(realpath "${1:?usage: s3.sh BUILD_DIR [NODES] [ROUNDS]}")/bin
nodes=${2:-5600000}
rounds=${3:-3}
STATE=$(mktemp -d)
export STATE
JVM_OPTIONS= # the source is as fast as in production
# shellcheck source=tests/servers/cluster.sh
. "$here/../servers/cluster.sh"
# shellcheck source=tests/servers/steps.sh
. "$here/../servers/steps.sh"
# shellcheck source=tests/servers/minio.sh
. "$here/../servers/minio.sh"
# shellcheck source=tests/bench/store.sh
. "$here/store.sh"
# shellcheck source=tests/bench/cgroups.sh
. "$here/cgroups.sh"
trap 'stop_all; remove_cgroups; rm -rf "$STATE"' EXIT
trap 'exit 143' TERM INT

import_store "$nodes" 1 2
start_cluster
minio minio
endpoint=http://127.0.0.1:$port
wait_for "$endpoint/minio/health/live"
s3_request PUT "$endpoint/backups"
export AWS_ACCESS_KEY_ID=$key_id AWS_SECRET_ACCESS_KEY=$secret

measure() {
    python3 "$here/measure.py" "$@" | tee -a "$STATE/results"
}
b=("$bin/neo4j-backup-runner" backup --from 127.0.0.1:26363 --source bench --database graph.db --init)
bucket=(--s3-endpoint "$endpoint" --allow-insecure --s3-bucket backups)
copy() {
    "$servers/rclone" --config "$STATE/no-configuration" --log-level ERROR copy --transfers 4 "$1" \
        ":s3,provider=Minio,env_auth,endpoint='$endpoint':backups/$2"
}
export -f copy
export servers STATE endpoint
"${b[@]}" --to "$STATE/blocks" --compression none --connections 2 > /dev/null
"$bin/neo4j-backup-runner" restore --in "$STATE/blocks" --source bench --database graph.db --to "$STATE/files" > /dev/null
find "$STATE/blocks" "$STATE/files" -type f -exec cat {} + > /dev/null
printf '%-14s %8s %8s %8s\n' what "wall s" "CPU s" "RSS MiB"
for round in $(seq "$rounds"); do
    # Nothing is removed before the end: whoever creates files right behind would pay for it.
    sync -f "$STATE"
    measure drain "$bin/drain" 127.0.0.1 26363 2
    measure rclone-files bash -c "copy '$STATE/files' files-$round"
    measure rclone-blocks bash -c "copy '$STATE/blocks' blocks-$round"
    measure s3-none "${b[@]}" "${bucket[@]}" --s3-prefix "none-$round" --compression none --connections 2
    measure s3-zstd "${b[@]}" "${bucket[@]}" --s3-prefix "zstd-$round" --compression zstd --connections 2
    if make_cgroup 128; then
        measure s3-zstd-128Mi "$here/within.sh" "$cgroup" "${b[@]}" "${bucket[@]}" --s3-prefix "zstd-128-$round" --compression zstd \
            --connections 2
        make_cgroup 48
        measure s3-zstd-48Mi "$here/within.sh" "$cgroup" "${b[@]}" "${bucket[@]}" --s3-prefix "zstd-48-$round" --compression zstd \
            --connections 1
        make_cgroup 32
        measure volume-none-32Mi "$here/within.sh" "$cgroup" "${b[@]}" --to "$STATE/none-32-$round" --compression none --connections 2
        measure volume-zstd-32Mi "$here/within.sh" "$cgroup" "${b[@]}" --to "$STATE/zstd-32-$round" --compression zstd --connections 2
    fi
done
"$bin/neo4j-backup-runner" verify "${bucket[@]}" --s3-prefix "none-$rounds" > /dev/null
python3 "$here/summary.py" "$STATE/results" drain rclone-files rclone-blocks | tee "$STATE/table"
awk -F '|' '
    {gsub(/ /, "", $2)}
    $2 == "s3-none" {ratio = $6 < $7 ? $6 : $7}
    $2 == "s3-zstd-128Mi" {rss = $5}
    END {if (ratio > 1.15 || rss > 64) {print "beyond its aims: ratio " ratio ", RSS " rss " MiB"; exit 1}}' "$STATE/table"
