#!/usr/bin/env bash
# Sourced by the server tests that need object storage: MinIO on loopback. The caller sets STATE, a directory of its own, and has
# sourced steps.sh; stop_all ends what was started. Sets servers, where the programs are.
: "${STATE:?}"
# shellcheck source=tests/servers/processes.sh
. "$(dirname "${BASH_SOURCE[0]}")/processes.sh"
# shellcheck disable=SC2034 # the sourcing tests read it
servers=$("$(dirname "${BASH_SOURCE[0]}")/s3_servers/fetch.sh")
# Proxies and credentials of the caller's environment must not reach the tests, which set their own.
unset HTTPS_PROXY https_proxy HTTP_PROXY http_proxy NO_PROXY no_proxy AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN \
    AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_SESSION_NAME AWS_ENDPOINT_URL_STS AWS_CONTAINER_CREDENTIALS_FULL_URI \
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI
key_id=conformance-key
secret=conformance-secret
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# minio NAME [CERTIFICATES [ADDRESS PORT]]: starts one; its port is in $port, which is a free one unless it is given
minio() {
    local directory=$STATE/$1 certificates=${2:-$STATE/no-certificates}
    mkdir -p "$directory" "$certificates"
    port=${4:-$(free_port)}
    MINIO_ROOT_USER=$key_id MINIO_ROOT_PASSWORD=$secret MINIO_BROWSER=off MINIO_DOMAIN=localhost "$servers/minio" server --quiet \
        --address "${3:-127.0.0.1}:$port" --certs-dir "$certificates" "$directory/data" > "$directory/log" 2>&1 &
    pids+=($!)
}
# certify NAMES: makes $STATE/certificates, with which a MinIO speaks TLS under these names; trusted is the authority root
certify() {
    issue root minio "$1"
    mkdir -p "$STATE/certificates"
    cp "$PKI/minio.crt" "$STATE/certificates/public.crt"
    cp "$PKI/minio.key" "$STATE/certificates/private.key"
}
# write_keys DIRECTORY: MinIO's key as the runner's --credentials-dir has it
write_keys() {
    mkdir -p "$1"
    printf '%s\n' "$key_id" > "$1/access-key-id"
    printf '%s\n' "$secret" > "$1/secret-access-key"
}
# wait_for URL CURL_OPTION...: until the server answers
wait_for() {
    local url=$1
    shift
    for _ in $(seq 150); do
        [ "$(curl -s -o /dev/null -w '%{http_code}' "$@" "$url")" = 000 ] || return 0
        sleep 0.2
    done
    cat "$STATE"/*/log >&2
    die "$url does not answer"
}
# s3_request METHOD URL CURL_OPTION...
s3_request() {
    local method=$1 url=$2
    shift 2
    curl -sf -o /dev/null --aws-sigv4 aws:amz:us-east-1:s3 --user "$key_id:$secret" -X "$method" "$@" "$url"
}
