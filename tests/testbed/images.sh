#!/usr/bin/env bash
# Images without a registry, by buildah: the base that the Dockerfile takes by build argument, pause, Neo4j, ONgDB, and the
# project's operator and runner. `images.sh build` makes them, `images.sh load` puts them into the node.
# The first build installs compilers and compiles everything (about 6 minutes); later ones reuse layers and ccache.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=tests/testbed/env.sh
. "$here/env.sh"
W=$CACHE/images
mkdir -p "$W" "$CACHE/image-ccache"
BUILDAH=(buildah --root "$W/storage" --runroot "$W/run")

base_image() {
    "${BUILDAH[@]}" inspect --type image localhost/debian:bookworm > /dev/null 2>&1 && return
    if [ ! -f "$W/base.tar" ]; then
        mmdebstrap -q --variant=minbase --include=ca-certificates bookworm "$W/base.tar.new"
        mv "$W/base.tar.new" "$W/base.tar"
    fi
    local c
    c=$("${BUILDAH[@]}" from scratch)
    "${BUILDAH[@]}" add -q "$c" "$W/base.tar" / > /dev/null
    "${BUILDAH[@]}" config --cmd '["/bin/bash"]' "$c"
    "${BUILDAH[@]}" commit -q --rm "$c" localhost/debian:bookworm > /dev/null
}
save() { # IMAGE FILE
    rm -f "$2.new"
    "${BUILDAH[@]}" push -q "$1" "docker-archive:$2.new:$1"
    mv "$2.new" "$2"
}
pause_image() {
    [ ! -f "$W/pause.tar" ] || return 0
    printf '#include <signal.h>\n#include <unistd.h>\nstatic void bye(int s) { (void)s; _exit(0); }\nint main(void) { signal(SIGTERM, bye); signal(SIGINT, bye); for (;;) pause(); }\n' |
        gcc -O2 -static -x c -o "$W/pause" -
    local c
    c=$("${BUILDAH[@]}" from scratch)
    "${BUILDAH[@]}" copy -q "$c" "$W/pause" /pause > /dev/null
    "${BUILDAH[@]}" config --entrypoint '["/pause"]' "$c"
    "${BUILDAH[@]}" commit -q --rm "$c" localhost/pause:1 > /dev/null
    save localhost/pause:1 "$W/pause.tar"
}
neo4j_image() {
    [ ! -f "$W/neo4j.tar" ] || return 0
    local c servers=$CACHE/neo4j-3.4.10-v1
    c=$("${BUILDAH[@]}" from localhost/debian:bookworm)
    "${BUILDAH[@]}" copy -q "$c" "$servers/jdk" /opt/jdk > /dev/null
    "${BUILDAH[@]}" copy -q "$c" "$servers/neo4j" /opt/neo4j > /dev/null
    "${BUILDAH[@]}" config --cmd '[]' --entrypoint '["/opt/jdk/bin/java","-Xmx384m","-cp","/opt/neo4j:/opt/neo4j/lib/*","Neo4jServer","--home-dir=/data","--config-dir=/conf"]' "$c"
    "${BUILDAH[@]}" commit -q --rm "$c" localhost/neo4j:3.4.10 > /dev/null
    save localhost/neo4j:3.4.10 "$W/neo4j.tar"
}
ongdb_image() {
    [ ! -f "$W/ongdb.tar" ] || return 0
    local c
    c=$("${BUILDAH[@]}" from localhost/debian:bookworm)
    "${BUILDAH[@]}" copy -q "$c" "$CACHE/neo4j-3.4.10-v1/jdk" /opt/jdk > /dev/null
    "${BUILDAH[@]}" copy -q "$c" "$CACHE/neo4j-3.4.10-v1/ongdb-1.0.3-v1" /opt/ongdb > /dev/null
    "${BUILDAH[@]}" config --cmd '[]' "$c"
    "${BUILDAH[@]}" commit -q --rm "$c" localhost/ongdb:1.0.3 > /dev/null
    save localhost/ongdb:1.0.3 "$W/ongdb.tar"
}
project_image() { # TARGET IMAGE
    local mounts=(-v "$CACHE/image-ccache:/root/.cache/ccache")
    # The build takes packages from where this machine does.
    [ ! -d /etc/apt ] || mounts+=(-v /etc/apt:/etc/apt:ro)
    "${BUILDAH[@]}" bud -q --layers "${mounts[@]}" --build-arg BASE_IMAGE=localhost/debian:bookworm --target "$1" -t "$2" "$root" > /dev/null
    save "$2" "$W/$1.tar"
}
case ${1:?usage: images.sh build|load} in
build)
    "$root/packages/install.sh" testbed
    timed "base image" base_image
    timed "image $OPERATOR_IMAGE" project_image operator "$OPERATOR_IMAGE"
    timed "image $RUNNER_IMAGE" project_image runner "$RUNNER_IMAGE"
    ;;
load)
    timed "base image" base_image
    timed "image pause" pause_image
    timed "image $NEO4J_IMAGE" neo4j_image
    timed "image $ONGDB_IMAGE" ongdb_image
    for image in pause neo4j ongdb operator runner; do
        ctr -a "$TB/run/containerd.sock" -n k8s.io images import "$W/$image.tar" > /dev/null
    done
    ;;
esac
