# `make` alone lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
JOBS ?= $(shell nproc)
SOURCES = $(shell git ls-files '*.hpp' '*.cpp')

# $(call step,name,command): says what it does and how long it took.
step = @echo "== $(1)"; start=$$SECONDS; $(2); echo "== $(1): $$((SECONDS - start)) s"

.PHONY: help packages generate reference build test test-unit test-servers test-s3 test-s3-faults test-load test-property test-property-checker test-e2e test-chaos test-chaos-checker test-api test-alerts test-chart test-gitops test-setup try demo testbed-up testbed-down images format format-check lint fuzz bench bench-build bench-increments bench-s3 clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

packages:
	$(call step,packages,packages/install.sh build lint)

generate: packages ## write the CustomResourceDefinitions from crds/kinds and crds/fragments
	python3 crds/generate.py

reference: build ## write docs/man and docs/runner-flags.md from the runner's command line
	build/release/bin/neo4j-backup-runner --print-reference man > docs/man/neo4j-backup-runner.1
	build/release/bin/neo4j-backup-runner --print-reference markdown > docs/runner-flags.md

build: packages ## build what is shipped: build/release/bin
	$(call step,release build,cmake --preset release > /dev/null; cmake --build --preset release -j $(JOBS))

test: packages format-check build ## all tests: sanitizers, real Neo4j servers, real Kubernetes
	$(call step,shellcheck,shellcheck -x packages/*.sh tests/*/*.sh tests/testbed/tools/build.sh operator/run/recover.sh tests/servers/s3_servers/*.sh .ci/run)
	$(call step,generated files,python3 crds/generate.py --check)
	$(call step,what the testbed needs,tests/testbed/fetch.sh)
	$(call step,chart,tests/chart/run.sh)
	$(call step,GitOps,tests/gitops/run.sh)
	$(call step,alerts,tests/alerts/run.py)
	$(call step,plain Debian,tests/setup/plain_debian.sh --if-changed)
	@trap 'tests/testbed/down.sh' EXIT; echo "== builds and testbed"; tests/setup/builds_and_testbed.sh; echo "== tests"; ctest --preset dev --no-label-summary | tests/setup/failures_last.py

test-unit: packages ## the quick loop: unit tests under ASan and UBSan
	$(call step,debug build,cmake --preset dev > /dev/null; cmake --build --preset dev -j $(JOBS))
	$(call step,unit tests,ctest --preset dev -L unit -j $(JOBS))

test-servers: build ## only the tests against real Neo4j servers
	$(call step,real servers,packages/install.sh servers; tests/servers/fetch.sh)
	$(call step,server tests,tests/servers/run.sh build/release/bin/neo4j-backup-runner; tests/servers/chain.sh build/release/bin/neo4j-backup-runner; tests/servers/tls.sh build/release/bin/neo4j-backup-runner)

test-s3: ## only the tests against real S3 servers
	$(call step,conformance suite,packages/install.sh build servers; cmake --preset dev > /dev/null; cmake --build --preset dev --target object_store_test neo4j-backup-runner -j $(JOBS))
	$(call step,S3 servers,LSAN_OPTIONS=suppressions=tests/lsan.supp tests/servers/s3.sh build/dev/bin/neo4j-backup-runner build/dev/bin/object_store_test)
	$(call step,roles proxies and locks,LSAN_OPTIONS=suppressions=tests/lsan.supp tests/servers/s3_identity.sh build/dev/bin/neo4j-backup-runner build/dev/bin/object_store_test)

NODES ?= 5600000
test-s3-faults: build ## the storage killed, revoked, deleted, filled and throttled half-way through backups of NODES nodes (5600000: 1.1 GB)
	$(call step,real servers,packages/install.sh servers; tests/servers/fetch.sh)
	$(call step,faults of the storage,tests/servers/storm.sh build/release/bin/neo4j-backup-runner $(NODES))

BACKUPS ?= 30
test-load: build ## BACKUPS (30) backups under at least 500 transactions a second, and more while logs are pruned
	$(call step,real servers,packages/install.sh servers; tests/servers/fetch.sh)
	$(call step,backups under load,tests/servers/load.sh build/release/bin/neo4j-backup-runner $(BACKUPS))

PROPERTY_SECONDS ?= 1800
PROPERTY_SEED ?=
NEO4J ?= 3.4.10
test-property: export NEO4J := $(NEO4J)
test-property: build ## PROPERTY_SECONDS (1800) of random writes, increments, kills and set-backs, restored to borders and points within
	$(call step,real servers,packages/install.sh servers; tests/servers/fetch.sh; [ "$(NEO4J)" = 3.4.10 ] || tests/servers/fetch.sh neo4j-3.5)
	$(call step,property test,tests/property/run.py build/release/bin/neo4j-backup-runner $(PROPERTY_SECONDS) $(PROPERTY_SEED))

test-property-checker: build ## that test-property finds four faults of restores and increments, which are planted
	$(call step,real servers,packages/install.sh servers; tests/servers/fetch.sh)
	$(call step,planted faults,tests/property/planted.py build/release/bin/neo4j-backup-runner $(PROPERTY_SEED))

test-e2e: ## only the end-to-end tests, on the testbed
	$(call step,testbed,tests/e2e/setup.sh)
	$(call step,end-to-end tests (the testbed stays up),for part in run chain schedules sources tls s3 s3_identity faults disruptions; do tests/e2e/$$part.sh; done)

CHAOS_SECONDS ?= 1800
CHAOS_SEED ?=
test-chaos: build ## CHAOS_SECONDS (1800) of kills, freezes, restarts and broken answers for two operators
	$(call step,testbed,tests/e2e/setup.sh)
	$(call step,chaos,tests/chaos/run.sh $(CHAOS_SECONDS) $(CHAOS_SEED))

test-chaos-checker: build ## that the checker of test-chaos finds what an operator without fencing does
	$(call step,testbed,tests/e2e/setup.sh)
	$(call step,chaos without fencing,tests/chaos/unfenced.sh)

test-api: ## only what a real API server makes of the CRDs
	tests/testbed/fetch.sh
	$(call step,CRDs and API server,python3 tests/api/schemas_test.py . && tests/api/alone.sh tests/api/run.sh)

test-setup: ## the set-up of a machine, in a plain Debian where nothing is installed
	$(call step,plain Debian,tests/setup/plain_debian.sh)

test-alerts: ## only the alerts of the Helm chart, by promtool
	$(call step,alerts,tests/alerts/run.py)

test-chart: ## only the tests of the Helm chart
	tests/testbed/fetch.sh
	$(call step,chart,tests/chart/run.sh)

test-gitops: ## only what Argo CD, kstatus and Flux make of our objects
	tests/testbed/fetch.sh
	$(call step,GitOps,tests/gitops/run.sh)

try: ## the runner alone: a backup of a real Neo4j cluster on loopback, and its restore
	$(call step,try,tests/servers/try.sh)

demo: ## the main job, to watch: Kubernetes, a Neo4j cluster, backups to a volume and a bucket, and their restores
	$(call step,demo,trap 'tests/testbed/down.sh' EXIT; tests/e2e/setup.sh demo; tests/demo/run.sh)

testbed-up: ## bring up Kubernetes, the images and a Neo4j cluster, and leave them
	$(call step,testbed,tests/e2e/setup.sh)

testbed-down: ## stop the testbed and remove its state
	$(call step,testbed down,tests/testbed/down.sh)

images: ## build the images of operator and runner with buildah
	$(call step,images,tests/testbed/images.sh build)

format: packages ## format all sources
	clang-format-14 -i $(SOURCES)

format-check: packages
	$(call step,format check,clang-format-14 --dry-run --Werror $(SOURCES))
	@# grep -q ends before what feeds it has written all, which pipefail takes for a failure now and then.
	@! grep -rlPz '[^|]\|\s*grep -[A-Za-z]*q' --include='*.sh' .ci tests packages || \
	  { echo 'a pipe ends in grep -q: expected grep PATTERN > /dev/null' >&2; exit 1; }

lint: packages ## clang-tidy over all sources but tests
	cmake --preset dev > /dev/null
	printf '%s\n' $(filter %.cpp,$(filter-out tests/%,$(SOURCES))) | xargs -P $(JOBS) -n 4 clang-tidy-14 -p build/dev --quiet

FUZZ_SECONDS ?= 60
fuzz: ## run each libFuzzer target for FUZZ_SECONDS (60)
	packages/install.sh build fuzz
	cmake --preset fuzz > /dev/null
	cmake --build --preset fuzz -j $(JOBS)
	for target in build/fuzz/bin/*_fuzz; do \
	  name=$$(basename $$target); mkdir -p build/fuzz/corpus/$$name; \
	  ASAN_OPTIONS=quarantine_size_mb=64 $$target -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=512 -print_final_stats=1 build/fuzz/corpus/$$name tests/fuzz/corpus/$$name; \
	done

bench-build: build
	packages/install.sh servers
	tests/servers/fetch.sh
	cmake --preset release -DN4B_BENCH=ON > /dev/null
	cmake --build --preset release -j $(JOBS)

bench: bench-build ## time backups of a store of NODES nodes beside neo4j-admin and cp
	tests/bench/run.sh build/release $(NODES)

bench-increments: bench-build ## time increments of 1, 10000 and 100000 transactions beside neo4j-admin's, and one of 1 GB
	tests/bench/increments.sh build/release

bench-s3: bench-build ## time backups into MinIO beside rclone, and how long the source's checkpoint lock is held
	tests/bench/s3.sh build/release $(NODES)
	build/release/bin/prepare_lock

clean: ## remove what was built
	rm -rf build
