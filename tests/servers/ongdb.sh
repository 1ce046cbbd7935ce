#!/usr/bin/env bash
# Sourced by the TLS tests: an ONgDB 1.0.3 cluster on loopback with SSL policies, spoken to on standard input. Members are 1
# (core), 2 (core), 3 (read replica); member n has backup port 2836n and transaction port 2860n. The caller sets STATE, a
# directory of its own, and makes $STATE/policy/POLICY for each policy that it names; stop_all ends what was started.
: "${STATE:?}"
# shellcheck source=tests/servers/processes.sh
. "$(dirname "${BASH_SOURCE[0]}")/processes.sh"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/neo4j-backup-operator/neo4j-3.4.10-v1
java=$cache/jdk/bin/java
ongdb=$cache/ongdb-1.0.3-v1
tcnative=$cache/netty-tcnative-2.0.28-v1
# Of what members speak among each other, the transaction port included; empty: clear text.
cluster_policy=backup

# policy NAME SETTING=VALUE...: prints an SSL policy for a configuration
policy() {
    local name=$1 setting
    shift
    echo "dbms.ssl.policy.$name.base_directory=$STATE/policy/$name"
    for setting in "$@"; do echo "dbms.ssl.policy.$name.$setting"; done
}

# write_ongdb_conf NUMBER MODE BACKUP_POLICY: the policies themselves come on standard input
write_ongdb_conf() {
    local home=$STATE/$1
    mkdir -p "$home/conf"
    cat > "$home/conf/ongdb.conf" - <(
        cat <<C
dbms.mode=$2
dbms.security.auth_enabled=false
dbms.memory.pagecache.size=64m
dbms.udc.enabled=false
dbms.connector.bolt.enabled=true
dbms.connector.bolt.listen_address=127.0.0.1:2868$1
dbms.backup.enabled=true
dbms.backup.address=127.0.0.1:2836$1
dbms.backup.ssl_policy=$3
causal_clustering.initial_discovery_members=127.0.0.1:28501,127.0.0.1:28502
causal_clustering.discovery_listen_address=127.0.0.1:2850$1
causal_clustering.discovery_advertised_address=127.0.0.1:2850$1
causal_clustering.transaction_listen_address=127.0.0.1:2860$1
causal_clustering.transaction_advertised_address=127.0.0.1:2860$1
causal_clustering.raft_listen_address=127.0.0.1:2870$1
causal_clustering.raft_advertised_address=127.0.0.1:2870$1
C
        [ -z "$cluster_policy" ] || echo "causal_clustering.ssl_policy=$cluster_policy"
        [ "$2" != CORE ] || printf 'causal_clustering.minimum_core_cluster_size_at_%s=2\n' formation runtime
    )
}

# start_ongdb HOME MODE: commands go to HOME/in, answers to HOME/out.log
start_ongdb() {
    mkdir -p "$1/data/databases"
    rm -f "$1/in"
    mkfifo "$1/in"
    # Opened for reading and writing, so that neither side waits for the other, nor sees an end between two commands.
    "$java" "${jvm_options[@]}" -Xmx400m -cp "$ongdb:$ongdb/lib/*:$tcnative/lib/*" OngdbServer "$1" "$2" 0<> "$1/in" > "$1/out.log" 2>&1 &
    pids+=($!)
    echo $! > "$1/pid"
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

has_started() { grep -q '^STARTED' "$1/out.log"; }

# ask HOME COMMAND: prints the answer's number; fails on an error
ask() {
    local lines end=$((SECONDS + 60))
    lines=$(wc -l < "$1/out.log")
    echo "$2" > "$1/in"
    until tail -n "+$((lines + 1))" "$1/out.log" | grep -E '^(WROTE|COUNT|ERROR)' > /dev/null; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
    tail -n "+$((lines + 1))" "$1/out.log" | sed -nE 's/^(WROTE|COUNT) //p' | grep .
}

# write NODES: by whichever core is the leader
write() { ask "$STATE/1" "write $1" || ask "$STATE/2" "write $1"; }
counts() { [ "$(ask "$STATE/$1" count)" = "$2" ]; }

stop_ongdb() {
    echo quit > "$1/in"
    local end=$((SECONDS + 60))
    while kill -0 "$(cat "$1/pid")" 2> /dev/null && [ $SECONDS -lt $end ]; do sleep 0.2; done
}
