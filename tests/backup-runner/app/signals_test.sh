#!/usr/bin/env bash
# SIGTERM and SIGINT end the commands that no server takes part in as well, with the exit code of Cancelled: as the first
# process of a container they would not hear them otherwise. A reader of their output that keeps silent holds them meanwhile.
#   signals_test.sh RUNNER
set -euo pipefail
runner=${1:?usage: signals_test.sh RUNNER}
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
# Heads that can't be read, a line each: more than a pipe takes.
heads=$state/repository/prod/graph.db/20261125T000000Z-000000/heads
mkdir -p "$heads"
echo '{"id": "x", "format": 0, "requiredToRead": [], "requiredToWrite": []}' > "$state/repository/neo4j-backup.json"
for n in $(seq 1000); do echo '{' > "$heads/0-full-x-$n.json"; done
mkfifo "$state/silent"
exec 3<> "$state/silent"

# waits PID: it is in write(2)
waits() { grep -q '^1 ' "/proc/$1/syscall"; }

for command in list verify; do
    for signal in TERM INT; do
        code=0
        # Bash starts what runs in the background with SIGINT ignored; this undoes it.
        env --default-signal=INT "$runner" $command --in "$state/repository" > "$state/silent" 3>&- 2> "$state/err" &
        pid=$!
        for _ in $(seq 200); do
            ! waits $pid || break
            sleep 0.05
        done
        kill -s $signal $pid
        wait $pid || code=$?
        [ $code = 50 ] || { echo "FAILED: $command ended with $code after SIG$signal: $(tail -n 3 "$state/err")"; exit 1; }
        grep -q '^error: Cancelled: ' "$state/err" || { echo "FAILED: $command said $(cat "$state/err")"; exit 1; }
    done
done
