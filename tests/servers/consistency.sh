#!/usr/bin/env bash
# Sourced by the tests against servers and the end-to-end tests: the official consistency check.

# check_consistency PRODUCT HOME: NEO4J or ONGDB finds nothing wrong with graph.db; HOME/conf says where it lies. Else says what,
# and returns 1.
check_consistency() {
    local servers=${XDG_CACHE_HOME:-$HOME/.cache}/neo4j-backup-operator/neo4j-3.4.10-v1 jars=neo4j
    [ "$1" = NEO4J ] || jars=ongdb-1.0.3-v1
    env "${1}_HOME=$2" "${1}_CONF=$2/conf" "$servers/jdk/bin/java" -XX:TieredStopAtLevel=1 -cp "$servers/$jars/lib/*" \
        org.neo4j.commandline.admin.AdminTool check-consistency --database=graph.db --report-dir="$2" > "$2/check.log" 2>&1 ||
        { tail -n 30 "$2/check.log" >&2; echo "FAILED: check-consistency" >&2; return 1; }
    ! ls "$2"/*.report > /dev/null 2>&1 ||
        { echo "FAILED: check-consistency wrote a report" >&2; head -5 "$2"/*.report >&2; return 1; }
}
