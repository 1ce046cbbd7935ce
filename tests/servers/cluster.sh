#!/usr/bin/env bash
# Sourced by the server tests: a causal cluster of two cores and a read replica on loopback, and single servers.
# Members are numbered 1 (core), 2 (core), 3 (read replica); member n has HTTP 2747n, backup 2636n. The caller sets STATE, a
# directory of its own; stop_all ends what was started, by process id. MEMBER_SETTINGS, lines of neo4j.conf, are added to those
# of the members.
: "${STATE:?}"
# shellcheck source=tests/servers/processes.sh
. "$(dirname "${BASH_SOURCE[0]}")/processes.sh"
# shellcheck source=tests/servers/consistency.sh
. "$(dirname "${BASH_SOURCE[0]}")/consistency.sh"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/neo4j-backup-operator/neo4j-3.4.10-v1
java=$cache/jdk/bin/java
classes="$cache/neo4j:$cache/neo4j/lib/*"

# write_conf HOME MODE NUMBER
write_conf() {
    mkdir -p "$1/conf"
    cat > "$1/conf/neo4j.conf" <<C
dbms.mode=$2
dbms.security.auth_enabled=false
dbms.connector.bolt.enabled=true
dbms.connector.bolt.listen_address=127.0.0.1:2768$3
dbms.connector.http.enabled=true
dbms.connector.http.listen_address=127.0.0.1:2747$3
dbms.connector.https.enabled=false
dbms.memory.heap.initial_size=128m
dbms.memory.heap.max_size=400m
dbms.memory.pagecache.size=64m
dbms.backup.enabled=true
dbms.backup.address=127.0.0.1:2636$3
dbms.udc.enabled=false
C
    [ "$2" != SINGLE ] || return 0
    cat >> "$1/conf/neo4j.conf" <<C
causal_clustering.initial_discovery_members=127.0.0.1:25001,127.0.0.1:25002
causal_clustering.discovery_listen_address=127.0.0.1:2500$3
causal_clustering.discovery_advertised_address=127.0.0.1:2500$3
causal_clustering.transaction_listen_address=127.0.0.1:2600$3
causal_clustering.transaction_advertised_address=127.0.0.1:2600$3
causal_clustering.raft_listen_address=127.0.0.1:2700$3
causal_clustering.raft_advertised_address=127.0.0.1:2700$3
C
    [ "$2" != CORE ] || printf 'causal_clustering.minimum_core_cluster_size_at_%s=2\n' formation runtime >> "$1/conf/neo4j.conf"
}

# start_server HOME
start_server() {
    "$java" "${jvm_options[@]}" -Xmx400m -cp "$classes" Neo4jServer --home-dir="$1" --config-dir="$1/conf" > "$1/out.log" 2>&1 < /dev/null &
    pids+=($!)
    echo $! > "$1/pid"
    # Where side_by_side.sh is there, too, the server does not even outlive a killed script.
    ! declare -F guard_process > /dev/null || guard_process $!
}

# await SECONDS WHAT COMMAND...: until the command succeeds
await() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" > /dev/null 2>&1; do
        if [ $SECONDS -ge $end ]; then
            echo "gave up waiting for $what" >&2
            tail -n 20 "$STATE"/*/out.log >&2
            return 1
        fi
        sleep 0.3
    done
}

is_leader() { [ "$(curl -s -m 2 "http://127.0.0.1:2747$1/db/manage/server/core/writable")" = true ]; }
replica_ready() { [ "$(curl -s -m 2 "http://127.0.0.1:27473/db/manage/server/read-replica/available")" = true ]; }
find_leader() { if is_leader 1; then leader=1; elif is_leader 2; then leader=2; else return 1; fi; }

start_cluster() {
    write_conf "$STATE/1" CORE 1
    write_conf "$STATE/2" CORE 2
    write_conf "$STATE/3" READ_REPLICA 3
    for n in 1 2 3; do
        printf '%s\n' "${MEMBER_SETTINGS:-}" >> "$STATE/$n/conf/neo4j.conf"
        start_server "$STATE/$n"
    done
    # shellcheck disable=SC2034 # the sourcing test reads it
    leader=
    await 180 "a leader" find_leader
    await 120 "the read replica" replica_ready
}

# cypher MEMBER STATEMENT: prints the first column of the first row
cypher() {
    local reply
    reply=$(curl -s -m 60 -H 'Content-Type: application/json' "http://127.0.0.1:2747$1/db/data/transaction/commit" \
        -d "{\"statements\":[{\"statement\":\"$2\"}]}")
    case $reply in
    *'"errors":[]'*) sed -n 's/.*"row":\[\([^],]*\).*/\1/p' <<< "$reply" ;;
    *)
        echo "$reply" >&2
        return 1
        ;;
    esac
}

stop_server() {
    local pid end=$((SECONDS + 60))
    pid=$(cat "$1/pid")
    kill "$pid" 2> /dev/null || true
    while kill -0 "$pid" 2> /dev/null && [ $SECONDS -lt $end ]; do sleep 0.2; done
    kill -0 "$pid" 2> /dev/null || forget "$pid"
}

single=$STATE/single
# start_restored RUNNER CHAIN [FLAG...]: restores a backup of prod/graph.db, out of $STATE/repository unless flags name another place,
# and starts it as member 4
start_restored() {
    local where=("${@:3}")
    [ ${#where[@]} != 0 ] || where=(--in "$STATE/repository")
    rm -rf "$single"
    write_conf "$single" SINGLE 4
    mkdir -p "$single/data/databases"
    "$1" restore "${where[@]}" --source prod --database graph.db --chain "$2" --to "$single/data/databases/graph.db"
    start_server "$single"
    await 90 "the restored server" curl -sf -m 2 http://127.0.0.1:27474/
}

# check_restored: stops it; the official consistency check must find nothing
check_restored() {
    stop_server "$single"
    check_consistency NEO4J "$single"
}
