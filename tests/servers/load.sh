#!/usr/bin/env bash
# Proves backups under a write load against a real Neo4j 3.4.10 causal cluster on loopback. Clients commit at least 500
# transactions a second during every backup that counts; each is restored, starts, holds every transaction that the source held
# before the run began, without gaps, and passes the official consistency check. Then the same with members that rotate and
# prune their logs as hard as they can, from copies that last many rotations.
#   tests/servers/load.sh RUNNER [BACKUPS=30]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
runner=$(realpath "${1:?usage: load.sh RUNNER [BACKUPS]}")
backups=${2:-30}
STATE=$(mktemp -d)
export STATE
# shellcheck source=tests/servers/cluster.sh
. "$here/cluster.sh"
# shellcheck source=tests/servers/steps.sh
. "$here/steps.sh"
# Java that starts fast and leaves the processors to the work: the compiler for peak speed would take the first minute.
export JDK_JAVA_OPTIONS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
least_rate=500
spare_rate=700 # what the clients must reach before a backup begins, which itself needs a processor
writers=24
persons=$((writers * 500)) # as writer.py divides them
bulk=50000                 # nodes that nobody changes
log=$STATE/acknowledged
writer=
cleanup() {
    [ -z "$writer" ] || kill -9 "$writer" 2> /dev/null || true
    stop_all
    rm -rf "$STATE"
}
trap cleanup EXIT
trap 'exit 143' TERM INT

now() { date +%s.%N; }
# rate SINCE UNTIL: transactions acknowledged a second between two moments
rate() { awk -v a="$1" -v b="$2" '$1 > a && $1 <= b {n++} END {printf "%d", n / (b - a)}' "$log"; }
# per_writer MEMBER STATEMENT: what a statement that ends in rows w, text gives, as one line "w:text w:text ..." by w
per_writer() {
    cypher "$1" "$2 WITH w, text ORDER BY w RETURN reduce(s = '', x IN collect(w + ':' + text) | s + x + ' ')" | tr -d '"'
}
counters() { per_writer "$1" "MATCH (v:Writer) WITH v.id AS w, v.n AS text"; }
same_counters() { [ "$(counters 3)" = "$(counters "$leader")" ]; }

start_writer() {
    : > "$log"
    python3 "$here/writer.py" "$log" 27471 27472 > "$STATE/writer.out" 2>&1 &
    writer=$!
}
stop_writer() {
    kill -9 "$writer" 2> /dev/null || true
    wait "$writer" 2> /dev/null || true
    writer=
}
# Restores and checks need the processors, and the database is not to grow without bound.
pause_writer() { kill -STOP "$writer"; }
fast_enough() {
    local start
    kill -0 "$writer" || return 1
    start=$(now)
    sleep 1
    [ "$(rate "$start" "$(now)")" -ge "$spare_rate" ]
}
resume_writer() {
    kill -CONT "$writer"
    sleep 1 # so that the two seconds over which a short backup is measured begin at full speed
    await 180 "a rate of $spare_rate transactions a second" fast_enough ||
        { cat "$STATE/writer.out" >&2; die "the clients do not reach $spare_rate transactions a second on this machine"; }
}

# log_versions: of the log files that the source has
log_versions() { find "$STATE/3/data/databases/graph.db" -name 'neostore.transaction.db.*' | sed 's/.*\.//' | sort -n; }

# back_up CONNECTIONS COMPRESSION LIMIT: one backup while clients write; sets outcome (Completed or the reason), reached, the
# rate over it, and over at least two seconds up to its end, newest, the log file that the source wrote when it began, and oldest,
# the first that it had left in the end
back_up() {
    local start end code=0
    resume_writer
    before=$(counters 3)
    newest=$(log_versions | tail -n 1)
    start=$(now)
    "$runner" backup --from 127.0.0.1:26363 --source prod --database graph.db --to "$STATE/repository" \
        --connections "$1" --compression "$2" --bandwidth-limit "$3" > "$STATE/report" 2> "$STATE/err" || code=$?
    end=$(now)
    oldest=$(log_versions | head -n 1)
    pause_writer
    reached=$(rate "$(awk -v a="$start" -v b="$end" 'BEGIN {printf "%.6f", a < b - 2 ? a : b - 2}')" "$end")
    outcome=Completed
    [ "$code" = 0 ] || outcome=$(sed -n 's/^error: \([A-Za-z]*\): .*/\1/p' "$STATE/err")
    echo "   $outcome in $(awk -v a="$start" -v b="$end" 'BEGIN {printf "%.1f", b - a}') s at $reached transactions a second:" \
        "$(sed -n 's/.*"message":"\([^"]*\)".*/\1/p' "$STATE/report")$(sed 's/^error: [A-Za-z]*: //' "$STATE/err")"
}

# check_backup: restores what back_up made, and holds it against the counters that the source had before
check_backup() {
    start_restored "$runner" "$(chain_of "$STATE/report")" > /dev/null
    local after markers
    after=$(counters 4)
    # Writer by writer: as many markers as the highest, each once, and that is the counter: nothing is missing in between.
    markers=$(per_writer 4 "MATCH (m:Marker) WITH m.writer AS w, count(m) AS c, count(DISTINCT m.n) AS d, max(m.n) AS text WHERE c = text AND d = text")
    [ "$markers" = "$after" ] || die "gaps: markers $markers, counters $after"
    paste -d : <(tr ' ' '\n' <<< "$before") <(tr ' ' '\n' <<< "$after") |
        awk -F : 'NF == 4 {if ($1 != $3 || $4 < $2) exit 1; n++} END {exit n != '"$writers"'}' ||
        die "transactions are missing: before the backup $before, restored $after"
    [ "$(cypher 4 "MATCH (p:Person) RETURN count(p)")" = "$persons" ] || die "persons are missing"
    check_restored
    echo "   restored $(cypher_sum "$after") transactions, at least $(cypher_sum "$before"), consistent"
}
cypher_sum() { tr ' ' '\n' <<< "$1" | awk -F : '{n += $2} END {print n}'; }

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
listed() { "$runner" list --in "$STATE/repository" --output json | wc -l; }

step "a cluster of two cores and a read replica forms"
# Log files of 1 MB and a check point a second are what pruning needs; how much it leaves is set later, at run time. By default
# a replica asks for transactions once a second only, and the shortest copies would see no change at all.
MEMBER_SETTINGS="dbms.tx_log.rotation.size=1M
dbms.checkpoint.interval.tx=1000
dbms.checkpoint.interval.time=1s
causal_clustering.pull_interval=100ms"
start_cluster
for index in Person.id Person.name Marker.n Note.key Writer.id; do
    cypher "$leader" "CREATE INDEX ON :${index%.*}(${index#*.})" > /dev/null
done
cypher "$leader" "UNWIND range(1, $bulk) AS i CREATE (:Bulk {text: 'more than fits into the record of a property, so that it has a place of its own ' + i})" > /dev/null
cypher "$leader" "UNWIND range(0, $persons - 1) AS i CREATE (:Person {id: i, name: 'person ' + i, about: 'about', scores: [i]})" > /dev/null
cypher "$leader" "UNWIND range(0, $writers - 1) AS i CREATE (:Writer {id: i, n: 0})" > /dev/null
await 60 "the replica to catch up" same_counters
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
    for member in 1 2 3; do
        cypher "$member" "CALL dbms.setConfigValue('dbms.tx_log.rotation.retention_policy', '$policy')" > /dev/null
    done
    read -ra how <<< "${ways[i % 8]}"
    step "backup $i of $hard while logs are pruned ($policy): connections ${how[0]}, compression ${how[1]}, bandwidth limit 2Mi"
    round "${how[@]:0:2}" 2Mi
    echo "   the log was at file $newest, and in the end began at file $oldest"
    [ "$oldest" -gt "$newest" ] || die "pruning did not overtake the copy, so this proves nothing"
done

step "a copy that is slower than the log grows ends with the reason, and leaves nothing"
back_up 4 none 128Ki
[ "$outcome" = SourceLogPruned ] || die "$outcome"
[ "$(listed)" = "$made" ] || die "$(listed) backups are listed"
[ "$(find "$STATE/repository" -name 'intent-*.json' | wc -l)" = "$made" ] || die "data is left behind"
[ "$(find "$STATE/repository" -path '*/blocks/*' -printf '%h\n' | sort -u | wc -l)" = "$made" ] || die "blocks are left behind"
step "done: $backups backups, and $hard while logs were pruned; $slow more while the clients were too slow"
