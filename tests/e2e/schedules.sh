#!/usr/bin/env bash
# Schedules on the testbed, with a bucket: a line that is wrong, a backup that is wanted now, and minutes of full and incremental
# backups and removals of old chains while the operator is killed again and again. Afterwards each minute has made one backup, what the
# rules let go is gone, and every chain that stays restores. Runs like run.sh.
#   tests/e2e/schedules.sh [SECONDS [SEED]]: for so long (190) the operator is killed
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
# shellcheck source=tests/e2e/steps.sh
. tests/e2e/steps.sh
# shellcheck source=tests/servers/minio.sh
. tests/servers/minio.sh
trap 'stop_all; cleanup' EXIT
runner=$(realpath "${RUNNER_BINARY:-build/release/bin/neo4j-backup-runner}")
seconds=${1:-190}
seed=${2:-$(date +%s)}
RANDOM=$seed
echo "   the same kills again: tests/e2e/schedules.sh $seconds $seed"
begin
minio bucket "" "$HOST"
endpoint=http://$HOST:$port
wait_for "$endpoint/minio/health/live"
s3_request PUT "$endpoint/backups"
write_keys "$STATE/keys"
kubectl create secret generic -n "$NS" bucket --from-literal=access-key-id="$key_id" --from-literal=secret-access-key="$secret" \
    --dry-run=client -o yaml | kubectl apply -f - > /dev/null
object Neo4jBackupStorage main "type: S3, s3: {bucket: backups, endpoint: '$endpoint', allowInsecure: true, credentialsSecretRef: {name: bucket}}"
there=(--s3-bucket backups --s3-endpoint "$endpoint" --allow-insecure --credentials-dir "$STATE/keys")
looked main True Ready
from prod "$service"
at() { kubectl get nbsch -n "$NS" "$1" -o jsonpath="{.status.conditions[?(@.type=='$2')].$3}"; } # SCHEDULE CONDITION FIELD
schedule_is() { [ "$(at "$1" "$2" status)/$(at "$1" "$2" reason)" = "$3" ]; }
reaches() { await schedule_is "$@" || die "schedule $1: expected $2 to be $3: $(kubectl get nbsch -n "$NS" "$1" -o yaml)"; } # SCHEDULE CONDITION STATUS/REASON
made_by() { kubectl get nb -n "$NS" -l "neo4jbackup.dev/schedule=$1" -o name | sed 's|.*/||' | sort; }
count_is() { [ "$(made_by "$1" | wc -l)" = "$2" ]; }

step "a line that is never due is told, and the other cadences stay"
object Neo4jBackupSchedule quiet 'template: {sourceRef: {name: prod}, storageRef: {name: main}}, cadences: [
    {name: never, type: Full, cron: "0 0 30 2 *"}, {name: yearly, type: Full, cron: "@yearly", timeZone: Europe/Berlin}]'
reaches quiet Ready False/ScheduleInvalid
message=$(at quiet Ready message)
[[ "$message" = *cadences*never*cron* ]] || die "$message"
echo "   $message"
[ "$(kubectl get nbsch -n "$NS" quiet -o jsonpath='{.status.cadences[*].name}')" = yearly ] || die "the other cadence is not armed"
object Neo4jBackupSchedule quiet 'template: {sourceRef: {name: prod}, storageRef: {name: main}}, cadences: [
    {name: yearly, type: Full, cron: "@yearly", timeZone: Europe/Berlin}]'
reaches quiet Ready True/Ready
object Neo4jBackupSchedule quiet 'template: {sourceRef: {name: prod}, storageRef: {name: main}, verify: Checksum}, cadences: [
    {name: yearly, type: Full, cron: "@yearly", timeZone: Europe/Berlin}]'
reaches quiet Ready True/Ready
tests/alerts/record.sh new-schedule

step "a backup that fails is told by its schedule"
from nobody "$(endpoint "$HOST" 1)"
object Neo4jBackupSchedule failing 'template: {sourceRef: {name: nobody}, storageRef: {name: main}, retry: {limit: 0}}, cadences: [
    {name: yearly, type: Full, cron: "@yearly"}]'
reaches failing Ready True/Ready
kubectl annotate nbsch -n "$NS" failing neo4jbackup.dev/run-now=now > /dev/null
reaches failing LastRunSucceeded False/SourceUnreachable
tests/alerts/record.sh failing
kubectl delete nbsch -n "$NS" failing > /dev/null

step "a backup that is wanted now, once for each token"
kubectl annotate nbsch -n "$NS" quiet neo4jbackup.dev/run-now=before-the-upgrade > /dev/null
await count_is quiet 1 || die "no backup was made"
expect "$(made_by quiet)" True Completed
reaches quiet LastRunSucceeded True/Completed
kubectl annotate nbsch -n "$NS" quiet team=data > /dev/null
kubectl patch nbsch -n "$NS" quiet --type=merge -p '{"spec":{"suspend":true}}' > /dev/null
reaches quiet Ready True/Suspended
kubectl patch nbsch -n "$NS" quiet --type=merge -p '{"spec":{"suspend":false}}' > /dev/null
reaches quiet Ready True/Ready
count_is quiet 1 || die "labelling, editing or resuming made a backup: $(made_by quiet)"

# Queue: on a busy machine a backup may take longer than a minute.
step "a full backup every third minute, increments in between, and one chain that stays, while the operator is killed again and again"
from minutely "$service"
# often CADENCES: the schedule, of which one chain stays
often() { object Neo4jBackupSchedule often "template: {sourceRef: {name: minutely}, storageRef: {name: main}, type: Full}, rpo: 10m,
    concurrencyPolicy: Queue, keep: {last: 1}, suspend: false, cadences: [$1]"; }
often '{name: full, type: Full, cron: "*/3 * * * *"}, {name: increments, type: Incremental, cron: "* * * * *"}'
reaches often Ready True/Ready
began=$(date +%s)
killed=0 kills=0 written=0
# A new operator needs half a minute to be elected. So the operator is killed at most once a minute, in the 25 s after a backup became
# due, and its successor has the rest of the minute for that backup.
while [ "$(date +%s)" -lt $((began + seconds)) ]; do
    on_leader "CREATE (:Person {id: $((30000 + written))})" > /dev/null
    written=$((written + 1))
    sleep $((RANDOM % 8))
    now=$(date +%s)
    if [ $((now % 60)) -ge 25 ] || [ $((now / 60)) = $killed ] || [ $((RANDOM % 3)) = 0 ]; then continue; fi
    kubectl delete pod -n neo4j-backup --all --force --grace-period=0 > /dev/null 2>&1
    killed=$((now / 60)) kills=$((kills + 1))
done
due() { for ((t = ($1 + 59) / 60 * 60; t <= $2; t += 60)); do date -u -d "@$t" +often-%Y%m%d%H%M; done; } # FROM TO
last_due=$(($(date +%s) / 60 * 60))
await kubectl get nb -n "$NS" "$(due $last_due $last_due)" > /dev/null 2>&1 || die "no backup was made for $(date -u -d "@$last_due")"
kubectl patch nbsch -n "$NS" often --type=merge -p '{"spec":{"suspend":true}}' > /dev/null
reaches often Ready True/Suspended
ended=$(date +%s)
echo "   the operator was killed $kills times in $((ended - began)) s, and $written nodes were written"
# One that was due while the schedule was made or suspended may have made a backup, or none.
due $((began + 5)) $last_due > "$STATE/due"
due $((began - 5)) "$ended" > "$STATE/may"
made_by often > "$STATE/made"
[ -z "$(comm -13 "$STATE/made" "$STATE/due")" ] || die "missed: $(comm -13 "$STATE/made" "$STATE/due" | xargs); made: $(xargs < "$STATE/made")"
[ -z "$(comm -23 "$STATE/made" "$STATE/may")" ] || die "made beside the minutes: $(comm -23 "$STATE/made" "$STATE/may" | xargs)"
while read -r name; do
    expect "$name" True Completed
    type=Incremental
    [ $((10#${name: -2} % 3)) != 0 ] || type=Full
    [ "$(kubectl get nb -n "$NS" "$name" -o jsonpath='{.spec.type}')" = $type ] || die "$name is not $type"
    [ -n "$(kubectl get nb -n "$NS" "$name" -o jsonpath='{.spec.notAfter}')" ] || die "$name has no notAfter"
done < "$STATE/made"
reaches often Fresh True/Ready
kubectl get nbsch -n "$NS" -o wide | sed 's/^/   /'
[ "$(kubectl get nbsch -n "$NS" often -o jsonpath='{.status.missed}')" = 0 ] || die "minutes count as missed: $(kubectl get nbsch -n "$NS" often -o yaml)"

step "a new chain takes the place of the old ones, but of one that is held"
quiet_now() { [ "$(at often Pruning status)" = False ]; }
await quiet_now || die "the removal of old chains does not end: $(kubectl get nbsch -n "$NS" often -o yaml)"
chains() { "$runner" list "${there[@]}" --output json | jq -r 'select(.source == "minutely") | .chain' | sort -u; }
held=$(chains | head -n 1)
"$runner" hold "${there[@]}" --source minutely --database graph.db --chain "$held" --name audit > /dev/null
often '{name: yearly, type: Full, cron: "@yearly"}'
reaches often Ready True/Ready
kubectl annotate nbsch -n "$NS" often neo4jbackup.dev/run-now=a-new-chain > /dev/null
full_now() { kubectl get nb -n "$NS" -l neo4jbackup.dev/schedule=often -o name | sed -n 's|.*/\(often-now-.*\)|\1|p'; }
is_made() { [ -n "$(full_now)" ]; }
await is_made || die "no backup was made"
expect "$(full_now)" True Completed
new=$(field "$(full_now)" 'databases[0].chain')
printf '%s\n' "$held" "$new" > "$STATE/stay"
# The last plan is made with the new chain there; the rules keep that, and the hold keeps the other.
stays() { jq -r --arg chain "$1" '.plan.chains[] | select(.chain == $chain) | "\(.fate) \(.why)"' <<< "$retention"; }
only_these_stay() {
    [ "$(chains)" = "$(cat "$STATE/stay")" ] && quiet_now && schedule_is often RetentionApplied True/Ready || return 1
    retention=$(kubectl get nbsch -n "$NS" often -o jsonpath='{.status.retention}')
    [ "$(stays "$held")/$(stays "$new")" = "Stays Held/Stays Newest" ]
}
await only_these_stay || die "expected $(xargs < "$STATE/stay"), found $(chains | xargs): $(kubectl get nbsch -n "$NS" often -o yaml)"
echo "   $(at often RetentionApplied message)"
kubectl events -n "$NS" --for neo4jbackupschedule/often | grep Retention | sed 's/^/   /' || echo "   no chain went"
shown_chains() { kubectl get nbc -n "$NS" -o json | jq -r '.items[].spec | select(.sourceName == "minutely") | .chain' | sort; }
only_these_are_shown() { [ "$(shown_chains)" = "$(cat "$STATE/stay")" ]; }
# A look whose list an operator that was killed could not fetch is made again after ten minutes; an edit has it made now.
kubectl patch nbs -n "$NS" main --type=merge -p '{"spec":{"probeInterval":"23h"}}' > /dev/null
await only_these_are_shown || die "chains are shown that are gone: $(shown_chains | xargs)"
kubectl get nbsch -n "$NS" -o wide | sed 's/^/   /'
while read -r chain; do
    "$runner" restore "${there[@]}" --source minutely --database graph.db --chain "$chain" --to "$STATE/restored-$chain" | sed 's/^/   /'
done < "$STATE/stay"
tests/e2e/dashboard.sh schedules

step "deleting the schedule deletes nothing that it made, and what was stored restores"
made_by often > "$STATE/made"
kubectl delete nbsch -n "$NS" often > /dev/null
backup last main minutely 'type: Incremental'
expect last True Completed
[ "$(made_by often | wc -l)" = "$(wc -l < "$STATE/made")" ] || die "backups went with the schedule"
claim restored
restore last restored "backupRef: {name: last}"
OF=nr expect last True Completed
server restored 'persistentVolumeClaim: {claimName: restored}'
[ "$(cypher restored "MATCH (n) RETURN count(n)")" = "$((20000 + written))" ] || die "not all nodes are restored"
kubectl delete pod -n "$NS" restored > /dev/null
step "done"
