#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/contract/run_report.hpp"
#include "common/contract/run_spec.hpp"
#include "operator/api/key_ref.hpp"
#include "operator/api/meta.hpp"
#include "operator/api/pod_profile.hpp"
#include "operator/run/run_status.hpp"

namespace n4b::source {

struct ServicePort {
    std::string name{};
    std::string port{};  ///< The port's name.
    bool operator==(const ServicePort&) const = default;
};

/// How to speak to a source that is guarded by an SSL policy. The operator reads none of what is named here.
struct Tls {
    std::string secret{};  ///< Empty: no client certificate.
    std::vector<api::KeyRef> trust{};
    contract::TlsVerification verification = contract::TlsVerification::kFull;
    std::string server_name{};  ///< Empty: what was dialled.
    bool operator==(const Tls&) const = default;
};

/// With which server a restored database of the source is recovered.
struct Server {
    std::string image{};
    bool accept_license = false;
    api::Resources resources{};  ///< Put over the operator's own.
    bool operator==(const Server&) const = default;
};

struct SourceSpec {
    std::string name{};  ///< Empty: the object's name.
    std::string database{};
    std::vector<contract::Endpoint> endpoints{};
    std::optional<ServicePort> service{};
    contract::SourcePolicy policy = contract::SourcePolicy::kPreferReplica;
    std::optional<std::int64_t> max_lag{};
    std::optional<Tls> tls{};  ///< Nothing: clear text.
    std::chrono::milliseconds probe_interval = std::chrono::hours(24);
    api::PodProfile runner{};        ///< Of the source's own probes.
    std::optional<Server> server{};  ///< Nothing: restores recover nothing.
    bool operator==(const SourceSpec&) const = default;
};

/// status.display: the columns of `kubectl get`, for people. No promise of the API.
struct Display {
    std::string members{};  ///< "2/3": how many of how many answered.
    std::string lag{};      ///< Of the member that a copy would come from.
    std::string guard{};    ///< Guarded, Open, ClearText or Unknown.
    bool operator==(const Display&) const = default;
};

struct SourceStatus {
    std::int64_t observed_generation = -1;
    run::RunStatus run{};                            ///< Of the probe under way, or the last one.
    std::optional<base::SystemTime> last_probe{};    ///< When the members were looked at last.
    std::optional<base::SystemTime> last_success{};  ///< When a look found one that answered.
    std::string store_id{};
    std::optional<base::SystemTime> client_certificate_expires{};
    std::vector<contract::MemberReport> members{};
    Display display{};  ///< As it is shown; what it should be follows from the rest, see display_of().
    std::vector<api::Condition> conditions{};
    bool operator==(const SourceStatus&) const = default;
};

/// A database cluster that backups are taken from.
struct Source {
    api::Meta meta{};
    SourceSpec spec{};
    SourceStatus status{};

    /// Whose name it is in the storage.
    [[nodiscard]] const std::string& identity() const { return spec.name.empty() ? meta.name : spec.name; }
};

/// Reads the object as the API server sends it. Unknown fields are ignored, wrong types are Invalid with their path.
base::Result<Source> parse_source(const nlohmann::json& json);

/// The status as JSON; members that are not set are left out.
std::string status_json(const SourceStatus& status);
/// A status with nothing but its conditions.
std::string conditions_json(const SourceStatus& status);

/// What the columns should show.
Display display_of(const SourceSpec& spec, const SourceStatus& status);

}  // namespace n4b::source
