#!/usr/bin/env bash
# Runs a command against an API server of its own, with nothing else in the cluster: no node, no controllers, no operator.
#   tests/api/alone.sh COMMAND...
# The command finds the server by KUBECONFIG. Needs etcd and kube-apiserver (tests/testbed/fetch.sh brings them).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/testbed/env.sh
. "$here/../testbed/env.sh"
ETCD_PORT=${N4B_API_ETCD_PORT:-12379} API_PORT=${N4B_API_PORT:-16443}
state=$(mktemp -d)
children=()
cleanup() {
    for pid in "${children[@]}"; do kill "$pid" 2> /dev/null || true; done
    wait
    rm -rf "$state"
}
trap cleanup EXIT
trap 'exit 143' TERM INT

openssl genrsa -out "$state/sa.key" 2048 2> /dev/null
echo 'test,admin,admin,system:masters' > "$state/tokens"
etcd --data-dir "$state/etcd" --unsafe-no-fsync --listen-client-urls "http://127.0.0.1:$ETCD_PORT" \
    --advertise-client-urls "http://127.0.0.1:$ETCD_PORT" --listen-peer-urls http://127.0.0.1:0 > "$state/etcd.log" 2>&1 &
children+=($!)
kube-apiserver --etcd-servers="http://127.0.0.1:$ETCD_PORT" --bind-address=127.0.0.1 --secure-port="$API_PORT" \
    --cert-dir="$state/pki" --token-auth-file="$state/tokens" --authorization-mode=RBAC --service-cluster-ip-range=10.96.0.0/24 \
    --service-account-key-file="$state/sa.key" --service-account-signing-key-file="$state/sa.key" \
    --service-account-issuer=https://kubernetes.default.svc > "$state/apiserver.log" 2>&1 &
children+=($!)
export KUBECONFIG=$state/kubeconfig
cat > "$KUBECONFIG" <<Y
apiVersion: v1
kind: Config
clusters: [{name: alone, cluster: {server: "https://127.0.0.1:$API_PORT", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: test}}]
contexts: [{name: alone, context: {cluster: alone, user: admin}}]
current-context: alone
Y
ready() { kubectl get --raw /readyz --request-timeout=3s > /dev/null 2>&1; }
for _ in $(seq 240); do
    ! ready || break
    for pid in "${children[@]}"; do
        kill -0 "$pid" 2> /dev/null || { tail -n 5 "$state"/*.log >&2; exit 1; }
    done
    sleep 0.5
done
ready || { tail -n 5 "$state"/*.log >&2; exit 1; }
"$@"
