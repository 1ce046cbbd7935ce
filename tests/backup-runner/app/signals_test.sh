#!/usr/bin/env bash
# SIGTERM and SIGINT end the commands that no server takes part in as well, with the exit code of Cancelled: as the first
# process of a container they would not hear them otherwise. A storage that keeps silent holds the command meanwhile.
#   signals_test.sh RUNNER
set -euo pipefail
runner=${1:?usage: signals_test.sh RUNNER}
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
mkfifo "$state/neo4j-backup.json"
exec 3<> "$state/neo4j-backup.json"

# waits PID: it has opened the silent file
waits() { for fd in "/proc/$1/fd/"*; do [ "$(readlink "$fd")" != "$state/neo4j-backup.json" ] || return 0; done; return 1; }

for command in "list --in $state" "verify --in $state" "restore --in $state --source s --database d --to $state/target"; do
    for signal in TERM INT; do
        code=0
        # Bash starts what runs in the background with SIGINT ignored; this undoes it.
        # shellcheck disable=SC2086 # the command's words
        env --default-signal=INT "$runner" $command 3>&- 2> "$state/err" &
        pid=$!
        for _ in $(seq 200); do
            ! waits $pid || break
            sleep 0.05
        done
        kill -s $signal $pid
        wait $pid || code=$?
        [ $code = 50 ] || { echo "FAILED: $command ended with $code after SIG$signal: $(cat "$state/err")"; exit 1; }
        grep -q '^error: Cancelled: ' "$state/err" || { echo "FAILED: $command said $(cat "$state/err")"; exit 1; }
    done
done
