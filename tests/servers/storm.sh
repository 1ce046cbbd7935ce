#!/usr/bin/env bash
# Proves what becomes of a backup into a bucket when the storage fails half-way, while clients write to a real Neo4j 3.4.10 causal
# cluster and its members prune their logs as hard as they can. MinIO is killed and comes back, its key is revoked, or exchanged on
# both sides, its bucket is deleted, its disk is filled, and the way to it is throttled, to less than the source sends and to less
# than its log grows; versitygw's users are revoked and exchanged, too. Each fault is survived or ends in its own reason; what ended
# shows in no list, all that is listed verifies, and the next backup succeeds. What was survived, and what comes last, is restored,
# starts, holds every transaction from before, without gaps, and passes the official consistency check.
#   tests/servers/storm.sh RUNNER [NODES=5600000]
# 5600000 nodes: about 1.1 GB. Up to a million nodes what takes long is left out: all restores but the last, and a line that is
# slower than the log grows.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
runner=$(realpath "${1:?usage: storm.sh RUNNER [NODES]}")
nodes=${2:-5600000}
STATE=$(mktemp -d)
export STATE
# shellcheck source=tests/servers/cluster.sh
. "$here/cluster.sh"
# shellcheck source=tests/servers/steps.sh
. "$here/steps.sh"
# shellcheck source=tests/servers/writers.sh
. "$here/writers.sh"
# shellcheck source=tests/servers/minio.sh
. "$here/minio.sh"
# shellcheck source=tests/bench/store.sh
. "$here/../bench/store.sh"
backup=
cleanup() {
    [ -z "$backup" ] || kill -9 "$backup" 2> /dev/null || true
    stop_writer
    stop_all
    umount -l "$STATE/small" "$STATE/small-gateway" 2> /dev/null || true
    rm -rf "$STATE"
}
trap cleanup EXIT
trap 'exit 143' TERM INT
few=1000000  # nodes up to which what takes long is left out
patience=900 # seconds after which a backup that has not ended is killed

# kill_server PID: at once, as a crash does
kill_server() {
    kill -9 "$1"
    wait "$1" 2> /dev/null || true
    forget "$1"
}
# give_keys ID SECRET: into the directory of credentials, both files at once, as a kubelet exchanges those of a Secret
give_keys() {
    local version
    version=$(mktemp -d "$STATE/keys/..XXXXXX")
    echo "$1" > "$version/access-key-id"
    echo "$2" > "$version/secret-access-key"
    ln -s "$(basename "$version")" "$STATE/keys/..new"
    mv -T "$STATE/keys/..new" "$STATE/keys/..data"
}
# use ENDPOINT BUCKET_DIRECTORY: where the next backups go
use() {
    at=(--s3-endpoint "$1" --allow-insecure --s3-bucket backups --credentials-dir "$STATE/keys")
    bucket=$2
}
stored_bytes() { du -sb "$bucket" 2> /dev/null | cut -f 1; }

# begin FLAG...: a backup in the background, at a pace that leaves time for a fault half-way. Sets before, the counters of the source.
begin() {
    kill -0 "$writer" 2> /dev/null || { cat "$STATE/writer.out" >&2; die "the clients have ended"; }
    before=$(counters 3)
    newest=$(log_versions | tail -n 1)
    stored_before=$(stored_bytes)
    start=$(now)
    timeout -s KILL "$patience" "$runner" backup --output json --from 127.0.0.1:26363 --source prod --database graph.db \
        --compression none "${at[@]}" "$@" > "$STATE/report" 2> "$STATE/err" &
    backup=$!
}
# half_way: until half of the store is in the bucket
half_way() {
    while [ $(($(stored_bytes) - stored_before)) -lt $((store_bytes / 2)) ]; do
        kill -0 "$backup" 2> /dev/null || { cat "$STATE/err" >&2; die "the backup ended before the fault"; }
        sleep 0.1
    done
    faulted=$(now)
    echo "   half-way after $(seconds_between "$start" "$faulted") s"
}
# ended REASON...: waits for the backup, which must end so (one of the reasons), and says how it went. Sets outcome and chain.
ended() {
    local code=0 end
    wait "$backup" || code=$?
    backup=
    end=$(now)
    outcome=Completed
    [ "$code" = 0 ] || outcome=$(sed -n 's/^error: \([A-Za-z]*\): .*/\1/p' "$STATE/err")
    echo "   $outcome (exit $code) after $(seconds_between "$start" "$end") s, $(rate "$start" "$end") transactions a second," \
        "log files $newest to $(log_versions | tail -n 1), from $(log_versions | sed -n 1p) on kept:" \
        "$(sed -n 's/.*"message":"\([^"]*\)".*/\1/p' "$STATE/report")"
    case " $* " in *" $outcome "*) ;; *) die "expected $*, got ${outcome:-exit code $code}" ;; esac
    chain=$(chain_of "$STATE/report")
    [ "$outcome" = Completed ] || [ -z "$chain" ] || die "a failed backup names an artifact"
}
# all_whole COUNT: so many backups are listed, and each verifies
all_whole() {
    local listed verified=0
    listed=$("$runner" list "${at[@]}" --output json | jq -c 'select(.kind != "Unfinished")' | wc -l)
    [ "$listed" = "$1" ] || die "$listed backups are listed, expected $1"
    [ "$1" = 0 ] || "$runner" verify "${at[@]}" > "$STATE/verified" || { cat "$STATE/verified" >&2; die "verify"; }
    [ "$1" = 0 ] || verified=$(grep -c '^ok ' "$STATE/verified")
    [ "$verified" = "$1" ] || die "$verified backups verify, expected $1"
    echo "   $1 listed, all of them verify"
}
# next_one COUNT: the next backup succeeds, and makes COUNT of them
next_one() {
    begin
    ended Completed
    all_whole "$1"
}
# restored: the backup that completed last is restored and checked
restored() {
    [ "$nodes" -gt "$few" ] || [ "${1:-}" = always ] || return 0
    pause_writer
    start_restored "$runner" "$chain" "${at[@]}" > /dev/null
    check_written "$before"
    rm -rf "$single"
    kill -CONT "$writer"
}
new_store() { # new_store NAME: a MinIO with a bucket that is a repository
    minio "$1"
    wait_for "http://127.0.0.1:$port/minio/health/live"
    s3_request PUT "http://127.0.0.1:$port/backups"
    use "http://127.0.0.1:$port" "$STATE/$1/data/backups"
    "$runner" init "${at[@]}" > /dev/null
}

step "a cluster of two cores and a read replica forms, with a store of $nodes nodes"
import_store "$nodes" 1 2
start_cluster
create_written
prune_logs "1 files"
start_writer
store_bytes=$(du -sb --exclude 'neostore.transaction.db.*' "$STATE/3/data/databases/graph.db" | cut -f 1)
# Long enough that the log files of its begin are pruned before its end, and that half of it is not missed.
seconds=$((nodes > few ? 20 : 5))
pace=(--bandwidth-limit $((store_bytes / seconds)))
away=$((nodes > few ? 10 : 4))
slow_rate=$((nodes > few ? 5000000 : 3000000)) # bytes a second; the log grows by some 700,000
echo "   $store_bytes bytes; the backups that meet a fault begin at $((store_bytes / seconds)) bytes a second"
mkdir "$STATE/keys"
give_keys "$key_id" "$secret"
new_store main
main=$port
minio_pid=${pids[-1]}
restart_minio() { # restart_minio SECONDS: killed, and back after as long
    kill_server "$minio_pid"
    sleep "$1"
    minio main "" 127.0.0.1 "$main"
    minio_pid=${pids[-1]}
}

step "nothing fails"
next_one 1

step "MinIO is killed half-way and comes back after $away s"
begin "${pace[@]}"
half_way
restart_minio "$away"
ended Completed
all_whole 2
restored

step "MinIO comes back with another key, and the runner is not given it"
begin "${pace[@]}"
half_way
key_id=second-key secret=second-secret
restart_minio 1
ended StorageCredentialsRejected
give_keys "$key_id" "$secret"
all_whole 2
next_one 3

step "MinIO comes back with another key, which the runner was given meanwhile"
begin "${pace[@]}"
half_way
key_id=third-key secret=third-secret
give_keys "$key_id" "$secret"
restart_minio 3
ended Completed
all_whole 4

step "the way to MinIO is throttled to less than the source sends"
slow=$(free_port)
echo 0 > "$STATE/control"
python3 "$here/slow_s3.py" "$slow" "$main" "$STATE/control" > "$STATE/slow.log" 2>&1 &
pids+=($!)
wait_for "http://127.0.0.1:$slow/minio/health/live"
use "http://127.0.0.1:$slow" "$STATE/main/data/backups"
begin "${pace[@]}"
half_way
# How soon a member prunes its log depends on how fast this machine is at the moment. So the connection stays at half that rate until
# pruning has overtaken the copy.
echo $((slow_rate / 2)) > "$STATE/control"
until [ "$(log_versions | sed -n 1p)" -gt "$newest" ]; do
    kill -0 "$backup" 2> /dev/null || die "pruning did not overtake the copy, so this proves nothing"
    sleep 0.5
done
echo "   overtaken after $(seconds_between "$faulted" "$(now)") s"
echo "$slow_rate" > "$STATE/control"
ended Completed
echo 0 > "$STATE/control"
all_whole 5
restored

step "MinIO refuses everything for $away s: 503 SlowDown"
begin "${pace[@]}"
half_way
echo SlowDown > "$STATE/control"
sleep "$away"
echo 0 > "$STATE/control"
ended Completed
all_whole 6

if [ "$nodes" -gt "$few" ]; then # takes as long as the log needs to fill what it has of memory
    step "the way to MinIO is throttled to less than the log grows"
    begin "${pace[@]}"
    half_way
    echo 100000 > "$STATE/control"
    ended SourceLogPruned
    echo 0 > "$STATE/control"
    all_whole 6
fi

step "the bucket is deleted half-way"
use "http://127.0.0.1:$main" "$STATE/main/data/backups"
begin "${pace[@]}"
half_way
s3_request DELETE "http://127.0.0.1:$main/backups" -H 'x-minio-force-delete: true'
ended BucketNotFound
expect 30 BucketNotFound "$runner" list "${at[@]}"
s3_request PUT "http://127.0.0.1:$main/backups"
expect 30 StorageNotInitialized "$runner" backup --from 127.0.0.1:26363 --source prod --database graph.db "${at[@]}"
"$runner" init "${at[@]}" > /dev/null
next_one 1

step "the bucket is deleted half-way, and an empty one made in its place"
begin "${pace[@]}"
half_way
s3_request DELETE "http://127.0.0.1:$main/backups" -H 'x-minio-force-delete: true'
s3_request PUT "http://127.0.0.1:$main/backups"
ended BucketNotFound StorageUnavailable
[ -z "$(find "$bucket" -path '*/heads/*')" ] || die "there is a head"
"$runner" init --adopt "${at[@]}" > /dev/null
next_one 1

# versitygw NAME FLAG...: starts one, over a directory with a bucket
versitygw() {
    mkdir -p "$STATE/$1/data/backups"
    port=$(free_port)
    "$servers/versitygw" --quiet --access "$key_id" --secret "$secret" "${@:2}" --port "127.0.0.1:$port" posix "$STATE/$1/data" \
        > "$STATE/$1/log" 2>&1 &
    pids+=($!)
    use "http://127.0.0.1:$port" "$STATE/$1/data/backups"
    wait_for "http://127.0.0.1:$port"
}
# takes_a_block: the storage, which may remember for a second or two how full its disk was, takes as much as a block again
takes_a_block() {
    local by_rclone=(--s3-no-check-bucket --retries 1 --low-level-retries 1 --s3-provider Minio --s3-endpoint "http://127.0.0.1:$port" --s3-access-key-id "$key_id"
        --s3-secret-access-key "$secret")
    head -c 8M /dev/zero > "$STATE/block"
    for _ in $(seq 50); do
        if RCLONE_CONFIG=/dev/null "$servers/rclone" copyto -q "${by_rclone[@]}" "$STATE/block" :s3:backups/block 2> "$STATE/refusal"; then
            RCLONE_CONFIG=/dev/null "$servers/rclone" deletefile -q "${by_rclone[@]}" :s3:backups/block
            return 0
        fi
        sleep 0.2
    done
    cat "$STATE/refusal" >&2
    die "the storage takes no block, although its disk has room"
}
# fills DIRECTORY: the file system there, on which the bucket lies, is filled half-way, and then made larger
fills() {
    begin "${pace[@]}"
    half_way
    ended StorageFull
    [ -z "$(find "$bucket" -path '*/blocks/*' -type f)" ] || die "what the attempt wrote still fills the disk"
    all_whole 0
    mount -o remount,size=$((store_bytes * 3)) "$1"
    takes_a_block
    next_one 1
    kill_server "${pids[-1]}"
    umount "$1"
}
if [ "$(id -u)" = 0 ]; then
    step "the disk below MinIO is filled half-way"
    mkdir "$STATE/small" "$STATE/small-gateway"
    mount -t tmpfs -o size=$((store_bytes * 3 / 4)) tmpfs "$STATE/small"
    new_store small
    fills "$STATE/small"

    step "the disk below versitygw is filled half-way"
    mount -t tmpfs -o size=$((store_bytes * 3 / 4)) tmpfs "$STATE/small-gateway"
    versitygw small-gateway
    "$runner" init "${at[@]}" > /dev/null
    fills "$STATE/small-gateway"
fi

step "a user of versitygw is replaced by another half-way"
mkdir "$STATE/users"
versitygw versitygw --iam-dir "$STATE/users" --iam-cache-disable
admin=("$servers/versitygw" admin --access "$key_id" --secret "$secret" --endpoint-url "http://127.0.0.1:$port")
add_user() { "${admin[@]}" create-user --access "$1" --secret "$1-secret" --role admin > /dev/null; }
remove_user() { "${admin[@]}" delete-user --access "$1" > /dev/null; }
add_user first
give_keys first first-secret
"$runner" init "${at[@]}" > /dev/null
begin "${pace[@]}"
half_way
add_user second
give_keys second second-secret
sleep 1
remove_user first
ended Completed
all_whole 1

step "a user of versitygw is removed half-way"
begin "${pace[@]}"
half_way
remove_user second
ended StorageCredentialsRejected
add_user third
give_keys third third-secret
all_whole 1
next_one 2
restored always
step "done"
