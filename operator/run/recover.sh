#!/usr/bin/env bash
# Recovers a restored database: runs the server of this image on it once, alone, and stops it cleanly. The operator has this
# text built in, and makes it the command of the container `server`. It takes bash, what busybox has too, and a Neo4j 3.x.
#   N4B_SCRATCH   the directory that the server writes to; the database lies below it, in data/databases
#   N4B_DATABASE  the name of the database
#   N4B_TX_LOG    the directory of its transaction log; empty: the database's own
#   N4B_MEMORY    the container's memory limit in bytes
# It ends with 0 when the server had the database open and stopped without an error. Otherwise the termination message tells
# what happened, with the last lines of the server's log.
set -u
conf=$N4B_SCRATCH/conf log=$N4B_SCRATCH/logs/console.log
port=${N4B_HTTP_PORT:-7474} message=${N4B_TERMINATION_LOG:-/dev/termination-log}
server='' stopping=''

fail() {
    {
        echo "$1"
        [ ! -s "$log" ] || tail -n 12 "$log" | tail -c 700
    } > "$message"
    exit 1
}
find_launcher() {
    local path
    for path in "$(command -v neo4j)" "${NEO4J_HOME:-}/bin/neo4j" /var/lib/neo4j/bin/neo4j; do
        [ ! -x "$path" ] || { echo "$path"; return; }
    done
    return 1
}
configure() {
    local megabytes=$((N4B_MEMORY / 1048576)) name
    for name in conf data/databases logs run plugins import certificates metrics tmp; do mkdir -p "$N4B_SCRATCH/$name"; done
    cat > "$conf/neo4j.conf" <<CONF
dbms.mode=SINGLE
dbms.active_database=$N4B_DATABASE
dbms.directories.data=$N4B_SCRATCH/data
dbms.directories.logs=$N4B_SCRATCH/logs
dbms.directories.run=$N4B_SCRATCH/run
dbms.directories.plugins=$N4B_SCRATCH/plugins
dbms.directories.import=$N4B_SCRATCH/import
dbms.directories.certificates=$N4B_SCRATCH/certificates
dbms.directories.metrics=$N4B_SCRATCH/metrics
dbms.connectors.default_listen_address=127.0.0.1
dbms.connector.http.enabled=true
dbms.connector.http.listen_address=127.0.0.1:$port
dbms.connector.https.enabled=false
dbms.connector.bolt.enabled=false
dbms.backup.enabled=false
dbms.security.auth_enabled=false
dbms.udc.enabled=false
metrics.enabled=false
dbms.memory.heap.initial_size=$((megabytes / 2))m
dbms.memory.heap.max_size=$((megabytes / 2))m
dbms.memory.pagecache.size=$((megabytes / 8))m
dbms.tx_log.rotation.retention_policy=keep_all
dbms.jvm.additional=-Djava.io.tmpdir=$N4B_SCRATCH/tmp
CONF
    [ -z "$N4B_TX_LOG" ] || echo "dbms.directories.tx_log=$N4B_TX_LOG" >> "$conf/neo4j.conf"
}
# Whether anybody answers. A 3.x server opens this port only when it has recovered the database and has it open.
answers() {
    local line
    (
        exec 3<> "/dev/tcp/127.0.0.1/$port" || exit 1
        printf 'GET / HTTP/1.0\r\n\r\n' >&3
        read -r -t 10 line <&3
        [[ $line = HTTP/* ]]
    ) 2> /dev/null
}
# shellcheck disable=SC2317 # the trap calls it
stop() {
    stopping=yes
    [ -z "$server" ] || kill -TERM -- "-$server" 2> /dev/null
}
# A trap runs while bash waits, but not before a command has ended.
pause() { sleep 1 & wait $!; }
lives() { kill -0 -- "-$server" 2> /dev/null; }
# What the server wrote last gets a moment to reach the container's log.
end_log() {
    pause
    kill "$follower" 2> /dev/null
}

launcher=$(find_launcher) || fail "the image has no neo4j in PATH, in \$NEO4J_HOME/bin or in /var/lib/neo4j/bin"
configure || fail "can't write below $N4B_SCRATCH"
trap stop TERM INT
: > "$log"
# Under -m the server gets a process group of its own, which can be told to stop, whatever stands between this script and Java.
set -m
NEO4J_CONF=$conf "$launcher" console >> "$log" 2>&1 &
server=$!
set +m
tail -n +1 -f "$log" &
follower=$!
until answers; do
    lives || break
    pause
done
if ! lives; then
    wait "$server"
    status=$?
    end_log
    [ -z "$stopping" ] || fail "the server was told to stop before the database was recovered"
    fail "the server ended by itself with exit code $status"
fi
interrupted=$stopping
echo "the database is recovered: the server stops"
stop
while lives; do pause; done
wait "$server"
status=$?
end_log
# Java ends with 143 after SIGTERM, however well the server stopped, so the server's own last word is what counts.
grep -q 'Stopped\.' "$log" || fail "the server did not stop cleanly (exit code $status)"
[ -z "$interrupted" ] || fail "the server was told to stop before the database was recovered"
