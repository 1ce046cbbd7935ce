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
#include "operator/api/meta.hpp"
#include "operator/api/pod_profile.hpp"

namespace n4b::source {

struct ServicePort {
    std::string name{};
    std::string port{};  ///< The port's name.
    bool operator==(const ServicePort&) const = default;
};

/// A key of a Secret or ConfigMap of the source's namespace.
struct KeyRef {
    enum class Kind { kSecret, kConfigMap } kind = Kind::kSecret;
    std::string name{};
    std::string key{};
    bool operator==(const KeyRef&) const = default;
};

/// How to speak to a source that is guarded by an SSL policy. The operator reads none of what is named here.
struct Tls {
    std::string secret{};  ///< Empty: no client certificate.
    std::vector<KeyRef> trust{};
    contract::TlsVerification verification = contract::TlsVerification::kFull;
    std::string server_name{};  ///< Empty: what was dialled.
    bool operator==(const Tls&) const = default;
};

struct SourceSpec {
    std::string name{};  ///< Empty: the object's name.
    std::string database{};
    std::vector<contract::Endpoint> endpoints{};
    std::optional<ServicePort> service{};
    contract::SourcePolicy policy = contract::SourcePolicy::kPreferReplica;
    std::optional<std::int64_t> max_lag{};
    std::optional<Tls> tls{};  ///< Nothing: clear text.
    api::PodProfile runner{};  ///< Of the source's own probes.
    bool operator==(const SourceSpec&) const = default;
};

/// A database cluster that backups are taken from.
struct Source {
    api::Meta meta{};
    SourceSpec spec{};

    /// Whose name it is in the storage.
    [[nodiscard]] const std::string& identity() const { return spec.name.empty() ? meta.name : spec.name; }
};

/// Reads the object as the API server sends it. Unknown fields are ignored, wrong types are Invalid with their path.
base::Result<Source> parse_source(const nlohmann::json& json);

}  // namespace n4b::source
