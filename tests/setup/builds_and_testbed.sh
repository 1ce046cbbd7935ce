#!/usr/bin/env bash
# What the tests of `make test` run on: both builds with sanitizers, and the testbed, whose Kubernetes and Neo4j cluster take a
# minute to start that costs no processor. The compiler stands back for them, so that no start meets its deadline for its sake.
#   tests/setup/builds_and_testbed.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/setup/side_by_side.sh
. tests/setup/side_by_side.sh
threaded_tests() {
    cmake --preset tsan
    nice cmake --build --preset tsan --target n4b_threaded_tests -j "$(nproc)"
}
debug_build() {
    cmake --preset dev -DN4B_SERVER_TESTS=ON
    nice cmake --build --preset dev -j "$(nproc)"
}
begin "testbed" tests/e2e/setup.sh
begin "debug build" debug_build
begin "ThreadSanitizer build" after "debug build" threaded_tests
finish
