#!/usr/bin/env bash
# Proves the object store against real S3 servers on loopback: the conformance suite on MinIO, in clear text and over TLS with a
# private CA, on versitygw, and on rclone, which ignores conditional writes; check-storage; every mistake that a real server can
# show; and what makes a place a repository.
#   tests/servers/s3.sh RUNNER SUITE
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
runner=$(realpath "${1:?usage: s3.sh RUNNER SUITE}")
suite=$(realpath "${2:?usage: s3.sh RUNNER SUITE}")
STATE=$(mktemp -d)
PKI=$STATE/pki
export STATE PKI
mkdir "$PKI"
# shellcheck source=tests/servers/certificates.sh
. "$here/certificates.sh"
# shellcheck source=tests/servers/steps.sh
. "$here/steps.sh"
# shellcheck source=tests/servers/minio.sh
. "$here/minio.sh"
cleanup() {
    stop_all
    rm -rf "$STATE"
}
trap cleanup EXIT
trap 'exit 143' TERM INT
# run_suite ENDPOINT BUCKET [CA_FILE]
run_suite() {
    # A filter that matches nothing passes; the count shows that the suite has run.
    N4B_S3_ENDPOINT=$1 N4B_S3_BUCKET=$2 N4B_S3_CA_FILE=${3:-} AWS_ACCESS_KEY_ID=$key_id AWS_SECRET_ACCESS_KEY=$secret \
        "$suite" --gtest_filter='*/Server' --gtest_brief=1 > "$STATE/suite" 2>&1 || { cat "$STATE/suite" >&2; die "the suite on $1"; }
    grep -E '^\[==========\] [1-9][0-9]+ tests' "$STATE/suite" || { cat "$STATE/suite" >&2; die "the suite on $1 has no tests"; }
}

for keys in keys unknown wrong; do write_keys "$STATE/$keys"; done
echo nobodys-key > "$STATE/unknown/access-key-id"
echo another-secret > "$STATE/wrong/secret-access-key"
authority root
authority other

step "MinIO in clear text"
minio clear
clear=http://127.0.0.1:$port
wait_for "$clear/minio/health/live"
s3_request PUT "$clear/backups"
run_suite "$clear" backups
N4B_S3_ADDRESSING=virtual-host run_suite "http://localhost:$port" backups

step "MinIO over TLS with a private CA"
certify DNS:localhost,IP:127.0.0.1
minio tls "$STATE/certificates"
tls=https://localhost:$port
wait_for "$tls/minio/health/live" --cacert "$PKI/root.crt"
s3_request PUT "$tls/backups" --cacert "$PKI/root.crt"
run_suite "$tls" backups "$PKI/root.crt"

step "versitygw"
mkdir -p "$STATE/versitygw/data/backups"
port=$(free_port)
"$servers/versitygw" --access "$key_id" --secret "$secret" --port "127.0.0.1:$port" posix "$STATE/versitygw/data" > "$STATE/versitygw/log" 2>&1 &
pids+=($!)
versity=http://127.0.0.1:$port
wait_for "$versity"
run_suite "$versity" backups

step "rclone, which ignores conditional writes"
mkdir -p "$STATE/rclone/data/backups"
port=$(free_port)
"$servers/rclone" --config "$STATE/rclone/none" serve s3 --addr "127.0.0.1:$port" --auth-key "$key_id,$secret" "$STATE/rclone/data" \
    > "$STATE/rclone/log" 2>&1 &
pids+=($!)
rclone=http://127.0.0.1:$port
wait_for "$rclone"
N4B_S3_CONDITIONS=ignored run_suite "$rclone" backups

step "a gateway that is read-only"
port=$(free_port)
"$servers/versitygw" --readonly --access "$key_id" --secret "$secret" --port "127.0.0.1:$port" posix "$STATE/versitygw/data" \
    > "$STATE/versitygw/log" 2>&1 &
pids+=($!)
readonly=http://127.0.0.1:$port
wait_for "$readonly"

step "check-storage tells what they can do, and leaves nothing"
check=("$runner" check-storage --s3-bucket backups --s3-prefix pre/fix)
for server in "$clear --allow-insecure" "$versity --allow-insecure" "$tls --s3-ca-file $PKI/root.crt"; do
    read -ra words <<< "$server"
    "${check[@]}" --credentials-dir "$STATE/keys" --s3-endpoint "${words[@]}" | sed 's/^/   /'
    "${check[@]}" --credentials-dir "$STATE/keys" --s3-endpoint "${words[@]}" --output json | grep '"exclusiveCreate":"Held"' > /dev/null
done
"${check[@]}" --credentials-dir "$STATE/keys" --s3-endpoint "$rclone" --allow-insecure --output json | grep '"exclusiveCreate":"Ignored"' > /dev/null ||
    die "rclone's ignoring of conditions is not told"
[ -z "$(find "$STATE"/*/data/backups -type f -path '*neo4j-backup-check*')" ] || die "check-storage left files"
mkdir "$STATE/volume"
"$runner" check-storage --in "$STATE/volume" | sed 's/^/   /'
[ -z "$(ls -A "$STATE/volume")" ] || die "check-storage left files on the volume"
s3_request PUT "$clear/versioned"
versioning='<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>'
s3_request PUT "$clear/versioned?versioning=" --data "$versioning" \
    -H "x-amz-content-sha256: $(printf %s "$versioning" | sha256sum | cut -d ' ' -f 1)"
"$runner" check-storage --s3-bucket versioned --s3-endpoint "$clear" --allow-insecure --credentials-dir "$STATE/keys" --output json |
    grep '"keepsVersions":true' > /dev/null || die "a versioned bucket is not told"

step "a place becomes a repository once, where it is empty, and no command takes another for one"
for server in "$clear --allow-insecure" "$versity --allow-insecure" "$rclone --allow-insecure" "$tls --s3-ca-file $PKI/root.crt"; do
    read -ra words <<< "$server"
    at=(--s3-bucket backups --credentials-dir "$STATE/keys" --s3-endpoint "${words[@]}" --s3-prefix)
    for command in list verify "restore --source prod --database graph.db --to $STATE/restored" \
        "backup --source prod --database graph.db --from 127.0.0.1:1"; do
        read -ra words <<< "$command"
        expect 30 StorageNotInitialized "$runner" "${words[@]}" "${at[@]}" a/repository
    done
    made=$("$runner" init "${at[@]}" a/repository)
    echo "   $made"
    [ "$("$runner" init "${at[@]}" a/repository)" = "$made" ] || die "a second init made another repository"
    "$runner" check-storage --output json "${at[@]}" a/repository | grep -F "\"repository\":\"${made##* }\"" > /dev/null || die "check-storage tells another id"
    expect 30 StorageNotInitialized "$runner" init "${at[@]}" a
    "$runner" init --adopt "${at[@]}" a > /dev/null || die "what was copied there can't be adopted"
    [ -z "$("$runner" list --output json "${at[@]}" a/repository)" ] || die "backups in an empty repository"
    expect 30 ArtifactNotFound "$runner" verify "${at[@]}" a/repository
    expect 30 ArtifactNotFound "$runner" restore --source prod --database graph.db --to "$STATE/restored" "${at[@]}" a/repository
    [ ! -e "$STATE/restored" ] || die "a restore of nothing made a directory"
done
expect 20 SourceUnreachable "$runner" backup --source prod --database graph.db --from 127.0.0.1:1 "${at[@]}" a/repository
for server in "$clear" "$versity"; do
    at=(--s3-endpoint "$server" --allow-insecure --credentials-dir "$STATE/keys" --s3-bucket elsewhere)
    expect 30 BucketNotFound "$runner" list "${at[@]}"
    expect 30 BucketNotFound "$runner" init "${at[@]}"
done

step "every mistake has its reason"
for server in "$clear" "$versity"; do
    at=("$runner" check-storage --s3-endpoint "$server" --allow-insecure)
    expect 30 BucketNotFound "${at[@]}" --s3-bucket elsewhere --credentials-dir "$STATE/keys"
    expect 30 StorageCredentialsRejected "${at[@]}" --s3-bucket backups --credentials-dir "$STATE/unknown"
    expect 30 StorageSignatureMismatch "${at[@]}" --s3-bucket backups --credentials-dir "$STATE/wrong"
done
expect 30 StorageAccessDenied "${check[@]}" --s3-endpoint "$readonly" --allow-insecure --credentials-dir "$STATE/keys"
expect 30 StorageCredentialsInvalid "${check[@]}" --s3-endpoint "$clear" --allow-insecure --credentials-dir "$STATE/pki"
expect 10 InvalidRunSpec "${check[@]}" --s3-endpoint "$clear" --credentials-dir "$STATE/keys"
expect 30 StorageCertificateInvalid "${check[@]}" --s3-endpoint "$tls" --credentials-dir "$STATE/keys"
expect 30 StorageCertificateInvalid "${check[@]}" --s3-endpoint "$tls" --credentials-dir "$STATE/keys" --s3-ca-file "$PKI/other.crt"
expect 20 StorageUnreachable "${check[@]}" --s3-endpoint "http://127.0.0.1:$(free_port)" --allow-insecure --credentials-dir "$STATE/keys"
expect 20 StorageUnreachable "${check[@]}" --s3-endpoint "https://${versity#http://}" --credentials-dir "$STATE/keys" --timeout 20s
expect 20 StorageNameNotResolved "${check[@]}" --s3-endpoint https://nowhere.invalid --credentials-dir "$STATE/keys"
HTTPS_PROXY=http://127.0.0.1:$(free_port) expect 20 StorageProxyFailed "${check[@]}" --s3-endpoint "$tls" --s3-ca-file "$PKI/root.crt" \
    --credentials-dir "$STATE/keys"
HTTPS_PROXY=http://127.0.0.1:$(free_port) NO_PROXY=localhost "${check[@]}" --s3-endpoint "$tls" --s3-ca-file "$PKI/root.crt" \
    --credentials-dir "$STATE/keys" > /dev/null || die "NO_PROXY is not heeded"
kill -STOP "${pids[0]}"
started=$SECONDS
expect 20 StorageUnavailable "${check[@]}" --s3-endpoint "$clear" --allow-insecure --credentials-dir "$STATE/keys" --timeout 3s
# The deadline, and ten seconds for removing what may have been stored.
[ $((SECONDS - started)) -le 15 ] || die "a frozen server held check-storage for $((SECONDS - started)) s"
kill -CONT "${pids[0]}"
if [ "$(id -u)" = 0 ]; then
    mkdir "$STATE/small"
    mount -t tmpfs -o size=4k,nr_inodes=3 tmpfs "$STATE/small"
    trap 'umount "$STATE/small" 2> /dev/null; cleanup' EXIT
    head -c 4096 /dev/zero > "$STATE/small/filled"
    expect 30 StorageFull "$runner" check-storage --in "$STATE/small"
    mount -o remount,ro "$STATE/small"
    expect 30 StorageReadOnly "$runner" check-storage --in "$STATE/small"
fi
step "done"
