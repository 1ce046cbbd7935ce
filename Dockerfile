# syntax=docker/dockerfile:1
# Two images from one builder: --target operator, --target runner.
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${BASE_IMAGE} AS builder
COPY packages /src/packages
RUN /src/packages/install.sh build
COPY CMakeLists.txt CMakePresets.json /src/
COPY cmake /src/cmake
COPY common /src/common
COPY backup-runner /src/backup-runner
COPY operator /src/operator
WORKDIR /src
RUN cmake --preset release && cmake --build --preset release && strip build/release/bin/*

FROM ${BASE_IMAGE} AS operator
COPY packages /packages
RUN /packages/install.sh runtime-operator && rm -rf /packages /var/lib/apt/lists/*
COPY --from=builder /src/build/release/bin/neo4j-backup-operator /usr/local/bin/neo4j-backup-operator
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/neo4j-backup-operator"]

FROM ${BASE_IMAGE} AS runner
COPY packages /packages
RUN /packages/install.sh runtime-runner && rm -rf /packages /var/lib/apt/lists/*
COPY --from=builder /src/build/release/bin/neo4j-backup-runner /usr/local/bin/neo4j-backup-runner
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/neo4j-backup-runner"]
