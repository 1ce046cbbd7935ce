#pragma once

namespace n4b::api {

/// Labels on the Jobs and pods that the operator makes.
inline constexpr char kOwnerUidLabel[] = "neo4jbackup.dev/owner-uid";
inline constexpr char kOwnerLabel[] = "neo4jbackup.dev/owner";
inline constexpr char kKindLabel[] = "neo4jbackup.dev/kind";
inline constexpr char kAttemptLabel[] = "neo4jbackup.dev/attempt";
inline constexpr char kSourceLabel[] = "neo4jbackup.dev/source";
inline constexpr char kDatabaseLabel[] = "neo4jbackup.dev/database";
inline constexpr char kStorageLabel[] = "neo4jbackup.dev/storage";

/// Annotations on them.
inline constexpr char kDigestAnnotation[] = "neo4jbackup.dev/spec-digest";
inline constexpr char kLocksAnnotation[] = "neo4jbackup.dev/locks";

/// On the backups that a schedule makes: whose they are, of which of its cadences, and of which time.
inline constexpr char kScheduleLabel[] = "neo4jbackup.dev/schedule";
inline constexpr char kCadenceLabel[] = "neo4jbackup.dev/cadence";
inline constexpr char kSlotAnnotation[] = "neo4jbackup.dev/slot";

/// An annotation on a schedule: its value, a token, asks for one backup now.
inline constexpr char kRunNowAnnotation[] = "neo4jbackup.dev/run-now";

/// The containers of the pods that the operator makes.
inline constexpr char kRunnerContainer[] = "runner";
inline constexpr char kServerContainer[] = "server";

/// Velero's label on what it has put back from a backup of the cluster.
inline constexpr char kVeleroLabel[] = "velero.io/restore-name";

}  // namespace n4b::api
