#!/usr/bin/env bash
# Proves increments against a real Neo4j 3.4.10 causal cluster on loopback, on a volume and in a bucket: a full and three increments
# while clients write, with an index, a constraint, deletions and a transaction of some megabytes in between. The chain is restored to
# its end, to the border of an increment, to a point within and to a time; each restored database starts, passes the official consistency
# check, and holds the transactions up to that point and no other. A source that was set back is found out.
#   tests/servers/chain.sh RUNNER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
runner=$(realpath "${1:?usage: chain.sh RUNNER}")
STATE=$(mktemp -d)
export STATE
# shellcheck source=tests/servers/cluster.sh
. "$here/cluster.sh"
# shellcheck source=tests/servers/steps.sh
. "$here/steps.sh"
# shellcheck source=tests/servers/minio.sh
. "$here/minio.sh"
writer=
cleanup() {
    [ -z "$writer" ] || kill "$writer" 2> /dev/null || true
    stop_all
    rm -rf "$STATE"
}
trap cleanup EXIT
trap 'exit 143' TERM INT

step "a cluster of two cores and a read replica forms"
start_cluster
cypher "$leader" "CREATE INDEX ON :Marker(n)" > /dev/null
cypher "$leader" "UNWIND range(1,20000) AS i CREATE (:Person {id:i, name:'person ' + i})" > /dev/null
replica_counts() { [ "$(cypher 3 "MATCH (n:Person) RETURN count(n)")" = "$1" ]; }
await 60 "the replica to catch up" replica_counts 20000
minio bucket
wait_for "http://127.0.0.1:$port/minio/health/live"
s3_request PUT "http://127.0.0.1:$port/backups"
write_keys "$STATE/keys"
volume=(--in "$STATE/repository")
bucket=(--s3-endpoint "http://127.0.0.1:$port" --allow-insecure --s3-bucket backups --credentials-dir "$STATE/keys")
"$runner" init "${volume[@]}" > /dev/null
"$runner" init "${bucket[@]}" > /dev/null

# Each marker is a transaction of its own and tells how many came before it. One that was refused, as long as an index is made for
# example, is tried again. With a pause after each: as fast as it goes, it would take a processor from what is tested.
(
    for i in $(seq 100000); do
        sleep 0.05
        until cypher "$leader" "MERGE (m:Marker {n: $i}) ON CREATE SET m.at = timestamp()" > /dev/null 2>&1; do sleep 0.2; done
    done
) &
writer=$!
# add_tail LABEL: 20 transactions, which the replica has
add_tail() {
    local i
    for i in $(seq 20); do cypher "$leader" "CREATE (:$1 {n: $i})" > /dev/null; done
    await 60 "the replica to catch up" has_tail "$1"
}
has_tail() { [ "$(cypher 3 "MATCH (n:$1) RETURN count(n)")" = 20 ]; }

# backup PLACE TYPE: into the volume or the bucket, up to the level $level; the report is in $STATE/report
level=Written
backup() {
    local to=(--to "$STATE/repository")
    [ "$1" = volume ] || to=("${bucket[@]}")
    "$runner" backup --quiet --output json --from 127.0.0.1:26363 --source prod --database graph.db --type "$2" \
        --verify "$level" --on-incremental-impossible fail "${to[@]}" > "$STATE/report" || { cat "$STATE/report" >&2; die "a backup of type $2"; }
}
told() { jq -r "$1" "$STATE/report"; }
declare -A chain=() lowest=() highest=()
both() { # both TYPE NUMBER: into both places; remembers what each artifact holds
    local place
    for place in volume bucket; do
        backup "$place" "$1"
        chain[$place]=$(told .artifact.chain)
        lowest[$place$2]=$(told .artifact.lowestTransaction)
        highest[$place$2]=$(told .artifact.highestTransaction)
        echo "   $place: $(told .message)"
    done
}
step "a full, and three increments while clients write"
both full 0
cypher "$leader" "CREATE CONSTRAINT ON (p:Person) ASSERT p.id IS UNIQUE" > /dev/null
cypher "$leader" "MATCH (p:Person) WHERE p.id % 10 = 0 DELETE p" > /dev/null
add_tail First
both incremental 1
cypher "$leader" "CREATE INDEX ON :Person(name)" > /dev/null
cypher "$leader" "UNWIND range(1,20000) AS i CREATE (:Large {id: i, text: reduce(s = '', x IN range(1, 20) | s + 'text ' + x)})" > /dev/null
add_tail Second
both auto 2
sleep 1
until=$(date -u +%FT%T.%3NZ)
until_ms=$(date -d "$until" +%s%3N)
sleep 1
add_tail Third
level=Chain
both incremental 3
[ "$(told .artifact.level)" = Chain ] || die "the third increment did not reach the level Chain: $(cat "$STATE/report")"
level=Written
kill "$writer" 2> /dev/null || true
writer=
for place in volume bucket; do
    [ "${lowest[${place}3]}" = $((highest[${place}2] + 1)) ] || die "the third increment does not follow the second"
done

step "list and verify"
"$runner" list "${volume[@]}"
for place in volume bucket; do
    # shellcheck disable=SC2178
    declare -n where=$place
    [ "$("$runner" verify "${where[@]}" | grep -c '^ok ')" = 4 ] || die "verify in the $place"
    # Every command that a real server wrote is known, and every store file has a possible size.
    "$runner" verify "${where[@]}" --level Chain --output json > "$STATE/verified" || { cat "$STATE/verified" >&2; die "verify up to Chain in the $place"; }
    [ "$(jq -r .level "$STATE/verified" | sort | uniq -c | xargs)" = "4 Chain" ] || die "not all reached Chain: $(cat "$STATE/verified")"
    [ "$("$runner" list "${where[@]}" | grep -c ' Chain 20')" = 4 ] || die "list does not show the level in the $place"
done

# last_transaction: what the restored server knows as its last one, once it has been stopped
last_transaction() { od -An -tu1 -j 28 -N 8 "$single/data/databases/graph.db/neostore" | awk '{n = 0; for (i = 1; i <= 8; i++) n = n * 256 + $i; print n}'; }
# restored PLACE TRANSACTION [FLAG...]: to exactly there, by that flag; sets last, its newest marker
restored() {
    local markers
    # shellcheck disable=SC2178
    declare -n where=$1
    start_restored "$runner" "${chain[$1]}" "${where[@]}" "${@:3}" --quiet
    markers=$(cypher 4 "MATCH (n:Marker) RETURN count(n)")
    last=$(cypher 4 "MATCH (n:Marker) RETURN coalesce(max(n.n), 0)")
    [ "$markers" = "$last" ] || die "$markers markers restored, the last one is $last"
    check_restored
    [ "$(last_transaction)" = "$2" ] || die "restored up to transaction $(last_transaction), expected $2"
    echo "   $1: exactly transaction $2, $markers markers, consistent"
}
# The property test restores many more.
step "restored to the border of an increment, to a point within, and to the end"
exactly() { restored "$1" "$2" --until-transaction "$2"; } # PLACE TRANSACTION
exactly volume "${lowest[volume3]}"
# Of the third increment, not of the first: a constraint takes two transactions, and between them the check finds an index without it.
exactly bucket $(((lowest[bucket3] + highest[bucket3]) / 2))
exactly bucket "${highest[bucket3]}"

step "restored to a time within an increment: what was committed until then, and no more"
at=$("$runner" restore "${volume[@]}" --source prod --database graph.db --to "$STATE/none" --until "$until" --dry-run --output json | jq .highestTransaction)
if [ "$at" -lt "${lowest[volume3]}" ] || [ "$at" -ge "${highest[volume3]}" ]; then die "transaction $at is not within the third increment"; fi
restored volume "$at" --until "$until"
# A marker's own time is that of its transaction's begin, some milliseconds before its commit.
created() { cypher "$leader" "MATCH (n:Marker {n: $1}) RETURN n.at"; }
[ "$(created "$last")" -le "$until_ms" ] || die "marker $last was made after $until"
[ "$(created $((last + 1)))" -gt $((until_ms - 500)) ] || die "marker $((last + 1)) was made long before $until, and is missing"

expect 10 PointOutsideWindow "$runner" restore "${volume[@]}" --source prod --database graph.db --to "$STATE/none" --until-transaction 1
expect 10 PointOutsideWindow "$runner" restore "${volume[@]}" --source prod --database graph.db --to "$STATE/none" --until 2020-01-01T00:00:00Z

step "the same by hand, to the end of the chain"
awk '/^```bash$/ {script = 1; next} /^```$/ {script = 0} script' "$here/../../docs/restore-by-hand.md" > "$STATE/restore.sh"
mapfile -t heads < <(find "$STATE/repository/prod/graph.db/heads" -name '*.json' -printf '%f\n' | sort)
bash "$STATE/restore.sh" "$STATE/repository/prod/graph.db" "$STATE/by-hand" "${heads[@]}"
"$runner" restore "${volume[@]}" --source prod --database graph.db --to "$STATE/by-runner" > /dev/null
diff -r "$STATE/by-runner" "$STATE/by-hand" || die "restored by hand, the chain differs"

step "nothing new: done, and nothing is made"
backup volume incremental
newest=$(told .artifact.highestTransaction)
backup volume incremental
[ "$(told .upToDate.chain)" = "${chain[volume]}" ] || die "not up to date: $(cat "$STATE/report")"
listed=$("$runner" list "${volume[@]}" --output json | wc -l)
backup volume auto
[ "$("$runner" list "${volume[@]}" --output json | wc -l)" = "$listed" ] || die "something was made"

step "the source is set back to an older point, and goes on: an increment is refused, and Auto makes a full that says so"
point=$((lowest[volume3] + 1))
stop_all
rm -rf "$STATE/3/data"
# As docs/restore.md tells it: each core is seeded from a restore of its own, on which a single server ran once.
for n in 1 2; do
    rm -rf "$STATE/$n/data"
    start_restored "$runner" "${chain[volume]}" "${volume[@]}" --until-transaction "$point" > /dev/null
    markers=$(cypher 4 "MATCH (n:Marker) RETURN count(n)")
    stop_server "$single"
    mkdir -p "$STATE/$n/data/databases"
    mv "$single/data/databases/graph.db" "$STATE/$n/data/databases/"
done
start_cluster
has_markers() { [ "$(cypher "$1" "MATCH (n:Marker) RETURN count(n)")" = "$markers" ]; }
# The core that does not lead may be the last to answer.
for n in 1 2 3; do await 120 "member $n" has_markers "$n" || die "member $n of the seeded cluster has not the $markers markers"; done
# So many that the source is beyond the chain's end again: only then can its history differ there.
for i in $(seq $((newest - point + 20))); do cypher "$leader" "CREATE (:Other {n: $i})"; done > /dev/null
set_back=(--output json --from 127.0.0.1:26363 --source prod --database graph.db --to "$STATE/repository")
expect 30 HistoryDiverged "$runner" backup "${set_back[@]}" --type incremental --on-incremental-impossible fail
"$runner" backup "${set_back[@]}" --type auto > "$STATE/report"
[ "$(told .unexpectedFull.reason)/$(told .artifact.kind)" = HistoryDiverged/Full ] || die "no full that says why: $(cat "$STATE/report")"
step "done"
