#!/usr/bin/env bash
# Sourced by the tests under load: clients that write all the time, members that rotate and prune their logs as hard as they can,
# and what must hold of a backup that was made meanwhile. The caller sets STATE, a directory of its own, and has sourced cluster.sh
# and steps.sh; stop_writer at its end.
: "${STATE:?}"
here_writers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Java that starts fast and leaves the processors to the work: the compiler for peak speed would take the first minute.
export JDK_JAVA_OPTIONS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
# Log files of 1 MB and a check point a second are what pruning needs; how much it leaves is set by prune_logs. By default a replica
# asks for transactions once a second only, and the shortest copies would see no change at all.
# shellcheck disable=SC2034 # start_cluster reads it
MEMBER_SETTINGS="dbms.tx_log.rotation.size=1M
dbms.checkpoint.interval.tx=1000
dbms.checkpoint.interval.time=1s
causal_clustering.pull_interval=100ms"
writers=24
persons=$((writers * 500)) # as writer.py divides them
log=$STATE/acknowledged
writer=

now() { date +%s.%N; }
# seconds_between SINCE UNTIL
seconds_between() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.1f", b - a}'; }
# rate SINCE UNTIL: transactions acknowledged a second between two moments
rate() { awk -v a="$1" -v b="$2" '$1 > a && $1 <= b {n++} END {printf "%d", n / (b - a)}' "$log"; }
# per_writer MEMBER STATEMENT: what a statement that ends in rows w, text gives, as one line "w:text w:text ..." by w
per_writer() {
    cypher "$1" "$2 WITH w, text ORDER BY w RETURN reduce(s = '', x IN collect(w + ':' + text) | s + x + ' ')" | tr -d '"'
}
counters() { per_writer "$1" "MATCH (v:Writer) WITH v.id AS w, v.n AS text"; }
# shellcheck disable=SC2154 # start_cluster sets leader
same_counters() { [ "$(counters 3)" = "$(counters "$leader")" ]; }
sum_of_counters() { tr ' ' '\n' <<< "$1" | awk -F : '{n += $2} END {print n}'; }

# create_written: the nodes that the clients change, once the cluster has its leader
create_written() {
    local index
    for index in Person.id Person.name Marker.n Note.key Writer.id; do
        cypher "$leader" "CREATE INDEX ON :${index%.*}(${index#*.})" > /dev/null
    done
    cypher "$leader" "UNWIND range(0, $persons - 1) AS i CREATE (:Person {id: i, name: 'person ' + i, about: 'about', scores: [i]})" > /dev/null
    cypher "$leader" "UNWIND range(0, $writers - 1) AS i CREATE (:Writer {id: i, n: 0})" > /dev/null
    await 60 "the replica to catch up" same_counters
}

start_writer() {
    : > "$log"
    python3 "$here_writers/writer.py" "$log" 27471 27472 > "$STATE/writer.out" 2>&1 &
    writer=$!
}
stop_writer() {
    [ -n "$writer" ] || return 0
    kill -9 "$writer" 2> /dev/null || true
    wait "$writer" 2> /dev/null || true
    writer=
}
# Restores and checks need the processors, and the database is not to grow without bound.
pause_writer() { kill -STOP "$writer"; }

# prune_logs POLICY: "1 files" and "false" are those that keep least
prune_logs() {
    local member
    for member in 1 2 3; do
        # A core that is not the leader may be the last to answer.
        await 120 "member $member" cypher "$member" "CALL dbms.setConfigValue('dbms.tx_log.rotation.retention_policy', '$1')"
    done
}
# log_versions: of the log files that the source has
log_versions() { find "$STATE/3/data/databases/graph.db" -name 'neostore.transaction.db.*' | sed 's/.*\.//' | sort -n; }

# check_written BEFORE: what member 4 was restored from holds all that the counters BEFORE tell, without gaps, and is consistent;
# ends that server. Sets after, the counters that were restored.
check_written() {
    local markers
    after=$(counters 4)
    # Writer by writer: as many markers as the highest, each once, and that is the counter: nothing is missing in between.
    markers=$(per_writer 4 "MATCH (m:Marker) WITH m.writer AS w, count(m) AS c, count(DISTINCT m.n) AS d, max(m.n) AS text WHERE c = text AND d = text")
    [ "$markers" = "$after" ] || die "gaps: markers $markers, counters $after"
    paste -d : <(tr ' ' '\n' <<< "$1") <(tr ' ' '\n' <<< "$after") |
        awk -F : 'NF == 4 {if ($1 != $3 || $4 < $2) exit 1; n++} END {exit n != '"$writers"'}' ||
        die "transactions are missing: before the backup $1, restored $after"
    [ "$(cypher 4 "MATCH (p:Person) RETURN count(p)")" = "$persons" ] || die "persons are missing"
    check_restored
    echo "   restored $(sum_of_counters "$after") transactions, at least $(sum_of_counters "$1"), consistent"
}
