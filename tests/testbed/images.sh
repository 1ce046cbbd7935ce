#!/usr/bin/env bash
# Images without a registry, by buildah: the base that the Dockerfile takes by build argument, pause, Neo4j, ONgDB, and the
# project's operator and runner.
#   images.sh PART...: base, packages (of the project's images), compile (what they hold), project, pause, neo4j, ongdb
#   images.sh build: all that the project's images need, and them
#   images.sh load IMAGE...: puts images into the node: pause, neo4j, ongdb, operator, runner
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=tests/testbed/env.sh
. "$here/env.sh"
W=$CACHE/images
mkdir -p "$W"
BUILDAH=(buildah --root "$W/storage" --runroot "$W/run")

base_image() {
    if [ ! -f "$W/debian.tar" ]; then
        mmdebstrap -q --format=tar --variant=minbase --include=ca-certificates bookworm "$W/debian.tar.new"
        mv "$W/debian.tar.new" "$W/debian.tar"
    fi
    ! "${BUILDAH[@]}" inspect --type image localhost/debian:bookworm > /dev/null 2>&1 || return 0
    local c
    c=$("${BUILDAH[@]}" from scratch)
    "${BUILDAH[@]}" add -q "$c" "$W/debian.tar" / > /dev/null
    "${BUILDAH[@]}" config --cmd '["/bin/bash"]' "$c"
    "${BUILDAH[@]}" commit -q --rm "$c" localhost/debian:bookworm > /dev/null
}
save() { # IMAGE FILE
    rm -f "$2.new"
    "${BUILDAH[@]}" push -q "$1" "docker-archive:$2.new:$1"
    mv "$2.new" "$2"
}
# recipe_of IMAGE: a digest of the function that makes the image, and of the files of this directory that images hold.
# made IMAGE: the cache holds the image, and it was made by the recipe of today. Otherwise an old image would be used for ever.
# keep NAME IMAGE: puts the image into the cache, with its recipe.
recipe_of() { { declare -f "$1_image"; cat "$here"/*_launcher.sh; } | sha256sum; }
made() { [ -f "$W/$1.tar" ] && [ "$(recipe_of "$1")" = "$(cat "$W/$1.recipe" 2> /dev/null)" ]; }
keep() {
    save "$2" "$W/$1.tar"
    recipe_of "$1" > "$W/$1.recipe"
}
pause_image() {
    ! made pause || return 0
    printf '#include <signal.h>\n#include <unistd.h>\nstatic void bye(int s) { (void)s; _exit(0); }\nint main(void) { signal(SIGTERM, bye); signal(SIGINT, bye); for (;;) pause(); }\n' |
        gcc -O2 -static -x c -o "$W/pause" -
    local c
    c=$("${BUILDAH[@]}" from scratch)
    "${BUILDAH[@]}" copy -q "$c" "$W/pause" /pause > /dev/null
    "${BUILDAH[@]}" config --entrypoint '["/pause"]' "$c"
    "${BUILDAH[@]}" commit -q --rm "$c" localhost/pause:1 > /dev/null
    keep pause localhost/pause:1
}
neo4j_image() {
    ! made neo4j || return 0
    local c servers=$CACHE/neo4j-3.4.10-v1
    c=$("${BUILDAH[@]}" from localhost/debian:bookworm)
    "${BUILDAH[@]}" copy -q "$c" "$servers/jdk" /opt/jdk > /dev/null
    "${BUILDAH[@]}" copy -q "$c" "$servers/neo4j" /opt/neo4j > /dev/null
    "${BUILDAH[@]}" copy -q "$c" "$here/neo4j_launcher.sh" /var/lib/neo4j/bin/neo4j > /dev/null
    "${BUILDAH[@]}" config --cmd '[]' --entrypoint '["/opt/jdk/bin/java","-XX:TieredStopAtLevel=1","-XX:+UseSerialGC","-Xmx384m","-cp","/opt/neo4j:/opt/neo4j/lib/*","Neo4jServer","--home-dir=/data","--config-dir=/conf"]' "$c"
    "${BUILDAH[@]}" commit -q --rm "$c" localhost/neo4j:3.4.10 > /dev/null
    keep neo4j localhost/neo4j:3.4.10
}
ongdb_image() {
    ! made ongdb || return 0
    local c
    c=$("${BUILDAH[@]}" from localhost/debian:bookworm)
    "${BUILDAH[@]}" copy -q "$c" "$CACHE/neo4j-3.4.10-v1/jdk" /opt/jdk > /dev/null
    "${BUILDAH[@]}" copy -q "$c" "$CACHE/neo4j-3.4.10-v1/ongdb-1.0.3-v1" /opt/ongdb > /dev/null
    "${BUILDAH[@]}" config --cmd '[]' "$c"
    "${BUILDAH[@]}" commit -q --rm "$c" localhost/ongdb:1.0.3 > /dev/null
    keep ongdb localhost/ongdb:1.0.3
}
# On the Debian of the base image, the release build of this machine is what the Dockerfile's builder would make, so nothing is
# compiled twice: its directory takes the builder's place. Elsewhere the builder compiles.
compiled_here() { grep -qx ID=debian /etc/os-release && grep -qx VERSION_CODENAME=bookworm /etc/os-release; }
compile() {
    compiled_here || return 0
    "$root/packages/install.sh" build
    cd "$root"
    cmake --preset release > /dev/null
    cmake --build --preset release -j "$(nproc)"
}
# bud TARGET IMAGE: an image of the Dockerfile. It takes packages from where this machine does.
bud() {
    local options=(--build-arg BASE_IMAGE=localhost/debian:bookworm)
    [ ! -d /etc/apt ] || options+=(-v /etc/apt:/etc/apt:ro)
    if compiled_here; then
        mkdir -p "$W/builder"
        options+=(--build-context "builder=$W/builder")
    else
        mkdir -p "$CACHE/image-ccache"
        options+=(-v "$CACHE/image-ccache:/root/.cache/ccache")
    fi
    "${BUILDAH[@]}" bud -q --layers "${options[@]}" --target "$1" -t "$2" "$root" > /dev/null
}
# Layers that need nothing compiled, for the images to build upon.
packages() {
    compiled_here || return 0
    bud operator-packages localhost/operator-packages:dev
    bud runner-packages localhost/runner-packages:dev
}
project_image() { # TARGET IMAGE
    if compiled_here; then
        local bin=$W/builder/src/build/release/bin
        mkdir -p "$bin"
        strip -o "$bin/neo4j-backup-$1" "$root/build/release/bin/neo4j-backup-$1"
    fi
    bud "$1" "$2"
    save "$2" "$W/$1.tar"
}
load() { # IMAGE...
    local image
    for image in "$@"; do
        ctr -a "$TB/run/containerd.sock" -n k8s.io images import "$W/$image.tar" > /dev/null
    done
}
# part NAME: several runs of this script may work side by side, but one at a time on images.
part() {
    if [ "$1" = compile ]; then
        timed "release build" compile
        return
    fi
    exec 8> "$W/lock"
    flock 8
    case $1 in
    base) timed "base image" base_image ;;
    packages) timed "packages of the project's images" packages ;;
    project)
        timed "image $OPERATOR_IMAGE" project_image operator "$OPERATOR_IMAGE"
        timed "image $RUNNER_IMAGE" project_image runner "$RUNNER_IMAGE"
        ;;
    pause) timed "image pause" pause_image ;;
    neo4j) timed "image $NEO4J_IMAGE" neo4j_image ;;
    ongdb) timed "image $ONGDB_IMAGE" ongdb_image ;;
    *) echo "no such part: $1" >&2; return 1 ;;
    esac
    exec 8>&-
}
case ${1:?usage: images.sh PART...|build|load IMAGE...} in
build)
    "$root/packages/install.sh" testbed
    for name in base compile project; do part "$name"; done
    ;;
load) load "${@:2}" ;;
*) for name in "$@"; do part "$name"; done ;;
esac
