#!/usr/bin/env bash
# Proves backups against a real Neo4j 3.4.10 causal cluster on loopback: full copies from the read replica while clients
# write, restored into a fresh single server that must start, count at least what was committed before the run, and pass the
# official consistency check; and the outcomes that real servers give.
#   tests/servers/run.sh RUNNER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
runner=$(realpath "${1:?usage: run.sh RUNNER}")
STATE=$(mktemp -d)
export STATE
# shellcheck source=tests/servers/cluster.sh
. "$here/cluster.sh"
# shellcheck source=tests/servers/steps.sh
. "$here/steps.sh"
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
cypher "$leader" "CREATE INDEX ON :Person(id)" > /dev/null
cypher "$leader" "UNWIND range(1,20000) AS i CREATE (:Person {id:i, name:'person ' + i})" > /dev/null
replica_counts() { [ "$(cypher 3 "MATCH (n) RETURN count(n)")" = "$1" ]; }
await 60 "the replica to catch up" replica_counts 20000

step "a probe tells how each member stands, and changes nothing"
checkpoints() { cat "$STATE"/[123]/logs/debug.log | grep -ci 'check *point.* triggered' || true; }
checkpoints=$(checkpoints)
"$runner" probe --from 127.0.0.1:26361,127.0.0.1:26362,127.0.0.1:26363,127.0.0.1:1 > "$STATE/probe"
sed 's/^/   /' "$STATE/probe"
[ "$(grep -c ' Core ' "$STATE/probe")" = 2 ] || die "two cores"
grep -q '^127.0.0.1:26363 .* ReadReplica  *unknown  *[0-9]' "$STATE/probe" || die "a read replica (ports of one address count as one member, so no lag)"
grep -q '^127.0.0.1:1 .* SourceUnreachable: ' "$STATE/probe" || die "the server that is not there"
grep -q '^3 of 4 members answered$' "$STATE/probe" || die "three of four"
[ "$(checkpoints)" = "$checkpoints" ] || die "a probe made a member checkpoint"
"$runner" probe --from 127.0.0.1:26363 --output json | grep -q '"role":"ReadReplica"' || die "JSON"
expect 30 NotCatchupServer "$runner" probe --from 127.0.0.1:27473
expect 30 SourceSpeaksClearText "$runner" probe --from 127.0.0.1:26363 --tls-verification none

step "clients write while backups run"
(
    for i in $(seq 3000); do cypher "$leader" "CREATE (:Marker {n: $i})" > /dev/null || exit 0; done
) &
writer=$!

# restore_and_check CHAIN LEAST: restores, starts, counts, and checks
restore_and_check() {
    start_restored "$runner" "$1"
    local nodes markers last
    nodes=$(cypher 4 "MATCH (n) RETURN count(n)")
    markers=$(cypher 4 "MATCH (n:Marker) RETURN count(n)")
    last=$(cypher 4 "MATCH (n:Marker) RETURN coalesce(max(n.n), 0)")
    [ "$nodes" -ge "$2" ] || die "$nodes nodes restored, $2 were committed before the backup"
    # Markers were committed one after the other, so a gap would be a lost transaction.
    [ "$markers" = "$last" ] || die "$markers markers restored, the last one is $last"
    [ "$nodes" = $((20000 + markers)) ] || die "$nodes nodes with $markers markers"
    check_restored
    echo "   restored $nodes nodes (at least $2), consistent"
}

for round in "none 1" "zstd 2" "none 4"; do
    read -r compression connections <<< "$round"
    before=$(cypher 3 "MATCH (n) RETURN count(n)")
    step "full backup, compression $compression, $connections connections, $before nodes committed"
    "$runner" backup --from 127.0.0.1:26363 --source prod --database graph.db --to "$STATE/repository" \
        --compression "$compression" --connections "$connections" > "$STATE/report"
    [ "$(checkpoints)" -gt "$checkpoints" ] || die "a backup shows no checkpoint in the log, so its absence proves nothing"
    restore_and_check "$(chain_of "$STATE/report")" "$before"
done
step "a backup from a core's transaction port, behind an address that refuses"
"$runner" backup --from 127.0.0.1:1,127.0.0.1:26001 --source prod --database graph.db --to "$STATE/repository" > /dev/null
kill "$writer" 2> /dev/null || true
writer=

step "list and verify"
"$runner" list --in "$STATE/repository"
[ "$("$runner" verify --in "$STATE/repository" | grep -c '^ok ')" = 4 ] || die "verify"

step "a damaged file is found, and not restored; on what a restore leaves that was cut off, no server starts"
victim=$(find "$STATE/repository" -name 'neostore.nodestore.db.zst' | head -1)
printf 'x' | dd of="$victim" bs=1 seek=40 conv=notrunc status=none
expect 40 ArtifactDamaged "$runner" verify --in "$STATE/repository"
half=$STATE/half chain=${victim#"$STATE/repository/prod/graph.db/"}
write_conf "$half" SINGLE 4
mkdir -p "$half/data/databases"
expect 40 ArtifactDamaged "$runner" restore --in "$STATE/repository" --source prod --database graph.db --chain "${chain%%/*}" \
    --to "$half/data/databases/graph.db"
[ -n "$(find "$half" -name 'neostore.*.db*' -type f)" ] || die "nothing was restored before the damage"
start_server "$half"
has_ended() { ! kill -0 "$(cat "$half/pid")" 2> /dev/null; }
await 90 "the server to refuse" has_ended
grep -q 'graph.db/neostore (Is a directory)' "$half/out.log" || die "it did not refuse for the directory: $(tail -n 5 "$half/out.log")"

step "the outcomes that servers give"
b=("$runner" backup --source prod --database graph.db --to "$STATE/repository")
expect 20 SourceUnreachable "${b[@]}" --from 127.0.0.1:1
expect 20 SourceNameNotResolved "${b[@]}" --from no-such-host.invalid:6362
expect 30 NotCatchupServer "${b[@]}" --from 127.0.0.1:27473
expect 30 NotCatchupServer "${b[@]}" --from 127.0.0.1:27001
expect 30 SourceSpeaksClearText "${b[@]}" --from 127.0.0.1:26363 --tls-verification none
expect 10 InvalidRunSpec "${b[@]}" --from 127.0.0.1:26363 --connections 99
expect 10 TargetNotEmpty "$runner" restore --in "$STATE/repository" --source prod --database graph.db --to "$single/data/databases/graph.db"
[ "$("$runner" list --in "$STATE/repository" --output json | wc -l)" = 4 ] || die "a failed backup shows in the list"

step "another database under the same source name is refused"
# The servers have ended before their directories go: a member that is still writing would bring files back.
stop_all
pids=()
rm -rf "$STATE/1" "$STATE/2" "$STATE/3"
start_cluster
expect 30 SourceIdentityChanged "${b[@]}" --from 127.0.0.1:26363

if [ "$(id -u)" = 0 ]; then
    step "a full and a read-only volume"
    mkdir "$STATE/small"
    mount -t tmpfs -o size=64k tmpfs "$STATE/small"
    trap 'umount "$STATE/small" 2> /dev/null; cleanup' EXIT
    cypher "$leader" "UNWIND range(1,2000) AS i CREATE (:Person {id:i, name:'person ' + i})" > /dev/null
    s=("$runner" backup --from 127.0.0.1:26363 --source prod --database graph.db --compression none --to "$STATE/small")
    expect 30 StorageFull "${s[@]}"
    [ "$("$runner" list --in "$STATE/small" --output json | wc -l)" = 0 ] || die "a half-written backup shows in the list"
    mount -o remount,ro "$STATE/small"
    expect 30 StorageReadOnly "${s[@]}"
fi
step "done"
