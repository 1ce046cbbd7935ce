#!/usr/bin/env bash
# Backups over mutual TLS on the testbed: a real cluster under SSL policies, its certificates in Secrets of each layout, renewed
# between two runs, and every mistake that a user can make in a manifest or a Secret. Runs like run.sh.
#   tests/e2e/tls.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
# shellcheck source=tests/e2e/steps.sh
. tests/e2e/steps.sh
export PKI=$STATE/pki
mkdir "$PKI"
# shellcheck source=tests/servers/certificates.sh
. tests/servers/certificates.sh
forget() {
    kubectl delete -n "$NS" -f tests/testbed/ongdb.yaml --ignore-not-found --wait=false > /dev/null 2>&1 || true
    kubectl delete secret,configmap -n "$NS" -l test=tls > /dev/null 2>&1 || true
    kubectl delete pod -n "$NS" restored-ongdb --ignore-not-found --wait=false > /dev/null 2>&1 || true
}
trap 'forget; cleanup' EXIT

# secret NAME KEY=FILE...: makes it, or puts other contents into it
secret() {
    local name=$1 entry args=()
    shift
    for entry in "$@"; do args+=(--from-file="$entry"); done
    kubectl create secret generic -n "$NS" "$name" "${args[@]}" --dry-run=client -o yaml | kubectl apply -n "$NS" -f - > /dev/null
    kubectl label secret -n "$NS" "$name" test=tls --overwrite > /dev/null
}
# flat NAME CERTIFICATE TRUSTED: a Secret with the keys of Neo4j's policy directory
flat() { secret "$1" "private.key=$PKI/$2.key" "public.crt=$PKI/$2.crt" "trusted.root=$PKI/$3.crt"; }
# shown BACKUP CONDITION STATUS/REASON
shown() {
    local got
    got=$(kubectl get nb -n "$NS" "$1" -o jsonpath="{range .status.conditions[?(@.type=='$2')]}{.status}/{.reason}{end}")
    [ "$got" = "$3" ] || die "$1: expected $2 $3, got $got"
}
# ask POD COMMAND: prints the answer's number; fails on an error
ask() { kubectl exec -n "$NS" "$1" -- sh /start/ask "$2" | sed -nE 's/^(WROTE|COUNT) //p' | grep .; }
write() { ask ongdb-core-0 "write $1" || ask ongdb-core-1 "write $1"; }
# over_tls NAME SOURCE TLS: a backup of prod from there, with these fields of connection.tls
over_tls() { backup "$1" main "name: prod, $2, connection: {tls: {$3}}"; }
counts() { [ "$(ask "$1" count)" = "$2" ]; }
expiry() { openssl x509 -in "$PKI/$1.crt" -noout -enddate | sed 's/notAfter=//' | date -u -f - +%Y-%m-%dT%H:%M:%SZ; }

step "certificates, and a cluster of two cores and a read replica that demand them of each other"
kubectl delete nbsch,nb,nr,nbsrc,nbs,pvc -n "$NS" --all > /dev/null 2>&1 || true
forget
kubectl wait -n "$NS" --for=delete pod -l app=ongdb --timeout="${PATIENCE}s" > /dev/null 2>&1 || true
authority root
authority other
issue root member "DNS:ongdb-core-0.ongdb,DNS:ongdb-core-1.ongdb,DNS:ongdb-replicas.$NS.svc"
issue root client
issue root renewed "" 10
issue root leaver
issue other stranger
revoke root "$PKI/revoked.crl" leaver
secret ongdb-policy "private.key=$PKI/member.key" "public.crt=$PKI/member.crt" "trusted.crt=$PKI/root.crt" "revoked.crl=$PKI/revoked.crl"
sed "s#localhost/ongdb:1.0.3#$ONGDB_IMAGE#" tests/testbed/ongdb.yaml | kubectl apply -n "$NS" -f - > /dev/null
install_operator neo4j-backup
MODE=ReadWriteMany storage main
clear=$service
service='type: Service, service: {name: ongdb-replicas, port: backup}'
core='type: Endpoints, endpoints: [{host: ongdb-core-0.ongdb}]'
open='type: Endpoints, endpoints: [{host: ongdb-core-1.ongdb}]'
trust='trust: [{configMapRef: {name: company-ca, key: ca.crt}}]'
kubectl create configmap -n "$NS" company-ca "--from-file=ca.crt=$PKI/root.crt" > /dev/null
kubectl label configmap -n "$NS" company-ca test=tls > /dev/null

step "what goes wrong before a server is asked"
# On a machine that is busy with the cluster, it takes a while until the kubelet says what is missing.
backup no-secret main "$service, connection: {tls: {secretRef: {name: forgotten}}}" 'timeouts: {start: 60s}'
flat no-key client root
backup no-key main "$service, connection: {tls: {secretRef: {name: no-key}, trust: [{secretRef: {name: no-key, key: absent.crt}}]}}" 'timeouts: {start: 60s}'
kubectl rollout status -n "$NS" statefulset/ongdb-core --timeout="${PATIENCE}s" > /dev/null
kubectl rollout status -n "$NS" statefulset/ongdb-replica --timeout="${PATIENCE}s" > /dev/null
expect no-secret False CredentialsNotFound
expect no-key False CredentialsNotFound
await write 5000 > /dev/null 2>&1 || die "the cluster takes no writes"
await counts ongdb-replica-0 5000 2> /dev/null || die "the replica does not catch up"

step "mutual TLS through a Service, with the keys of Neo4j's policy directory"
flat neo4j-backup-ssl client root
from prod "$service, connection: {tls: {secretRef: {name: neo4j-backup-ssl}}}"
backup flat main prod
expect flat True Completed
shown flat SourceAuthenticated True/Verified
shown flat SourceGuarded True/ClientCertificateDemanded
[ "$(field flat source.tls.version)" = TLSv1.2 ] || die "$(field flat source)"
[ "$(field flat source.tls.certificateExpires)" = "$(expiry client)" ] || die "$(field flat source.tls)"
[ "$(field flat source.role)" = ReadReplica ] || die "$(field flat source)"
! kubectl events -n "$NS" --for neo4jbackup/flat | grep Warning || die "a warning without a reason"
operator=$(kubectl get pod -n neo4j-backup -o jsonpath='{.items[0].status.podIP}')
metric() { curl -sf "http://$operator:8080/metrics" | sed -n "s/^neo4jbackup_source_certificate_expiry_timestamp_seconds{certificate=\"$1\",.*source=\"prod\"} //p"; }
[ "$(printf '%.0f' "$(metric client)")" = "$(date -d "$(expiry client)" +%s)" ] || die "metric: $(metric client)"
[ "$(printf '%.0f' "$(metric server)")" = "$(date -d "$(expiry member)" +%s)" ] || die "metric: $(metric server)"

step "the Secret is renewed between two runs"
flat neo4j-backup-ssl leaver root
backup revoked main prod
expect revoked False TlsClientCertificateRejected
flat neo4j-backup-ssl renewed root
backup renewed main prod
expect renewed True Completed
[ "$(field renewed source.tls.certificateExpires)" = "$(expiry renewed)" ] || die "$(field renewed source.tls)"
[ "$(printf '%.0f' "$(metric client)")" = "$(date -d "$(expiry renewed)" +%s)" ] || die "metric: $(metric client)"
told renewed "Warning.*CertificateExpiresSoon.*client"

step "a Secret of cert-manager, trust from a ConfigMap, TLS 1.3 from a core; restored, started, counted and checked"
secret tls-only "tls.key=$PKI/client.key" "tls.crt=$PKI/client.crt"
backup bundle main "name: prod, $core, connection: {policy: Any, tls: {secretRef: {name: tls-only}, $trust}}"
expect bundle True Completed
[ "$(field bundle source.tls.version)" = TLSv1.3 ] || die "$(field bundle source)"
claim restored
kubectl apply -n "$NS" -f - > /dev/null <<Y
apiVersion: v1
kind: Pod
metadata: {name: restored-ongdb}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 0
  securityContext: {runAsNonRoot: true, runAsUser: 7474, runAsGroup: 7474, fsGroup: 7474, seccompProfile: {type: RuntimeDefault}}
  volumes:
  - {name: backup, persistentVolumeClaim: {claimName: main}}
  - {name: data, persistentVolumeClaim: {claimName: restored}}
  - {name: start, configMap: {name: ongdb}}
  initContainers:
  - name: restore
    image: $RUNNER_IMAGE
    imagePullPolicy: IfNotPresent
    args: [restore, --in, /backup/neo4j, --source, prod, --database, graph.db, --chain, $(field bundle 'databases[0].chain'), --to, /data/data/databases/graph.db]
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    resources: {limits: {memory: 64Mi}}
    volumeMounts: [{name: backup, mountPath: /backup}, {name: data, mountPath: /data}]
  containers:
  - name: ongdb
    image: $ONGDB_IMAGE
    imagePullPolicy: IfNotPresent
    env: [{name: POD, value: restored-ongdb}]
    command: [sh, /start/start]
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    resources: {limits: {memory: 900Mi}}
    volumeMounts: [{name: start, mountPath: /start}, {name: data, mountPath: /data}]
    readinessProbe: {exec: {command: [grep, -q, ^STARTED, /data/out.log]}, periodSeconds: 1, failureThreshold: 100}
Y
kubectl wait -n "$NS" --for=condition=Ready pod/restored-ongdb --timeout="${PATIENCE}s" > /dev/null
[ "$(ask restored-ongdb count)" = 5000 ] || die "not all nodes were restored"
kubectl exec -n "$NS" restored-ongdb -- sh -c 'echo quit > /data/in'
kubectl wait -n "$NS" --for=jsonpath='{.status.phase}'=Succeeded pod/restored-ongdb --timeout="${PATIENCE}s" > /dev/null
restored_is_consistent ONGDB /data

step "a source that asks for no client certificate, one that is not verified, and one in clear text: each with its warning"
over_tls unguarded "$open" "$trust"
expect unguarded True Completed
shown unguarded SourceAuthenticated True/Verified
shown unguarded SourceGuarded False/NoClientCertificateDemanded
told unguarded "Warning.*NoClientCertificateDemanded"
over_tls unverified "$service" 'secretRef: {name: neo4j-backup-ssl}, verification: None'
expect unverified True Completed
shown unverified SourceAuthenticated False/NotVerified
told unverified "Warning.*NotVerified"
backup clear main "$clear"
expect clear True Completed
shown clear SourceAuthenticated False/ClearText
shown clear SourceGuarded False/ClearText

step "every mistake, with a reason of its own"
secret no-certificate "ca.crt=$PKI/root.crt"
flat stranger stranger root
flat blind client other
secret mixed "tls.key=$PKI/stranger.key" "tls.crt=$PKI/client.crt" "ca.crt=$PKI/root.crt"
echo nothing > "$STATE/nothing"
secret unreadable "private.key=$STATE/nothing" "public.crt=$PKI/client.crt" "trusted.root=$PKI/root.crt"
backup m-clear main "name: prod, $service"
over_tls m-tls "$clear" 'secretRef: {name: neo4j-backup-ssl}'
expect m-clear False SourceRequiresTls
expect m-tls False SourceSpeaksClearText
while read -r secret reason more; do
    over_tls "m-$secret" "$service" "secretRef: {name: $secret}$more"
    expect "m-$secret" False "$reason"
done <<T
no-certificate TlsClientCertificateRequired
stranger TlsClientCertificateRejected
blind ServerCertificateUntrusted
mixed TlsKeyMismatch
unreadable TlsMaterialInvalid
neo4j-backup-ssl ServerNameMismatch , serverName: elsewhere
T
[ "$(heads main)" = 6 ] || die "a failed backup left something that looks finished"
step "done"
