#!/usr/bin/env bash
# Proves backups under a write load against a real Neo4j 3.4.10 causal cluster on loopback. Clients commit at least RATE
# transactions a second during every backup that counts; each is restored, starts, holds every transaction that the source held
# before the run began, without gaps, and passes the official consistency check. Then the same with members that rotate and
# prune their logs as hard as they can, from copies that last many rotations.
#   tests/servers/load.sh RUNNER [BACKUPS=30 [RATE=500]]
# A lower RATE is for machines that others use as well; what is proved is the same, only with fewer transactions.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
runner=$(realpath "${1:?usage: load.sh RUNNER [BACKUPS]}")
backups=${2:-30}
STATE=$(mktemp -d)
export STATE
JVM_OPTIONS= # the load lasts, so the better compiler pays
# shellcheck source=tests/servers/cluster.sh
. "$here/cluster.sh"
# shellcheck source=tests/servers/steps.sh
. "$here/steps.sh"
# shellcheck source=tests/servers/writers.sh
. "$here/writers.sh"
least_rate=${3:-500}
spare_rate=$((least_rate * 7 / 5)) # what the clients must reach before a backup begins, which itself needs a processor
least_limit=$((64 << 10)) # bytes a second; the runner takes no lower limit
bulk=50000 # nodes that nobody changes
cleanup() {
    stop_writer
    stop_all
    rm -rf "$STATE"
}
trap cleanup EXIT
trap 'exit 143' TERM INT

fast_enough() {
    local start
    kill -0 "$writer" || return 1
    start=$(now)
    sleep 1
    speed=$(rate "$start" "$(now)")
    [ "$speed" -ge "$spare_rate" ]
}
resume_writer() {
    kill -CONT "$writer"
    sleep 1 # so that the two seconds over which a short backup is measured begin at full speed
    await 180 "a rate of $spare_rate transactions a second" fast_enough ||
        { cat "$STATE/writer.out" >&2; die "the clients do not reach $spare_rate transactions a second on this machine"; }
}

# back_up CONNECTIONS COMPRESSION LIMIT: one backup while clients write. A limit of "slow BYTES" is that of a copy which the pruning
# of logs overtakes while clients commit 700 transactions a second. With fewer, logs are pruned more slowly, and so is the copy made,
# down to the lowest limit that the runner takes: at that limit, a copy of these 12 MB still lasts three minutes.
# Sets outcome (Completed or the reason), reached, the rate over it, and over at least two seconds up to its end, newest, the log file
# that the source wrote when it began, and oldest, the first that it had left in the end.
back_up() {
    local start end limit=$3 code=0
    resume_writer
    if [ "${limit% *}" = slow ]; then
        limit=$((${limit#* } * (speed < 700 ? speed : 700) / 700))
        [ "$limit" -ge "$least_limit" ] || limit=$least_limit
    fi
    before=$(counters 3)
    newest=$(log_versions | tail -n 1)
    start=$(now)
    "$runner" backup --quiet --output json --from 127.0.0.1:26363 --source prod --database graph.db --to "$STATE/repository" \
        --connections "$1" --compression "$2" --bandwidth-limit "$limit" > "$STATE/report" 2> "$STATE/err" || code=$?
    end=$(now)
    oldest=$(log_versions | sed -n 1p)
    pause_writer
    reached=$(rate "$(awk -v a="$start" -v b="$end" 'BEGIN {printf "%.6f", a < b - 2 ? a : b - 2}')" "$end")
    outcome=Completed
    [ "$code" = 0 ] || outcome=$(sed -n 's/^error: \([A-Za-z]*\): .*/\1/p' "$STATE/err")
    echo "   $outcome in $(seconds_between "$start" "$end") s at $reached transactions a second:" \
        "$(sed -n 's/.*"message":"\([^"]*\)".*/\1/p' "$STATE/report")"
}

# check_backup: restores what back_up made, and holds it against the counters that the source had before
check_backup() {
    start_restored "$runner" "$(chain_of "$STATE/report")" > /dev/null
    check_written "$before"
}

# round CONNECTIONS COMPRESSION LIMIT: back_up, which must succeed, and check_backup; again when the machine was too slow for the
# asked load meanwhile, but not often
slow=0
made=0
round() {
    while true; do
        back_up "$@"
        [ "$outcome" = Completed ] || die "$outcome"
        check_backup
        made=$((made + 1))
        [ "$reached" -lt "$least_rate" ] || return 0
        echo "   less than $least_rate transactions a second: this one does not count"
        slow=$((slow + 1))
        [ "$slow" -le $((1 + backups / 3)) ] || die "this machine does not sustain $least_rate transactions a second"
    done
}
listed() { "$runner" list --in "$STATE/repository" --output json | jq -c 'select(.kind != "Unfinished")' | wc -l; }

step "a cluster of two cores and a read replica forms"
start_cluster
cypher "$leader" "UNWIND range(1, $bulk) AS i CREATE (:Bulk {text: 'more than fits into the record of a property, so that it has a place of its own ' + i})" > /dev/null
create_written
"$runner" init --in "$STATE/repository" > /dev/null
start_writer
# Connections, compression, bytes a second (0: as fast as it goes, less than a second; else some seconds).
ways=("1 zstd 4Mi" "1 none 0" "4 zstd 4Mi" "4 none 0" "1 zstd 0" "1 none 4Mi" "4 zstd 0" "4 none 4Mi")
for i in $(seq "$backups"); do
    read -ra how <<< "${ways[i % 8]}"
    step "backup $i of $backups: connections ${how[0]}, compression ${how[1]}, bandwidth limit ${how[2]}"
    round "${how[@]}"
done
hard=$(((backups + 2) / 3))
for i in $(seq "$hard"); do
    # The policies that keep least, each for half of the backups.
    policy="1 files"
    [ $((i * 2)) -le "$hard" ] || policy=false
    prune_logs "$policy"
    read -ra how <<< "${ways[i % 8]}"
    step "backup $i of $hard while logs are pruned ($policy): connections ${how[0]}, compression ${how[1]}, bandwidth limit of at most 2Mi"
    round "${how[@]:0:2}" "slow $((2 << 20))"
    echo "   the log was at file $newest, and in the end began at file $oldest"
    [ "$oldest" -gt "$newest" ] || die "pruning did not overtake the copy, so this proves nothing"
done

step "a copy that is slower than the log grows ends with the reason, and leaves nothing"
back_up 4 none "slow $((128 << 10))"
[ "$outcome" = SourceLogPruned ] || die "$outcome"
[ "$(listed)" = "$made" ] || die "$(listed) backups are listed"
[ "$(find "$STATE/repository" -name 'intent-*.json' | wc -l)" = "$made" ] || die "data is left behind"
[ "$(find "$STATE/repository" -path '*/blocks/*' -printf '%h\n' | sort -u | wc -l)" = "$made" ] || die "blocks are left behind"
step "done: $backups backups, and $hard while logs were pruned; $slow more while the clients were too slow"
