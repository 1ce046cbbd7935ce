#!/usr/bin/env bash
# Backups of a Neo4jBackup in a bucket, on the testbed: MinIO over TLS with a private CA, told by Secret and ConfigMap; what was
# stored is verified, copied to a volume and restored into a server; the storage dies half-way; and the mistakes that a look at a
# storage finds. Runs like run.sh.
#   tests/e2e/s3.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
# shellcheck source=tests/e2e/steps.sh
. tests/e2e/steps.sh
PKI=$STATE/pki
export PKI
mkdir "$PKI" "$STATE/keys"
# shellcheck source=tests/servers/certificates.sh
. tests/servers/certificates.sh
pids=()
# shellcheck source=tests/servers/minio.sh
. tests/servers/minio.sh
stop_minio() { for pid in "${pids[@]}"; do kill -KILL "$pid" 2> /dev/null && wait "$pid" 2> /dev/null; done || true; pids=(); }
trap 'stop_minio; cleanup' EXIT
runner=$(realpath "${RUNNER_BINARY:-build/release/bin/neo4j-backup-runner}")
begin

step "a bucket over TLS with a private CA"
authority root
authority other
issue root minio "IP:$HOST"
mkdir "$STATE/certificates"
cp "$PKI/minio.crt" "$STATE/certificates/public.crt"
cp "$PKI/minio.key" "$STATE/certificates/private.key"
minio tls "$STATE/certificates" "$HOST"
bucket_port=$port
endpoint=https://$HOST:$bucket_port
wait_for "$endpoint/minio/health/live" --cacert "$PKI/root.crt"
s3_request PUT "$endpoint/backups" --cacert "$PKI/root.crt"
printf '%s\n' "$key_id" > "$STATE/keys/access-key-id"
printf '%s\n' "$secret" > "$STATE/keys/secret-access-key"
keys() { kubectl create secret generic -n "$NS" "$1" --from-literal=access-key-id="$2" --from-literal=secret-access-key="$3" --dry-run=client -o yaml | kubectl apply -f - > /dev/null; }
keys bucket "$key_id" "$secret"
keys wrong-secret "$key_id" another-secret
keys nobody nobodys-key "$secret"
for authority in root other; do
    kubectl create configmap -n "$NS" "ca-$authority" --from-file=ca.crt="$PKI/$authority.crt" --dry-run=client -o yaml | kubectl apply -f - > /dev/null
done
# bucket NAME [BUCKET [SECRET [AUTHORITY [ENDPOINT]]]]: a Neo4jBackupStorage of type S3
bucket() {
    object Neo4jBackupStorage "$1" "type: S3, s3: {bucket: ${2:-backups}, prefix: neo4j, endpoint: '${5:-$endpoint}',
        credentialsSecretRef: {name: ${3:-bucket}}, ca: {configMapRef: {name: ca-${4:-root}, key: ca.crt}}}"
}
# looked NAME STATUS REASON: the condition Ready of a storage gets there
looked() {
    local end=$((SECONDS + 90)) found
    until
        found=$(kubectl get nbs -n "$NS" "$1" -o jsonpath="{.status.conditions[?(@.type=='Ready')].status}/{.status.conditions[?(@.type=='Ready')].reason}")
        [ "$found" = "$2/$3" ]
    do
        [ $SECONDS -lt $end ] || { kubectl get nbs -n "$NS" "$1" -o yaml >&2; die "storage $1: expected $2/$3, got $found"; }
        sleep 0.5
    done
    echo "   $1: $2 $3: $(kubectl get nbs -n "$NS" "$1" -o jsonpath="{.status.conditions[?(@.type=='Ready')].message}")"
}
bucket main
looked main True Ready
kubectl get nbs -n "$NS" main | sed 's/^/   /'
kubectl get nbs -n "$NS" main | grep -qE '^main +S3 +s3://backups/neo4j ' || die "columns"

step "a backup goes there; verified in the bucket, copied to a volume, and restored from the copy into a server"
from prod "$service"
backup stored main prod 'runner: {resources: {limits: {memory: 64Mi}}}'
expect stored True Completed
there=(--s3-bucket backups --s3-prefix neo4j --s3-endpoint "$endpoint" --s3-ca-file "$PKI/root.crt" --credentials-dir "$STATE/keys")
"$runner" list "${there[@]}" | sed 's/^/   /'
"$runner" verify "${there[@]}" | sed 's/^/   /'
[ "$("$runner" list "${there[@]}" --output json | jq -r .head)" = "$(field stored 'databases[0].location')" ] || die "the location in status is none"
storage copied
mkdir -p "$TB/volumes/copied/neo4j"
RCLONE_CONFIG=/dev/null "$servers/rclone" copy -q --ca-cert "$PKI/root.crt" --s3-provider Minio --s3-endpoint "$endpoint" --s3-access-key-id "$key_id" \
    --s3-secret-access-key "$secret" :s3:backups/neo4j "$TB/volumes/copied/neo4j"
restored_server restored copied graph.db prod "$(field stored 'databases[0].chain')"
[ "$(cypher restored "MATCH (n) RETURN count(n)")" = 20000 ] || die "not all nodes were restored"
kubectl delete pod -n "$NS" restored > /dev/null

step "the storage is killed half-way and comes back: the backup rides it out"
backup ridden main prod 'runner: {bandwidthLimit: 128Ki}'
running ridden
for _ in $(seq 100); do [ -z "$(field ridden progress.bytes)" ] || break; sleep 0.5; done
stop_minio
sleep 10
minio tls "$STATE/certificates" "$HOST" "$bucket_port"
expect ridden True Completed 240
[ "$(field ridden 'attempts[*].number')" = 1 ] || die "more than one attempt"
"$runner" verify "${there[@]}" > "$STATE/out"
[ "$(grep -c '^ok ' "$STATE/out")" = 2 ] || die "$(cat "$STATE/out")"

step "the same on versitygw, in clear text that is allowed explicitly"
mkdir -p "$STATE/versitygw/data/backups"
versity_port=$(free_port)
peer "$servers/versitygw" --access "$key_id" --secret "$secret" --port "$HOST:$versity_port" posix "$STATE/versitygw/data"
versity=http://$HOST:$versity_port
wait_for "$versity"
object Neo4jBackupStorage versity "type: S3, s3: {bucket: backups, endpoint: '$versity', allowInsecure: true, credentialsSecretRef: {name: bucket}}"
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
expect nowhere False BucketNotFound 120

step "another Secret is tried at once"
object Neo4jBackupStorage wrong-secret "type: S3, s3: {bucket: backups, prefix: neo4j, endpoint: '$endpoint', credentialsSecretRef: {name: bucket}, ca: {configMapRef: {name: ca-root, key: ca.crt}}}"
looked wrong-secret True Ready
step "done"
