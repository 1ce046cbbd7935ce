#!/usr/bin/env bash
# Builds the S3 servers that the object store is tested against, MinIO and versitygw, from one module. A module of its own: with
# MinIO in the testbed's module, Kubernetes would be built from other versions of its libraries than it was released with.
#   build.sh OUTPUT_DIRECTORY
set -euo pipefail
out=$(realpath -m "${1:?usage: build.sh OUTPUT_DIRECTORY}")
cd "$(dirname "$0")"
mkdir -p "$out"
GOTOOLCHAIN=local GOFLAGS='' GOWORK=off CGO_ENABLED=0 go build -mod=readonly -trimpath -buildvcs=false -gcflags=all=-dwarf=false \
    -ldflags='-s -w' -o "$out/" github.com/minio/minio github.com/versity/versitygw/cmd/versitygw
