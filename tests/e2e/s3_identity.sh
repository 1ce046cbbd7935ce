#!/usr/bin/env bash
# Backups into a bucket without any key, on the testbed: runners assume a role with tokens that the testbed's own API server issues
# for their service account, and MinIO trusts its issuer; then once more through a proxy that demands a password, which is the only
# way there; and what is said where a role or a proxy is wrong. Runs like run.sh.
#   tests/e2e/s3_identity.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
# shellcheck source=tests/e2e/steps.sh
. tests/e2e/steps.sh
PKI=$STATE/pki
export PKI
mkdir "$PKI" "$STATE/proxy"
# shellcheck source=tests/servers/certificates.sh
. tests/servers/certificates.sh
# shellcheck source=tests/servers/minio.sh
. tests/servers/minio.sh
packages/install.sh servers
stop_servers() {
    stop_all
    kubectl delete clusterrolebinding n4b-test-issuer-discovery --ignore-not-found > /dev/null 2>&1 || true
    kubectl delete serviceaccount -n "$NS" backups strangers --ignore-not-found > /dev/null 2>&1 || true
}
trap 'stop_servers; cleanup' EXIT
begin

step "MinIO trusts the tokens of this cluster"
# The issuer's documents are open to everybody, so that MinIO needs no token to read them.
kubectl create clusterrolebinding n4b-test-issuer-discovery --clusterrole=system:service-account-issuer-discovery \
    --group=system:unauthenticated --dry-run=client -o yaml | kubectl apply -f - > /dev/null
authority root
certify "IP:$HOST"
mkdir "$STATE/certificates/CAs"
# The documents name the API server by its issuer, kubernetes.default.svc, which this machine doesn't know: a copy of them names
# where the keys really are.
kube=https://$HOST:6443
cp "$TB/pki/ca.crt" "$STATE/certificates/CAs/kubernetes.crt"
curl -sf --cacert "$TB/pki/ca.crt" "$kube/openid/v1/jwks" > /dev/null || die "the issuer's keys are not open"
mkdir -p "$STATE/issuer/.well-known"
curl -sf --cacert "$TB/pki/ca.crt" "$kube/.well-known/openid-configuration" |
    jq --arg keys "$kube/openid/v1/jwks" '.jwks_uri = $keys' > "$STATE/issuer/.well-known/openid-configuration"
grep -q kubernetes.default.svc "$STATE/issuer/.well-known/openid-configuration" || die "no discovery document"
issuer_port=$(free_port)
python3 -m http.server --bind 127.0.0.1 --directory "$STATE/issuer" "$issuer_port" > /dev/null 2>&1 &
pids+=($!)
wait_for "http://127.0.0.1:$issuer_port/.well-known/openid-configuration"
export MINIO_IDENTITY_OPENID_CONFIG_URL=http://127.0.0.1:$issuer_port/.well-known/openid-configuration
export MINIO_IDENTITY_OPENID_CLIENT_ID=backups MINIO_IDENTITY_OPENID_ROLE_POLICY=readwrite
minio tls "$STATE/certificates" "$HOST"
bucket_port=$port
endpoint=https://$HOST:$bucket_port
wait_for "$endpoint/minio/health/live" --cacert "$PKI/root.crt"
s3_request PUT "$endpoint/backups" --cacert "$PKI/root.crt"
role=arn:minio:iam:::role/$(printf backups | openssl dgst -sha1 -binary | base64 | tr '+/' '-_' | tr -d '=')
kubectl create configmap -n "$NS" ca-root --from-file=ca.crt="$PKI/root.crt" --dry-run=client -o yaml | kubectl apply -f - > /dev/null
kubectl create serviceaccount -n "$NS" backups --dry-run=client -o yaml | kubectl apply -f - > /dev/null
# by_role NAME [ROLE [AUDIENCE [FIELDS]]]: a Neo4jBackupStorage without keys; FIELDS are further ones of spec.s3
by_role() {
    object Neo4jBackupStorage "$1" "type: S3, runner: {serviceAccountName: backups}, s3: {bucket: backups, prefix: neo4j, endpoint: '$endpoint',
        webIdentity: {roleARN: '${2:-$role}', audience: ${3:-backups}, tokenLifetime: 10m}, ca: {configMapRef: {name: ca-root, key: ca.crt}}${4:+, $4}}"
}
from prod "$service"

step "a backup with nothing but a token of its service account"
by_role keyless
looked keyless True Ready
# The pod is looked at while it works: it is removed as soon as its backup has succeeded.
backup without-key keyless prod 'runner: {bandwidthLimit: 1Mi}'
running without-key
pod=$(kubectl get pod -n "$NS" -l "$(made_for without-key)" -o jsonpath='{.items[0].metadata.name}')
kubectl get pod -n "$NS" "$pod" -o json > "$STATE/pod.json"
kubectl logs -n "$NS" -f "$pod" > "$STATE/pod.log"
expect without-key True Completed
[ -s "$STATE/pod.log" ] || die "the pod logged nothing"
jq -e '.spec.automountServiceAccountToken == false and ([.spec.volumes[] | select(.projected) | .projected.sources[]] ==
    [{serviceAccountToken: {audience: "backups", expirationSeconds: 600, path: "token"}}])' "$STATE/pod.json" > /dev/null ||
    die "the pod has other tokens than one for the token service: $(jq -c .spec.volumes "$STATE/pod.json")"
! grep eyJ "$STATE/pod.log" > /dev/null || die "a token stands in the log"

step "through a proxy that demands a password, and is the only way"
proxy_port=$(free_port)
printf 'Port %s\nListen %s\nTimeout 60\nLogFile "%s"\nLogLevel Connect\nBasicAuth runner geheim\n' \
    "$proxy_port" "$HOST" "$STATE/proxy/log" > "$STATE/proxy/conf"
: > "$STATE/proxy/log"
tinyproxy -d -c "$STATE/proxy/conf" > "$STATE/proxy/out" 2>&1 &
pids+=($!)
wait_for "http://$HOST:$proxy_port"
kubectl create secret generic -n "$NS" proxy --from-literal=username=runner --from-literal=password=geheim --dry-run=client -o yaml | kubectl apply -f - > /dev/null
kubectl create secret generic -n "$NS" wrong-proxy --from-literal=username=runner --from-literal=password=falsch --dry-run=client -o yaml | kubectl apply -f - > /dev/null
by_role proxied "$role" backups "proxy: {url: 'http://$HOST:$proxy_port', noProxy: [.svc], credentialsSecretRef: {name: proxy}}"
looked proxied True Ready
backup by-proxy proxied prod
expect by-proxy True Completed
connections=$(grep -c "Established connection to host \"$HOST\"" "$STATE/proxy/log" || true)
[ "$connections" -ge 4 ] || { cat "$STATE/proxy/log" >&2; die "the look and the backup did not go through the proxy"; }
kubectl get jobs,pods,nbs,nb -n "$NS" -o yaml > "$STATE/objects"
! grep -qE 'geheim|falsch' "$STATE/objects" || die "a password stands in an object"

step "what a look at a storage finds"
by_role other-role "${role}x"
by_role other-audience "$role" strangers
by_role wrong-password "$role" backups "proxy: {url: 'http://$HOST:$proxy_port', credentialsSecretRef: {name: wrong-proxy}}"
object Neo4jBackupStorage no-webhook "type: S3, s3: {bucket: backups, endpoint: '$endpoint', webIdentity: {}}"
object Neo4jBackupStorage no-agent "type: S3, s3: {bucket: backups, endpoint: '$endpoint', podIdentity: {}}"
looked other-role False StorageCredentialsRejected
looked other-audience False StorageCredentialsRejected
looked wrong-password False StorageProxyFailed
looked no-webhook False StorageCredentialsInvalid
looked no-agent False StorageCredentialsInvalid
kubectl get nbs -n "$NS" | sed 's/^/   /'

step "what was stored is sound"
mkdir -p "$STATE/keys"
write_keys "$STATE/keys"
runner=$(realpath "${RUNNER_BINARY:-build/release/bin/neo4j-backup-runner}")
"$runner" verify --s3-bucket backups --s3-prefix neo4j --s3-endpoint "$endpoint" --s3-ca-file "$PKI/root.crt" --credentials-dir "$STATE/keys" > "$STATE/out"
[ "$(grep -c '^ok ' "$STATE/out")" = 2 ] || die "$(cat "$STATE/out")"
step "done"
