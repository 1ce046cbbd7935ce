#!/usr/bin/env bash
# Proves on a real MinIO how requests to a bucket are let in and what they ask for: web identity with tokens of an issuer of its
# own and sessions that end while objects are stored, the way through a real proxy with and without a password, and object lock.
#   tests/servers/s3_identity.sh RUNNER SUITE
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
runner=$(realpath "${1:?usage: s3_identity.sh RUNNER SUITE}")
suite=$(realpath "${2:?usage: s3_identity.sh RUNNER SUITE}")
STATE=$(mktemp -d)
PKI=$STATE/pki
export STATE PKI
mkdir "$PKI" "$STATE/issuer" "$STATE/tokens" "$STATE/proxy"
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
write_keys "$STATE/keys"

step "an issuer of tokens, and MinIO over TLS that takes them"
issuer=$(free_port)
python3 "$here/issuer.py" serve "$issuer" "$STATE/issuer" > "$STATE/issuer/log" 2>&1 &
pids+=($!)
wait_for "http://127.0.0.1:$issuer/keys"
authority root
certify DNS:localhost,IP:127.0.0.1
export MINIO_IDENTITY_OPENID_CONFIG_URL=http://127.0.0.1:$issuer/.well-known/openid-configuration
export MINIO_IDENTITY_OPENID_CLIENT_ID=backups MINIO_IDENTITY_OPENID_ROLE_POLICY=readwrite
minio tls "$STATE/certificates"
endpoint=https://localhost:$port
wait_for "$endpoint/minio/health/live" --cacert "$PKI/root.crt"
s3_request PUT "$endpoint/backups" --cacert "$PKI/root.crt"
# MinIO names the role of an issuer by its client id.
role=arn:minio:iam:::role/$(printf backups | openssl dgst -sha1 -binary | base64 | tr '+/' '-_' | tr -d '=')
token() { python3 "$here/issuer.py" token "$issuer" "$STATE/issuer" "${2:-backups}" "${1:-60}"; }
put_token() { # FILE LIFETIME: as a kubelet does it, at once
    token "$2" > "$STATE/tokens/.new"
    mv "$STATE/tokens/.new" "$1"
}
put_token "$STATE/tokens/token" 600
at=(--s3-bucket backups --s3-endpoint "$endpoint" --s3-ca-file "$PKI/root.crt")
by_role=("${at[@]}" --s3-credentials web-identity --s3-role-arn "$role")

step "a role is assumed by flags, and by the environment that EKS gives a pod"
"$runner" check-storage "${by_role[@]}" --s3-web-identity-token-file "$STATE/tokens/token" | sed 's/^/   /'
"$runner" init "${by_role[@]}" --s3-web-identity-token-file "$STATE/tokens/token" --s3-prefix flags | sed 's/^/   /'
export AWS_ROLE_ARN=$role AWS_WEB_IDENTITY_TOKEN_FILE=$STATE/tokens/token AWS_ROLE_SESSION_NAME=night
expect 30 StorageCredentialsInvalid "$runner" list "${at[@]}" --s3-prefix flags
AWS_ENDPOINT_URL_STS=$endpoint "$runner" list "${at[@]}" --s3-prefix flags > /dev/null
"$runner" list "${at[@]}" --s3-prefix flags --s3-credentials web-identity > /dev/null
unset AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_SESSION_NAME

step "every mistake has its reason"
token 600 others > "$STATE/tokens/others"
token 1 > "$STATE/tokens/expired"
echo no-token > "$STATE/tokens/nonsense"
sleep 2
for file in others expired nonsense; do
    expect 30 StorageCredentialsRejected "$runner" check-storage "${by_role[@]}" --s3-web-identity-token-file "$STATE/tokens/$file"
    ! grep -qF "$(cat "$STATE/tokens/$file")" "$STATE/err" || die "a token stands in a message"
done
expect 30 StorageCredentialsRejected "$runner" check-storage "${at[@]}" --s3-credentials web-identity --s3-role-arn "${role}x" \
    --s3-web-identity-token-file "$STATE/tokens/token"
expect 30 StorageCredentialsInvalid "$runner" check-storage "${by_role[@]}" --s3-web-identity-token-file "$STATE/tokens/none"
expect 30 StorageCredentialsInvalid "$runner" check-storage "${at[@]}" --s3-credentials web-identity
expect 30 StorageCredentialsInvalid "$runner" check-storage "${at[@]}"
AWS_ACCESS_KEY_ID=$key_id AWS_SECRET_ACCESS_KEY=$secret AWS_WEB_IDENTITY_TOKEN_FILE=$STATE/tokens/token \
    expect 30 StorageCredentialsInvalid "$runner" check-storage "${at[@]}"
expect 30 StorageCertificateInvalid "$runner" check-storage --s3-bucket backups --s3-endpoint "$endpoint" --s3-credentials web-identity \
    --s3-web-identity-token-file "$STATE/tokens/token" --s3-role-arn "$role"
expect 20 StorageUnreachable "$runner" check-storage "${by_role[@]}" --s3-web-identity-token-file "$STATE/tokens/token" \
    --s3-sts-endpoint "https://127.0.0.1:$(free_port)"

step "objects are stored for longer than sessions of 15 seconds live"
put_token "$STATE/tokens/short" 15
(while sleep 4; do put_token "$STATE/tokens/short" 15; done) &
renewer=$!
pids+=("$renewer")
N4B_S3_ENDPOINT=$endpoint N4B_S3_CA_FILE=$PKI/root.crt N4B_S3_ROLE_ARN=$role N4B_S3_TOKEN_FILE=$STATE/tokens/short N4B_S3_SESSION_SECONDS=40 \
    "$suite" --gtest_filter=SessionServer.* > "$STATE/suite" 2>&1 || { cat "$STATE/suite" >&2; die "the suite"; }
grep sessions "$STATE/suite" | sed 's/^/   /'
grep -q '^\[  PASSED  \] 1 test' "$STATE/suite" || { cat "$STATE/suite" >&2; die "the suite has no test"; }
kill "$renewer"

step "through a proxy, the token service too"
proxy() { # NAME [TINYPROXY_SETTING]: starts one; its port is in $port
    port=$(free_port)
    printf 'Port %s\nListen 127.0.0.1\nTimeout 60\nLogFile "%s"\nLogLevel Connect\n%s\n' "$port" "$STATE/proxy/$1.log" "${2:-}" > "$STATE/proxy/$1.conf"
    : > "$STATE/proxy/$1.log"
    tinyproxy -d -c "$STATE/proxy/$1.conf" > "$STATE/proxy/$1.out" 2>&1 &
    pids+=($!)
    wait_for "http://127.0.0.1:$port"
}
# through NAME [HOST]: how many connections have gone through it
through() { grep -c "Established connection to host \"${2:-localhost}\"" "$STATE/proxy/$1.log" || true; }
proxy open
open=http://127.0.0.1:$port
proxy guarded 'BasicAuth runner geheim'
guarded=127.0.0.1:$port
# Under another name of the same server, so that the proxy's log tells which of them was asked.
HTTPS_PROXY=$open "$runner" check-storage "${by_role[@]}" --s3-web-identity-token-file "$STATE/tokens/token" \
    --s3-sts-endpoint "https://127.0.0.1:${endpoint##*:}" > /dev/null
[ "$(through open)" -ge 1 ] || die "the bucket was not reached through the proxy"
[ "$(through open 127.0.0.1)" -ge 1 ] || die "the token service was not asked through the proxy"
HTTPS_PROXY=http://runner:geheim@$guarded "$runner" check-storage "${at[@]}" --credentials-dir "$STATE/keys" > /dev/null
before=$(through guarded)
[ "$before" -ge 1 ] || die "nothing went through the proxy that demands a password"
for url in "http://$guarded" "http://runner:falsch@$guarded"; do
    HTTPS_PROXY=$url expect 20 StorageProxyFailed "$runner" check-storage "${at[@]}" --credentials-dir "$STATE/keys"
    ! grep -q falsch "$STATE/err" || die "a password stands in a message"
done
echo runner > "$STATE/proxy/username"
echo geheim > "$STATE/proxy/password"
told() { # FIELDS: a RunSpec of the operator
    cat > "$STATE/spec.json" <<J
{"schemaVersion":2,"command":"CheckStorage","run":{"uid":"u","attempt":1},"httpPort":0,"storage":{"repository":"","initialize":false,
 "s3":{"endpoint":"$endpoint","bucket":"backups","caFile":"$PKI/root.crt",$1}}}
J
}
told "\"webIdentity\":{\"roleArn\":\"$role\",\"tokenFile\":\"$STATE/tokens/token\"},\"proxy\":{\"url\":\"http://$guarded\",\"credentialsDir\":\"$STATE/proxy\"}"
N4B_RUN_SPEC=$(cat "$STATE/spec.json") HTTPS_PROXY=http://127.0.0.1:1 "$runner" > "$STATE/out"
[ "$(through guarded)" -gt "$before" ] || die "the proxy of the RunSpec is not used"
told "\"credentialsDir\":\"$STATE/keys\",\"proxy\":{\"url\":\"http://127.0.0.1:1\",\"noProxy\":\"localhost\"}"
N4B_RUN_SPEC=$(cat "$STATE/spec.json") "$runner" > "$STATE/out"

step "object lock"
s3_request PUT "$endpoint/locked" --cacert "$PKI/root.crt" -H 'x-amz-bucket-object-lock-enabled: true'
lock=(--s3-object-lock-mode governance --s3-object-lock-days 2)
locked=(--s3-bucket locked --s3-endpoint "$endpoint" --s3-ca-file "$PKI/root.crt" --credentials-dir "$STATE/keys")
"$runner" check-storage "${locked[@]}" "${lock[@]}" | sed 's/^/   /'
"$runner" init "${locked[@]}" "${lock[@]}" > /dev/null
head_of() { curl -sf -I --cacert "$PKI/root.crt" --aws-sigv4 aws:amz:us-east-1:s3 --user "$key_id:$secret" "$endpoint/locked/$1"; }
head_of neo4j-backup.json > "$STATE/head"
grep -iq '^x-amz-object-lock-mode: GOVERNANCE' "$STATE/head" || { cat "$STATE/head" >&2; die "what is stored is not locked"; }
grep -iq "^x-amz-object-lock-retain-until-date: $(date -u -d '+2 days' +%Y-%m-%d)" "$STATE/head" || { cat "$STATE/head" >&2; die "locked until another day"; }
version=$(sed -n 's/^x-amz-version-id: \([^\r]*\).*/\1/ip' "$STATE/head")
! s3_request DELETE "$endpoint/locked/neo4j-backup.json?versionId=$version" --cacert "$PKI/root.crt" || die "a locked version was deleted"
expect 30 StorageOperationUnsupported "$runner" check-storage "${at[@]}" "${lock[@]}" --credentials-dir "$STATE/keys"
step "done"
