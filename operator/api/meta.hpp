#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.hpp"

namespace n4b::api {

/// The group and version of our kinds. They stand here only, so that a new version is one change.
inline constexpr char kGroup[] = "neo4jbackup.dev";
inline constexpr char kVersion[] = "v1alpha1";

/// "neo4jbackup.dev/v1alpha1", as objects name it.
std::string api_version();
/// "/apis/neo4jbackup.dev/v1alpha1", where the API server serves our kinds.
std::string api_path();

/// What our decisions need of metadata.
struct Meta {
    std::string object_namespace{};
    std::string name{};
    std::string uid{};
    std::string resource_version{};
    std::int64_t generation = 0;
    base::SystemTime created{};
    std::optional<base::SystemTime> deleted{};  ///< deletionTimestamp: when its grace ends.
    std::string controller_uid{};               ///< Of the controlling owner reference.
    /// Our labels, which say whose run it belongs to. Anybody may write them, so they only tell whom to wake.
    std::string owner_uid{};
    std::string owner_kind{};
    std::string owner_name{};
    std::string digest{};    ///< Our annotation: what the Job does.
    std::string locks{};     ///< Our annotation: the locks that its pods hold, one a line.
    std::string schedule{};  ///< Our label: the schedule that made it.
    std::string cadence{};   ///< Our label: of which of its cadences.
    std::string slot{};      ///< Our annotation: of which time, in RFC 3339.
    std::string run_now{};   ///< Our annotation on a schedule: asks for one backup.
    bool restored = false;   ///< Velero put it back from a backup of the cluster.

    /// "namespace/name", as work queues and stores know it.
    [[nodiscard]] std::string key() const { return object_namespace + "/" + name; }
    bool operator==(const Meta&) const = default;
};

/// A condition of a status (Kubernetes API conventions).
struct Condition {
    std::string type{};
    std::string status = "Unknown";  ///< "True", "False", "Unknown".
    std::string reason{};
    std::string message{};
    base::SystemTime last_transition{};
    std::int64_t observed_generation = 0;
    bool operator==(const Condition&) const = default;
};

/// The condition of that type, or null.
const Condition* find_condition(const std::vector<Condition>& conditions, std::string_view type);

/// Sets a condition; its transition time moves only when its status does.
void set_condition(std::vector<Condition>& conditions, Condition condition);

}  // namespace n4b::api
