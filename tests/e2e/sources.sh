#!/usr/bin/env bash
# Which server a backup comes from, on the testbed: the chosen one dies half-way, one lags, one is being replaced; and what is
# seen of a run while it is held back. Runs like run.sh.
#   tests/e2e/sources.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
# shellcheck source=tests/e2e/steps.sh
. tests/e2e/steps.sh

address() { kubectl get pod -n "$NS" "$1" -o jsonpath='{.status.podIP}'; }
begin
storage main
from prod "$service"

step "from a Service: member, role and lag in status; progress and metrics while the bandwidth limit holds it back"
backup slow main prod 'runner: {bandwidthLimit: 384Ki}'
running slow
await shows_progress slow || die "no progress is shown"
operator=$(kubectl get pod -n neo4j-backup -o jsonpath='{.items[0].status.podIP}')
curl -sf "http://$operator:8080/metrics" | grep 'neo4jbackup_run_bytes{.*source="prod"} [1-9]' > /dev/null || die "no metric of the run"
expect slow True Completed
[[ "$(field slow source.member)" = replica-[01] ]] || die "member: $(field slow source)"
[ "$(field slow source.role)" = ReadReplica ] || die "role: $(field slow source)"
[[ "$(field slow source.lag)" =~ ^[0-9]+$ ]] || die "lag: $(field slow source)"
[ -z "$(field slow progress)" ] || die "progress is still shown: $(field slow progress)"
told slow Completed
! kubectl events -n "$NS" --for neo4jbackup/slow | grep -E "SourceFallback|SourcePassedOver" > /dev/null || die "an event of a fallback"

step "only a core answers: a fallback, with its reason; and none is taken when only replicas may be"
backup fallback main "name: prod, $(endpoint "$(address core-0)" 6362)"
expect fallback True Completed
[ "$(field fallback source.role)/$(field fallback source.lag)" = Core/Unknown ] || die "$(field fallback source)"
told fallback SourceFallback
backup replica-only main "name: prod, $(endpoint "$(address core-0)" 6362), connection: {policy: ReplicaOnly}"
expect replica-only False NoReadReplica

step "the chosen replica is killed half-way: the next one is used, an event says so, and the copy is right"
replica=$(address replica-0)
peer python3 tests/e2e/paused_proxy.py "$HOST:27531" "$replica:6362" 300000 "$STATE/gate"
proxy=${children[-1]}
backup killed main "name: prod, type: Endpoints, endpoints: [{host: $HOST, port: 27531}, {host: $(address replica-1)}]" 'timeouts: {stall: 5s}'
running killed
intends() { [ "$(find "$TB/volumes/main" -name 'intent-*.json' | wc -l)" -gt "$(heads main)" ]; }
await intends || die "killed does not begin"
kubectl delete pod -n "$NS" replica-0 --force --grace-period=0 --wait=false > /dev/null 2>&1
kill "$proxy"
expect killed True Completed
[ "$(field killed source.address)" = "$(address replica-1):6362" ] || die "$(field killed source)"
[ "$(field killed 'attempts[*].number')" = 1 ] || die "more than one attempt"
told killed "SourcePassedOver.*$HOST:27531"
restored_server restored main graph.db prod "$(field killed 'databases[0].chain')"
[ "$(cypher restored "MATCH (n) RETURN count(n)")" = 20000 ] || die "not all nodes were restored"
kubectl delete pod -n "$NS" restored > /dev/null
kubectl wait -n "$NS" --for=condition=Ready pod/replica-0 --timeout="${PATIENCE}s" > /dev/null
caught_up replica-0 20000

step "a replica is cut off from the cores: its lag is seen, and it is passed over"
read -r _ pid <<< "$(task replica-1)"
cut() { for peer_pod in core-0 core-1 replica-0; do nsenter -t "$pid" -n ip route "$1" blackhole "$(address $peer_pod)/32"; done; }
cut add
trap 'cut del 2> /dev/null; cleanup' EXIT
for i in $(seq 50); do on_leader "CREATE (:Late {n: $i})" > /dev/null; done
caught_up replica-0 20050
both="name: prod, type: Endpoints, endpoints: [{host: $(address replica-1)}, {host: $(address replica-0)}, {host: $(address core-0)}]"
backup lagging main "$both, connection: {maxLag: 20}"
expect lagging True Completed
[ "$(field lagging source.address)" = "$(address replica-0):6362" ] || die "$(field lagging source)"
told lagging "SourcePassedOver.*$(address replica-1).*SourceBehind"
backup any-lag main "$both"
expect any-lag True Completed
[ "$(field any-lag source.lag)" -ge 50 ] || die "the lag is not seen: $(field any-lag source)"
backup too-far main "name: prod, type: Endpoints, endpoints: [{host: $(address replica-1)}, {host: $(address core-0)}], connection: {policy: ReplicaOnly, maxLag: 20}"
expect too-far False SourceBehind
cut del
trap cleanup EXIT
caught_up replica-1 20050

step "two replicas behind a Service while one after the other is being replaced"
kubectl rollout restart -n "$NS" statefulset/replica > /dev/null
for i in $(seq 4); do
    backup "replaced-$i" main prod 'retry: {limit: 3, backoff: 2s}'
    expect "replaced-$i" True Completed
done
kubectl rollout status -n "$NS" statefulset/replica --timeout="${PATIENCE}s" > /dev/null
step "done"
