#!/usr/bin/env bash
# Sourced by the benchmarks: a store of their own making. The caller sets STATE, java and cache (as the servers' scripts do).
: "${STATE:?}" "${java:?}" "${cache:?}"

# import_store NODES MEMBER...: that many nodes and twice as many relationships in the database of each member
import_store() {
    local nodes=$1 n
    shift
    echo "importing $nodes nodes and $((2 * nodes)) relationships"
    mkdir -p "$STATE/import/conf"
    : > "$STATE/import/conf/neo4j.conf"
    awk -v n="$nodes" 'BEGIN {print ":ID,name,number:long"; for (i = 0; i < n; i++) print i ",person number " i "," i}' > "$STATE/nodes.csv"
    awk -v n="$nodes" 'BEGIN {print ":START_ID,:END_ID,:TYPE,since:long"; for (i = 0; i < n; i++) {print i "," (i * 7 + 1) % n ",KNOWS," i; print i "," (i * 13 + 5) % n ",LIKES," i}}' > "$STATE/relationships.csv"
    NEO4J_HOME=$STATE/import NEO4J_CONF=$STATE/import/conf "$java" -Xmx2g -cp "$cache/neo4j/lib/*" \
        org.neo4j.commandline.admin.AdminTool import --report-file="$STATE/import.report" --nodes "$STATE/nodes.csv" --relationships "$STATE/relationships.csv" > "$STATE/import.log" 2>&1
    for n in "$@"; do
        mkdir -p "$STATE/$n/data/databases"
        cp -r "$STATE/import/data/databases/graph.db" "$STATE/$n/data/databases/"
    done
    rm -rf "$STATE/import" "$STATE"/*.csv
}
