#!/usr/bin/env bash
# Proves backups against a real Neo4j 3.4.10 causal cluster on loopback: full copies from the read replica while clients
# write, restored into a fresh single server that must start, count at least what was committed before the run, and pass the
# official consistency check; the same restored by hand, and out of a bucket; and the outcomes that real servers give.
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
"$runner" probe --from 127.0.0.1:26363 --output json | grep '"role":"ReadReplica"' > /dev/null || die "JSON"
expect 30 NotCatchupServer "$runner" probe --from 127.0.0.1:27473
expect 30 SourceSpeaksClearText "$runner" probe --from 127.0.0.1:26363 --tls-verification none

step "clients write while backups run"
# With a pause after each: as fast as it goes, it would take a processor from what is tested, and prove no more.
(
    for i in $(seq 3000); do
        cypher "$leader" "CREATE (:Marker {n: $i})" > /dev/null || exit 0
        sleep 0.05
    done
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

step "a backup goes only into a place that was initialised"
b=("$runner" backup --output json --source prod --database graph.db --to "$STATE/repository")
expect 20 StorageUnavailable "${b[@]}" --from 127.0.0.1:26363
[ ! -e "$STATE/repository" ] || die "a directory was made unasked"
mkdir "$STATE/repository"
expect 30 StorageNotInitialized "${b[@]}" --from 127.0.0.1:26363
touch "$STATE/repository/something"
expect 30 StorageNotInitialized "$runner" init --in "$STATE/repository"
rm "$STATE/repository/something"
"$runner" init --in "$STATE/repository" | sed 's/^/   /'
[ "$("$runner" init --in "$STATE/repository")" = "$("$runner" init --in "$STATE/repository")" ] || die "a repository got another id"

chains=()
for round in "none 1" "zstd 4"; do
    read -r compression connections <<< "$round"
    before=$(cypher 3 "MATCH (n) RETURN count(n)")
    step "full backup, compression $compression, $connections connections, $before nodes committed"
    "${b[@]}" --from 127.0.0.1:26363 --compression "$compression" --connections "$connections" > "$STATE/report"
    [ "$(checkpoints)" -gt "$checkpoints" ] || die "a backup shows no checkpoint in the log, so its absence proves nothing"
    chains+=("$(chain_of "$STATE/report")")
    restore_and_check "${chains[-1]}" "$before"
done
step "a backup from a core's transaction port, behind an address that refuses"
"${b[@]}" --from 127.0.0.1:1,127.0.0.1:26001 > /dev/null
kill "$writer" 2> /dev/null || true
writer=

step "list and verify"
"$runner" list --in "$STATE/repository"
[ "$("$runner" verify --in "$STATE/repository" | grep -c '^ok ')" = 3 ] || die "verify"

step "what the script of docs/restore-by-hand.md restores is what the runner restores, and a server starts on it"
awk '/^```bash$/ {script = 1; next} /^```$/ {script = 0} script' "$here/../../docs/restore-by-hand.md" > "$STATE/restore.sh"
# head_of CHAIN: the path of its only head
head_of() { find "$STATE/repository/prod/graph.db/heads" -name "$1-*.json"; }
for chain in "${chains[@]}"; do
    rm -rf "$single" "$STATE/by-runner"
    write_conf "$single" SINGLE 4
    mkdir -p "$single/data/databases"
    bash "$STATE/restore.sh" "$STATE/repository/prod/graph.db" "$single/data/databases/graph.db" "$(basename "$(head_of "$chain")")"
    "$runner" restore --in "$STATE/repository" --source prod --database graph.db --chain "$chain" --to "$STATE/by-runner" > /dev/null
    diff -r "$STATE/by-runner" "$single/data/databases/graph.db" || die "restored by hand, chain $chain differs"
done
start_server "$single"
await 90 "the server that was restored by hand" curl -sf -m 2 http://127.0.0.1:27474/
[ "$(cypher 4 "MATCH (n:Person) RETURN count(n)")" = 20000 ] || die "not all nodes were restored by hand"
check_restored

step "a damaged block is found, and not restored; on what a restore leaves that was cut off, no server starts"
# The block that is read last, so that something is restored before it: the index names blocks in the order they are read.
chain=${chains[0]}
blocks=$(echo "$STATE/repository/prod/graph.db/chains/$chain"/*/blocks)
jq -r '.index[].block' "$(head_of "$chain")" | while read -r number; do cat "$blocks/$(printf %08d "$number")"; done |
    zstd -dcq | jq -r '.block.number // empty' > "$STATE/numbers"
[ "$(wc -l < "$STATE/numbers")" -gt 1 ] || die "all is in one block, so nothing is restored before the damage"
victim=$blocks/$(printf %08d "$(tail -n 1 "$STATE/numbers")")
byte=$(dd if="$victim" bs=1 skip=40 count=1 status=none | od -An -tu1)
printf '%b' "\\x$(printf %02x $((byte ^ 1)))" | dd of="$victim" bs=1 seek=40 conv=notrunc status=none
expect 40 ArtifactDamaged "$runner" verify --in "$STATE/repository"
grep -q "^DAMAGED .*$chain.*${victim##*/}" "$STATE/out" || die "the damaged block is not named: $(cat "$STATE/out")"
[ "$(grep -c '^ok ' "$STATE/out")" = 2 ] || die "the damage is not told of one backup alone: $(cat "$STATE/out")"
half=$STATE/half
write_conf "$half" SINGLE 4
mkdir -p "$half/data/databases"
expect 40 ArtifactDamaged "$runner" restore --in "$STATE/repository" --source prod --database graph.db --chain "$chain" \
    --to "$half/data/databases/graph.db"
[ -n "$(find "$half" -name 'neostore.*.db*' -type f)" ] || die "nothing was restored before the damage"
start_server "$half"
has_ended() { ! kill -0 "$(cat "$half/pid")" 2> /dev/null; }
await 90 "the server to refuse" has_ended
grep -q 'graph.db/neostore (Is a directory)' "$half/out.log" || die "it did not refuse for the directory: $(tail -n 5 "$half/out.log")"

step "a backup into a bucket, and its restore from there"
# shellcheck source=tests/servers/minio.sh
. "$here/minio.sh"
minio bucket
wait_for "http://127.0.0.1:$port/minio/health/live"
s3_request PUT "http://127.0.0.1:$port/backups"
write_keys "$STATE/keys"
at=(--s3-endpoint "http://127.0.0.1:$port" --allow-insecure --s3-bucket backups --s3-prefix neo4j --credentials-dir "$STATE/keys")
in_bucket=("$runner" backup --output json --from 127.0.0.1:26363 --source prod --database graph.db --connections 4 "${at[@]}")
expect 30 StorageNotInitialized "${in_bucket[@]}"
"${in_bucket[@]}" --init > "$STATE/report"
[ "$("$runner" list "${at[@]}" --output json | jq -r .chain)" = "$(chain_of "$STATE/report")" ] || die "the backup is not listed"
[ "$("$runner" verify "${at[@]}" | grep -c '^ok ')" = 1 ] || die "verify"
rm -rf "$single"
write_conf "$single" SINGLE 4
mkdir -p "$single/data/databases"
"$runner" restore "${at[@]}" --source prod --database graph.db --to "$single/data/databases/graph.db"
start_server "$single"
await 90 "the server that was restored from a bucket" curl -sf -m 2 http://127.0.0.1:27474/
[ "$(cypher 4 "MATCH (n) RETURN count(n)")" = "$(cypher 3 "MATCH (n) RETURN count(n)")" ] || die "the counts differ"
check_restored

step "the outcomes that servers give"
expect 20 SourceUnreachable "${b[@]}" --from 127.0.0.1:1
expect 20 SourceNameNotResolved "${b[@]}" --from no-such-host.invalid:6362
expect 30 NotCatchupServer "${b[@]}" --from 127.0.0.1:27473
expect 30 NotCatchupServer "${b[@]}" --from 127.0.0.1:27001
expect 30 SourceSpeaksClearText "${b[@]}" --from 127.0.0.1:26363 --tls-verification none
expect 10 InvalidRunSpec "${b[@]}" --from 127.0.0.1:26363 --connections 99
expect 10 TargetNotEmpty "$runner" restore --in "$STATE/repository" --source prod --database graph.db --to "$single/data/databases/graph.db"
[ "$("$runner" list --in "$STATE/repository" --output json | wc -l)" = 3 ] || die "a failed backup shows in the list"

step "another database under the same source name is refused"
# The servers have ended before their directories go: a member that is still writing would bring files back.
stop_all
rm -rf "$STATE/1" "$STATE/2" "$STATE/3"
start_cluster
expect 30 SourceIdentityChanged "${b[@]}" --from 127.0.0.1:26363

if [ "$(id -u)" = 0 ]; then
    step "a full and a read-only volume"
    mkdir "$STATE/small"
    mount -t tmpfs -o size=64k tmpfs "$STATE/small"
    trap 'umount "$STATE/small" 2> /dev/null; cleanup' EXIT
    cypher "$leader" "UNWIND range(1,2000) AS i CREATE (:Person {id:i, name:'person ' + i})" > /dev/null
    s=("$runner" backup --from 127.0.0.1:26363 --source prod --database graph.db --compression none --to "$STATE/small" --init)
    expect 30 StorageFull "${s[@]}"
    [ "$("$runner" list --in "$STATE/small" --output json | wc -l)" = 0 ] || die "a half-written backup shows in the list"
    mount -o remount,ro "$STATE/small"
    expect 30 StorageReadOnly "${s[@]}"
fi
step "done"
