#!/usr/bin/env bash
# Times full backups of one server's store side by side, alternating: in clear text from its transaction port, in mutual TLS
# from its backup port; first with two cores that server and runner share, then with a core each, as on two machines, and so
# once more at the pace of a volume or network of 250 MB/s. Medians and ratios come last; TLS may cost 1.3 times the time.
#   tests/bench/tls.sh BUILD_DIR [NODES] [ROUNDS]      NODES 5600000: about 1.1 GB
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(realpath "${1:?usage: tls.sh BUILD_DIR [NODES] [ROUNDS]}")/bin
nodes=${2:-5600000}
rounds=${3:-5}
STATE=$(mktemp -d)
PKI=$STATE/pki
export STATE PKI
JVM_OPTIONS= # the source is as fast as in production
mkdir "$PKI"
# shellcheck source=tests/servers/ongdb.sh
. "$here/../servers/ongdb.sh"
# shellcheck source=tests/servers/certificates.sh
. "$here/../servers/certificates.sh"
# shellcheck source=tests/bench/store.sh
. "$here/store.sh"
trap 'stop_all; rm -rf "$STATE"' EXIT
trap 'exit 143' TERM INT

import_store "$nodes" 1 2

authority root
issue root member IP:127.0.0.1
policy_directory "$STATE/policy/backup" member root
cluster_policy=
for n in 1 2; do
    {
        policy backup client_auth=REQUIRE "tls_versions=${TLS_VERSIONS:-TLSv1.2}"
        echo "dbms.netty.ssl.provider=${SSL_PROVIDER:-JDK}"
    } | write_ongdb_conf "$n" CORE backup
    start_ongdb "$STATE/$n" CORE
done
for n in 1 2; do await 180 "member $n" has_started "$STATE/$n"; done
await 60 "a leader" write 1

b=("$bin/neo4j-backup-runner" backup --source bench --database graph.db --init)
declare -A flags=([clear]="--from 127.0.0.1:28601" [tls]="--from 127.0.0.1:28361 --tls $STATE/policy/backup")
# The CPU time that the server has used, in seconds.
server_cpu() { awk -v hz="$(getconf CLK_TCK)" '{print ($14 + $15) / hz}' "/proc/$(cat "$STATE/1/pid")/stat"; }
# back_up HOW COMPRESSION CORES RATE: a line with wall s, CPU s and peak RSS in MiB, and the server's CPU s
back_up() {
    local before line
    before=$(server_cpu)
    # shellcheck disable=SC2086 # flags are words
    line=$(taskset -c "$3" python3 "$here/measure.py" "$1-$2" "${b[@]}" ${flags[$1]} --compression "$2" --bandwidth-limit "$4" --to "$STATE/backup")
    echo "$line $(awk -v a="$before" -v b="$(server_cpu)" 'BEGIN {printf "%8.2f", b - a}')"
    rm -rf "$STATE/backup"
    sync
}
# The server's compiler has its say only after a while.
for _ in 1 2 3; do
    for how in clear tls; do back_up "$how" none 0-1 0 > /dev/null; done
done
median() { awk -v name="$1" '$1 == name {print $2}' "$STATE/results" | sort -n | sed -n "$(((rounds + 1) / 2))p"; }
# compare WHERE CORES [RATE]: bytes a second; 0: as fast as it goes
compare() {
    local compression how slow fast
    rm -f "$STATE/results"
    echo "$1"
    printf '%-14s %8s %8s %8s %8s\n' what "wall s" "CPU s" "RSS MiB" "server"
    for compression in zstd none; do
        for _ in $(seq "$rounds"); do
            for how in clear tls; do back_up "$how" "$compression" "$2" "${3:-0}" | tee -a "$STATE/results"; done
        done
    done
    for compression in zstd none; do
        slow=$(median "tls-$compression") fast=$(median "clear-$compression")
        echo "$1, compression $compression: clear $fast s, TLS $slow s, ratio $(awk "BEGIN {printf \"%.2f\", $slow / $fast}")"
    done
}
compare "server and runner share two cores" 0-1
for n in 1 2; do taskset -apc 0 "$(cat "$STATE/$n/pid")" > /dev/null; done
compare "a core each" 1
compare "a core each, at 250 MB/s" 1 250000000
