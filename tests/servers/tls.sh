#!/usr/bin/env bash
# Proves backups over TLS against a real ONgDB 1.0.3 cluster on loopback, whose members demand client certificates of each
# other and of us: with TLS 1.2 and 1.3, restored into a fresh server that must start, count right and pass the official
# consistency check; from members with either of Netty's cipher libraries; from one with client_auth=NONE; and every mistake that
# real servers can show.
#   tests/servers/tls.sh RUNNER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
runner=$(realpath "${1:?usage: tls.sh RUNNER}")
STATE=$(mktemp -d)
PKI=$STATE/pki
export STATE PKI
mkdir "$PKI"
# shellcheck source=tests/servers/ongdb.sh
. "$here/ongdb.sh"
# shellcheck source=tests/servers/consistency.sh
. "$here/consistency.sh"
# shellcheck source=tests/servers/certificates.sh
. "$here/certificates.sh"
# shellcheck source=tests/servers/steps.sh
. "$here/steps.sh"
cleanup() {
    stop_all
    rm -rf "$STATE"
}
trap cleanup EXIT
trap 'exit 143' TERM INT

step "certificates"
authority root
authority other
issue root member DNS:localhost,IP:127.0.0.1
issue root client
issue root leaver
issue other stranger
for name in backup modern open; do policy_directory "$STATE/policy/$name" member root; done
revoke root "$STATE/policy/backup/revoked/root.crl" leaver
cp "$STATE/policy/backup/revoked/root.crl" "$STATE/policy/modern/revoked/"
policy_directory "$STATE/client" client root
policy_directory "$STATE/leaver" leaver root
policy_directory "$STATE/stranger" stranger root
policy_directory "$STATE/blind" client other
policy_directory "$STATE/revoking" client root
revoke root "$STATE/revoking/revoked/root.crl" member
mkdir "$STATE/keyless" "$STATE/flat" "$STATE/mixed"
cp "$PKI/root.crt" "$STATE/keyless/ca.crt"
# As a Secret: flat keys, the private key encrypted.
openssl pkcs8 -topk8 -in "$PKI/client.key" -passout pass:secret -out "$STATE/flat/private.key"
echo secret > "$STATE/flat/passphrase"
cp "$PKI/client.crt" "$STATE/flat/public.crt"
cp "$PKI/root.crt" "$STATE/flat/trusted.root"
cp "$PKI/client.crt" "$STATE/mixed/tls.crt"
cp "$PKI/stranger.key" "$STATE/mixed/tls.key"

step "a mutual-TLS cluster forms: a core with TLS 1.3 for backups, one that asks for no certificate, a read replica with OpenSSL"
for member in "1 CORE modern JDK" "2 CORE open JDK" "3 READ_REPLICA backup OPENSSL"; do
    read -r number mode backup provider <<< "$member"
    {
        policy backup client_auth=REQUIRE
        policy modern client_auth=REQUIRE tls_versions=TLSv1.3
        policy open client_auth=NONE
        echo "dbms.netty.ssl.provider=$provider"
    } | write_ongdb_conf "$number" "$mode" "$backup"
    start_ongdb "$STATE/$number" "$mode"
done
for number in 1 2 3; do await 180 "member $number" has_started "$STATE/$number"; done
await 60 "a leader" write 5000
await 60 "the replica to catch up" counts 3 5000

step "a probe tells what protects each member"
from=127.0.0.1:28361,127.0.0.1:28362,localhost:28363
"$runner" probe --from "$from" --tls "$STATE/client" > "$STATE/probe"
sed 's/^/   /' "$STATE/probe"
grep -q '^127.0.0.1:28361 .* Core .* TLSv1.3 .* demanded  *20..-' "$STATE/probe" || die "a core with TLS 1.3"
grep -q '^127.0.0.1:28362 .* Core .* TLSv1.2 .* not demanded  *20..-' "$STATE/probe" || die "an open core"
grep -q ':28363 .* ReadReplica .* TLSv1.2 .* demanded  *20..-' "$STATE/probe" || die "a read replica"
grep -q '^our certificate is valid until 20' "$STATE/probe" || die "our certificate"
"$runner" probe --from "$from" --tls-trust "$PKI/root.crt" --output json > "$STATE/probe"
grep -q '"clientCertificateDemanded":false' "$STATE/probe" || die "the open core lets us in without a certificate"
[ "$(grep -c '"reason":"TlsClientCertificateRequired"' "$STATE/probe")" = 2 ] || die "the other two don't: $(cat "$STATE/probe")"

"$runner" init --in "$STATE/repository" | sed 's/^/   /'
b=("$runner" backup --output json --source prod --database graph.db --to "$STATE/repository")
# back_up NODES VERSION REQUESTED FLAG...: a backup that must hold so many nodes
back_up() {
    local nodes=$1 version=$2 requested=$3 chain single=$STATE/single
    shift 3
    "${b[@]}" "$@" > "$STATE/report"
    grep -q "\"version\":\"$version\"" "$STATE/report" || die "not $version: $(cat "$STATE/report")"
    grep -q "\"clientCertificateRequested\":$requested" "$STATE/report" || die "$(cat "$STATE/report")"
    grep -q '"serverCertificateExpires":"20' "$STATE/report" || die "$(cat "$STATE/report")"
    chain=$(chain_of "$STATE/report")
    rm -rf "$single"
    mkdir -p "$single/conf" "$single/data/databases"
    echo dbms.udc.enabled=false > "$single/conf/ongdb.conf"
    "$runner" restore --in "$STATE/repository" --source prod --database graph.db --chain "$chain" \
        --to "$single/data/databases/graph.db"
    start_ongdb "$single" SINGLE
    await 90 "the restored server" has_started "$single"
    [ "$(ask "$single" count)" = "$nodes" ] || die "the restored server does not count $nodes nodes"
    stop_ongdb "$single"
    check_consistency ONGDB "$single"
    echo "   restored $nodes nodes, consistent"
}

step "mutual TLS 1.2 from the replica, with Neo4j's policy directory"
back_up 5000 TLSv1.2 true --from localhost:28363 --tls "$STATE/client" --connections 4
step "mutual TLS 1.3 from a core, with flat keys, an encrypted one among them"
await 60 "a leader" write 100
back_up 5100 TLSv1.3 true --from 127.0.0.1:28361 --tls "$STATE/flat"
step "the transaction port, under the cluster's own policy"
back_up 5100 TLSv1.2 true --from 127.0.0.1:28601 --tls "$STATE/client" --tls-verification chain
step "client_auth=NONE: without a certificate of ours"
back_up 5100 TLSv1.2 false --from 127.0.0.1:28362 --tls-trust "$PKI/root.crt"
back_up 5100 TLSv1.2 false --from 127.0.0.1:28362 --tls-verification none

step "the mistakes, in TLS 1.2 and 1.3"
for port in 28363 28361; do
    from=(--from "127.0.0.1:$port")
    expect 30 SourceRequiresTls "${b[@]}" "${from[@]}"
    expect 30 TlsClientCertificateRequired "${b[@]}" "${from[@]}" --tls "$STATE/keyless"
    expect 30 TlsClientCertificateRejected "${b[@]}" "${from[@]}" --tls "$STATE/stranger"
    expect 30 TlsClientCertificateRejected "${b[@]}" "${from[@]}" --tls "$STATE/leaver"
    expect 30 ServerCertificateUntrusted "${b[@]}" "${from[@]}" --tls "$STATE/blind"
    expect 30 ServerCertificateRevoked "${b[@]}" "${from[@]}" --tls "$STATE/revoking"
    expect 30 ServerNameMismatch "${b[@]}" "${from[@]}" --tls "$STATE/client" --tls-server-name elsewhere
done
expect 30 TlsKeyMismatch "${b[@]}" --from 127.0.0.1:28363 --tls "$STATE/mixed"
expect 30 TlsMaterialInvalid "${b[@]}" --from 127.0.0.1:28363 --tls "$PKI"
expect 10 InvalidRunSpec "${b[@]}" --from 127.0.0.1:28363 --tls-server-name neo4j

step "a certificate renewed between two runs is simply used"
issue root renewed
expect 30 TlsClientCertificateRejected "${b[@]}" --from 127.0.0.1:28363 --tls "$STATE/leaver"
cp "$PKI/renewed.key" "$STATE/leaver/private.key"
cp "$PKI/renewed.crt" "$STATE/leaver/public.crt"
"${b[@]}" --from 127.0.0.1:28363 --tls "$STATE/leaver" > /dev/null
[ "$("$runner" verify --in "$STATE/repository" | grep -c '^ok ')" = 6 ] || die "verify"
step "done"
