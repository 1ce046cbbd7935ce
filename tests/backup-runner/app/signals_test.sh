#!/usr/bin/env bash
# SIGTERM, SIGINT and SIGHUP end every command with the exit code of Cancelled: as the first process of a container it would not
# hear them otherwise. A reader of its output that keeps silent, or a server that does, holds it meanwhile. Others harm nothing.
#   signals_test.sh RUNNER
set -euo pipefail
runner=${1:?usage: signals_test.sh RUNNER}
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
# Heads that can't be read, a line each: more than a pipe takes.
heads=$state/repository/prod/graph.db/heads
mkdir -p "$heads"
echo '{"id": "x", "format": 1, "requiredToRead": [], "requiredToWrite": []}' > "$state/repository/neo4j-backup.json"
for n in $(seq 1000); do echo '{' > "$heads/20261125T000000Z-000000-000000-full-0000000000000000009-x-$n.json"; done
mkfifo "$state/silent"
exec 3<> "$state/silent"

# waits PID: it is in write(2)
waits() { grep -q '^1 ' "/proc/$1/syscall"; }

for command in list verify; do
    for signals in TERM INT HUP "USR2 TERM"; do
        code=0
        # Bash starts what runs in the background with SIGINT ignored; this undoes it.
        env --default-signal=INT,HUP "$runner" $command --in "$state/repository" > "$state/silent" 3>&- 2> "$state/err" &
        pid=$!
        for _ in $(seq 200); do
            ! waits $pid || break
            sleep 0.05
        done
        for signal in $signals; do
            kill -s "$signal" $pid
            sleep 0.2
        done
        wait $pid || code=$?
        [ $code = 50 ] || { echo "FAILED: $command ended with $code after $signals: $(tail -n 3 "$state/err")"; exit 1; }
        grep -q '^error: Cancelled: ' "$state/err" || { echo "FAILED: $command said $(cat "$state/err")"; exit 1; }
    done
done

# In a file that may not grow: an error like that of a full disk, and not the signal's end.
code=0
(ulimit -f 0; "$runner" list --in "$state/repository" > "$state/limited" 2> "$state/silent_err") 2> /dev/null || code=$?
[ $code = 40 ] || { echo "FAILED: list ended with $code at the limit of a file's size"; exit 1; }

# silent PORT_FILE: a server that takes connections and says nothing
python3 - "$state/port" <<'END' &
import os, socket, sys, time
server = socket.create_server(("127.0.0.1", 0))
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(server.getsockname()[1]))
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(50)
END
server=$!
trap 'kill $server; rm -rf "$state"' EXIT
for _ in $(seq 200); do
    [ ! -e "$state/port" ] || break
    sleep 0.05
done

# back_up LAUNCHER...: begins a backup that waits for the silent server
back_up() {
    "$@" "$runner" backup --from "127.0.0.1:$(cat "$state/port")" --source prod --database graph.db --init --to "$state/made" \
        > "$state/out" 2> "$state/err" 3>&- &
    pid=$!
    # It catches signals before it makes the repository.
    for _ in $(seq 200); do
        [ ! -e "$state/made/neo4j-backup.json" ] || break
        sleep 0.05
    done
}
for signals in TERM HUP "USR2 TERM"; do
    code=0
    back_up env --default-signal=HUP
    for signal in $signals; do
        kill -s "$signal" $pid
        sleep 0.2
    done
    wait $pid || code=$?
    [ $code = 50 ] || { echo "FAILED: backup ended with $code after $signals: $(tail -n 3 "$state/err")"; exit 1; }
    rm -rf "$state/made"
done
# nohup, and whoever else ignores SIGHUP, means it.
code=0
back_up env --ignore-signal=HUP
kill -s HUP $pid
sleep 0.2
kill -0 $pid || { echo "FAILED: a SIGHUP that was ignored ended the backup"; exit 1; }
kill -s TERM $pid
wait $pid || code=$?
[ $code = 50 ] || { echo "FAILED: backup ended with $code after SIGTERM: $(tail -n 3 "$state/err")"; exit 1; }
