#!/usr/bin/env bash
# `neo4j console` in the testbed's image of Neo4j, whose jars come without the launcher of Neo4j's own images: it takes its
# configuration from NEO4J_CONF, the heap's size included, and is replaced by the server.
[ "${1:-}" = console ] || { echo "usage: neo4j console" >&2; exit 2; }
heap=$(sed -n 's/^dbms\.memory\.heap\.max_size=//p' "$NEO4J_CONF/neo4j.conf")
exec /opt/jdk/bin/java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC "-Xmx${heap:-384m}" -cp '/opt/neo4j:/opt/neo4j/lib/*' Neo4jServer --home-dir=/var/lib/neo4j "--config-dir=$NEO4J_CONF"
