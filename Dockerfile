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

FROM ${BASE_IMAGE} AS operator-packages
COPY packages /packages
RUN /packages/install.sh runtime-operator && rm -rf /packages /var/lib/apt/lists/*

FROM operator-packages AS operator
COPY --from=builder /src/build/release/bin/neo4j-backup-operator /usr/local/bin/neo4j-backup-operator
# A shared library that the image lacks shows here, not in somebody's cluster.
RUN ["/usr/local/bin/neo4j-backup-operator", "--version"]
# Any uid works, as clusters that dictate one need it: nothing is written and no name is looked up.
USER 65532:0
ENTRYPOINT ["/usr/local/bin/neo4j-backup-operator"]

FROM ${BASE_IMAGE} AS runner-packages
COPY packages /packages
RUN /packages/install.sh runtime-runner && rm -rf /packages /var/lib/apt/lists/*

FROM runner-packages AS runner
COPY --from=builder /src/build/release/bin/neo4j-backup-runner /usr/local/bin/neo4j-backup-runner
RUN ["/usr/local/bin/neo4j-backup-runner", "--version"]
# Any uid works, as clusters that dictate one need it: nothing is written and no name is looked up.
USER 65532:0
ENTRYPOINT ["/usr/local/bin/neo4j-backup-runner"]
