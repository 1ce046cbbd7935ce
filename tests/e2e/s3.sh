#!/usr/bin/env bash
# Backups of a Neo4jBackup in a bucket, on the testbed: MinIO over TLS with a private CA, told by Secret and ConfigMap; what was
# stored is verified, copied to a volume and restored into a server; the storage dies half-way; every mistake that a look at a
# storage finds; a bucket that is emptied, and one that two namespaces share. Runs like run.sh.
#   tests/e2e/s3.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
# shellcheck source=tests/e2e/steps.sh
. tests/e2e/steps.sh
PKI=$STATE/pki
export PKI
mkdir "$PKI"
# shellcheck source=tests/servers/certificates.sh
. tests/servers/certificates.sh
# shellcheck source=tests/servers/minio.sh
. tests/servers/minio.sh
trap 'stop_all; kubectl delete namespace tenant --ignore-not-found --wait=false > /dev/null 2>&1 || true; umount -l "$STATE/full" 2> /dev/null || true; cleanup' EXIT
runner=$(realpath "${RUNNER_BINARY:-build/release/bin/neo4j-backup-runner}")
begin

step "a bucket over TLS with a private CA"
authority root
authority other
certify "IP:$HOST"
minio tls "$STATE/certificates" "$HOST"
bucket_port=$port
endpoint=https://$HOST:$bucket_port
wait_for "$endpoint/minio/health/live" --cacert "$PKI/root.crt"
s3_request PUT "$endpoint/backups" --cacert "$PKI/root.crt"
write_keys "$STATE/keys"
# keys NAME ID SECRET [TOKEN]: a Secret
keys() {
    local token=()
    [ -z "${4:-}" ] || token=(--from-literal=session-token="$4")
    kubectl create secret generic -n "$NS" "$1" --from-literal=access-key-id="$2" --from-literal=secret-access-key="$3" "${token[@]}" \
        --dry-run=client -o yaml | kubectl apply -f - > /dev/null
}
keys bucket "$key_id" "$secret"
keys wrong-secret "$key_id" another-secret
keys nobody nobodys-key "$secret"
trusted() { kubectl create configmap -n "$NS" "ca-$1" --from-file=ca.crt="$PKI/$1.crt" --dry-run=client -o yaml | kubectl apply -f - > /dev/null; }
trusted root
trusted other
# bucket NAME [BUCKET [SECRET [AUTHORITY [ENDPOINT]]]]: a Neo4jBackupStorage of type S3, looked at each INTERVAL
bucket() {
    object Neo4jBackupStorage "$1" "type: S3, s3: {bucket: ${2:-backups}, prefix: neo4j, endpoint: '${5:-$endpoint}',
        credentialsSecretRef: {name: ${3:-bucket}}, ca: {configMapRef: {name: ca-${4:-root}, key: ca.crt}}}, probeInterval: ${INTERVAL:-24h}"
}
# insecure NAME BUCKET ENDPOINT [FIELDS]: the same in clear text; FIELDS are further ones of spec.s3
insecure() {
    object Neo4jBackupStorage "$1" "type: S3, s3: {bucket: $2, endpoint: '$3', allowInsecure: true, credentialsSecretRef: {name: bucket}${4:+, $4}}"
}
# in_bucket COMMAND...: of rclone, with :s3: as the bucket's server
in_bucket() {
    RCLONE_CONFIG=/dev/null "$servers/rclone" "$@" --ca-cert "$PKI/root.crt" --s3-provider Minio --s3-endpoint "$endpoint" \
        --s3-access-key-id "$key_id" --s3-secret-access-key "$secret"
}
repository() { kubectl get nbs -n "$NS" "$1" -o jsonpath='{.status.repository}'; }
bucket main
looked main True Ready
[ "$(repository main)" = "$(in_bucket cat :s3:backups/neo4j/neo4j-backup.json | jq -r .id)" ] || die "the look made no repository, or tells another"
kubectl get nbs -n "$NS" main | sed 's/^/   /'
kubectl get nbs -n "$NS" main | grep -E '^main +S3 +s3://backups/neo4j ' > /dev/null || die "columns"

step "a backup goes there; verified in the bucket, copied to a volume, and restored from the copy into a server"
from prod "$service"
backup stored main prod 'runner: {resources: {limits: {memory: 64Mi}}}'
expect stored True Completed
there=(--s3-bucket backups --s3-prefix neo4j --s3-endpoint "$endpoint" --s3-ca-file "$PKI/root.crt" --credentials-dir "$STATE/keys")
"$runner" list "${there[@]}" | sed 's/^/   /'
"$runner" verify "${there[@]}" | sed 's/^/   /'
[ "$("$runner" list "${there[@]}" --output json | jq -r .head)" = "$(field stored 'databases[0].location')" ] || die "the location in status is none"
claim copied
mkdir -p "$TB/volumes/copied/neo4j"
in_bucket copy -q :s3:backups/neo4j "$TB/volumes/copied/neo4j"
restored_server restored copied graph.db prod "$(field stored 'databases[0].chain')"
[ "$(cypher restored "MATCH (n) RETURN count(n)")" = 20000 ] || die "not all nodes were restored"
kubectl delete pod -n "$NS" restored > /dev/null

step "the chain goes on where it was copied to, and in another bucket where that was copied to"
storage_on copied copied
# on STORAGE NUMBER: that increment of the chain, of one more node
on() {
    on_leader "CREATE (:Person {id: $2})" > /dev/null
    caught_up replica-0 $((20000 + $2))
    caught_up replica-1 $((20000 + $2))
    backup "increment-$2" "$1" prod 'type: Incremental, onIncrementalImpossible: Fail'
    expect "increment-$2" True Completed
    [ "$(field "increment-$2" 'databases[0].chain')/$(field "increment-$2" 'databases[0].sequence')" = "$(field stored 'databases[0].chain')/$2" ] ||
        die "$(field "increment-$2" databases)"
}
on copied 1
sleep 0.1
between=$(date -u +%FT%T.%3NZ)
s3_request PUT "$endpoint/second" --cacert "$PKI/root.crt"
in_bucket copy -q "$TB/volumes/copied/neo4j" :s3:second/neo4j
bucket second second
looked second True Ready
on second 2
# node NUMBER: one more, in a transaction of its own
node() {
    on_leader "CREATE (:Person {id: $1})" > /dev/null
    sleep 0.1
}
node 3
inside=$(date -u +%FT%T.%3NZ)
node 4
caught_up replica-0 20004
caught_up replica-1 20004
backup increment-3 second prod 'type: Incremental, onIncrementalImpossible: Fail'
expect increment-3 True Completed
second=(--s3-bucket second --s3-prefix neo4j --s3-endpoint "$endpoint" --s3-ca-file "$PKI/root.crt" --credentials-dir "$STATE/keys")
"$runner" verify "${second[@]}" > "$STATE/out"
[ "$(grep -c '^ok ' "$STATE/out")" = 4 ] || die "$(cat "$STATE/out")"

step "a Neo4jRestore from the bucket: to a time between two increments, and to one within the last"
of_prod='storageRef: {name: second}, sourceName: prod, database: graph.db'
export OF=nr
claim restored
restore between restored "$of_prod, beforeTime: '$between'"
expect between True Completed
claim within
restore within within "$of_prod, beforeTime: '$inside', chain: $(OF=nb field stored 'databases[0].chain')"
expect within True Completed
claim nothing
restore outside nothing "$of_prod, beforeTime: '2020-01-01T00:00:00Z'"
expect outside False PointOutsideWindow
kubectl get nr -n "$NS" | sed 's/^/   /'
[ "$(field between restored.highestTransaction)" = "$(OF=nb field increment-1 'databases[0].highestTransaction')" ] || die "$(field between restored)"
[ "$(field within restored.highestTransaction)" = "$(($(OF=nb field increment-3 'databases[0].highestTransaction') - 1))" ] || die "$(field within restored)"
unset OF
server restored 'persistentVolumeClaim: {claimName: within}'
[ "$(cypher restored "MATCH (n) RETURN count(n)")" = 20003 ] || die "not the nodes of $inside"
kubectl delete pod -n "$NS" restored > /dev/null

step "the storage is killed half-way and comes back: the backup rides it out"
backup ridden main prod 'runner: {bandwidthLimit: 256Ki}'
running ridden
await shows_progress ridden || die "ridden shows no progress"
stop_all
sleep 10
minio tls "$STATE/certificates" "$HOST" "$bucket_port"
expect ridden True Completed
[ "$(field ridden 'attempts[*].number')" = 1 ] || die "more than one attempt"
"$runner" verify "${there[@]}" > "$STATE/out"
[ "$(grep -c '^ok ' "$STATE/out")" = 2 ] || die "$(cat "$STATE/out")"

step "the same on versitygw, in clear text that is allowed explicitly"
mkdir -p "$STATE/versitygw/data/backups"
versity_port=$(free_port)
peer "$servers/versitygw" --access "$key_id" --secret "$secret" --port "$HOST:$versity_port" posix "$STATE/versitygw/data"
versity=http://$HOST:$versity_port
wait_for "$versity"
insecure versity backups "$versity"
looked versity True Ready
backup other versity prod
expect other True Completed
"$runner" verify --s3-bucket backups --s3-endpoint "$versity" --allow-insecure --credentials-dir "$STATE/keys" | sed 's/^/   /'

step "what a look at a storage finds"
bucket no-bucket none
bucket wrong-secret backups wrong-secret
bucket nobody backups nobody
bucket other-ca backups bucket other
bucket unreachable backups bucket root "https://$HOST:1"
bucket no-name backups bucket root https://no-such-host.invalid
looked no-bucket False BucketNotFound
looked wrong-secret False StorageSignatureMismatch
looked nobody False StorageCredentialsRejected
looked other-ca False StorageCertificateInvalid
looked unreachable False StorageUnreachable
looked no-name False StorageNameNotResolved
kubectl get nbs -n "$NS" | sed 's/^/   /'
backup nowhere no-bucket prod
expect nowhere False BucketNotFound

step "what else it finds: operations that a key may not do, regions, clocks, storages that are full or read-only"
# A key that may do all but delete: that of a session, which a policy narrows.
policy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:ListBucket"],"Resource":["arn:aws:s3:::*"]}]}'
session=$(curl -sf --cacert "$PKI/root.crt" --aws-sigv4 aws:amz:us-east-1:sts --user "$key_id:$secret" "$endpoint/" -d Action=AssumeRole -d Version=2011-06-15 \
    -d DurationSeconds=3600 --data-urlencode "Policy=$policy")
of_session() { local rest=${session#*<"$1">}; echo "${rest%%</"$1">*}"; }
keys no-delete "$(of_session AccessKeyId)" "$(of_session SecretAccessKey)" "$(of_session SessionToken)"
mkdir "$STATE/full"
mount -t tmpfs -o size=1m tmpfs "$STATE/full"
minio full "$STATE/certificates" "$HOST"
full=https://$HOST:$port
wait_for "$full/minio/health/live" --cacert "$PKI/root.crt"
s3_request PUT "$full/backups" --cacert "$PKI/root.crt"
head -c 2M /dev/zero > "$STATE/full/rest" 2> /dev/null && die "2 MiB fit into a disk of 1 MiB"
wrong_port=$(free_port)
peer python3 tests/e2e/wrong_s3.py "$HOST:$wrong_port"
wrong=http://$HOST:$wrong_port
wait_for "$wrong/console"
claim readonly tiny 1m
mount -o remount,ro "$TB/volumes/readonly"
bucket no-delete backups no-delete
bucket full backups bucket root "$full"
insecure elsewhere backups "$versity" 'region: eu-central-1'
for mistake in skewed read-only throttling simple console; do insecure "$mistake" "$mistake" "$wrong"; done
storage_on readonly readonly
looked no-delete False StorageAccessDenied
[[ "$(stated no-delete Ready message)" = *DeleteObject* ]] || die "the operation is not named"
[ "$(repository no-delete)" = "$(repository main)" ] || die "a key that may not delete hides the repository"
looked full False StorageFull
looked elsewhere False StorageRegionWrong
looked skewed False StorageClockSkewed
looked read-only False StorageReadOnly
looked simple False StorageOperationUnsupported
looked readonly False StorageReadOnly
looked throttling False StorageThrottled
looked console False StorageReplyInvalid

step "a bucket that is emptied, and made a repository anew by somebody else, is refused until its object is made anew"
s3_request PUT "$endpoint/moved" --cacert "$PKI/root.crt"
INTERVAL=10s bucket moved moved
looked moved True Ready
in_bucket delete -q :s3:moved
looked moved False StorageNotInitialized
[ "$(stated moved Reachable status)/$(stated moved Writable status)" = True/True ] || die "an emptied bucket can be written to"
backup on-emptied moved prod
expect on-emptied False StorageNotInitialized
! in_bucket lsf -R --files-only :s3:moved | grep -v neo4j-backup-check || die "something was written there"
moved=(--s3-bucket moved --s3-prefix neo4j --s3-endpoint "$endpoint" --s3-ca-file "$PKI/root.crt" --credentials-dir "$STATE/keys")
"$runner" init "${moved[@]}" | sed 's/^/   /'
looked moved False StorageReplaced
backup on-another moved prod
expect on-another False StorageReplaced
kubectl delete nbs -n "$NS" moved > /dev/null
bucket moved moved
looked moved True Ready
[ "$(repository moved)" = "$(in_bucket cat :s3:moved/neo4j/neo4j-backup.json | jq -r .id)" ] || die "it takes another repository than it finds"
backup on-accepted moved prod
expect on-accepted True Completed

step "another Secret is tried at once"
object Neo4jBackupStorage wrong-secret "type: S3, s3: {bucket: backups, prefix: neo4j, endpoint: '$endpoint', credentialsSecretRef: {name: bucket}, ca: {configMapRef: {name: ca-root, key: ca.crt}}}"
looked wrong-secret True Ready

step "two namespaces share a bucket: a source's name belongs to the first, of this cluster, until it is released"
kubectl create namespace tenant > /dev/null
cluster=$(kubectl get namespace kube-system -o jsonpath='{.metadata.uid}')
[ "$(in_bucket cat :s3:backups/neo4j/prod/owner.json | jq -r '"\(.clusterId)/\(.namespace)"')" = "$cluster/$NS" ] || die "owner.json"
NS=tenant keys bucket "$key_id" "$secret"
NS=tenant trusted root
NS=tenant bucket main
NS=tenant looked main True Ready
# Nothing but the bucket is known there, and all of its chains come back, as the ones whose backups were made here are shown.
"$runner" list "${there[@]}" --output json | jq -rs 'map(select(.kind == "Full" or .kind == "Incremental")) | group_by(.chain) | .[] |
    "\(.[0].chain) \(.[0].source) \(.[0].database) \(length) \(map(.highestTransaction) | max)"' | sort > "$STATE/chains"
[ -s "$STATE/chains" ] || die "no chain lies there"
NS=tenant await_chains main "$STATE/chains"
kubectl get nbc -n tenant -o wide | sed 's/^/   /'
# Whoever has the bucket can restore from it, whose name that is or not.
NS=tenant N4B_NAMESPACE=tenant claim elsewhere
NS=tenant restore elsewhere elsewhere 'storageRef: {name: main}, sourceName: prod, database: graph.db'
OF=nr NS=tenant expect elsewhere True Completed
NS=tenant from prod "$(endpoint "$HOST" 1)"
NS=tenant backup taken main prod
NS=tenant expect taken False SourceNameTaken
message=$(NS=tenant condition taken message)
[[ "$message" = *"namespace \"$NS\" of cluster \"$cluster\""*"namespace \"tenant\" of cluster \"$cluster\""* ]] || die "$message"
"$runner" release "${there[@]}" --source prod | sed 's/^/   /'
NS=tenant backup released main prod 'timeouts: {connect: 1s}'
NS=tenant expect released False SourceUnreachable
backup too-late main prod
expect too-late False SourceNameTaken
step "done"
