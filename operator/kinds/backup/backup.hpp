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
#include "operator/run/run_owner.hpp"

namespace n4b::backup {

struct BackupSpec {
    std::string source{};    ///< Of spec.sourceRef.
    std::string storage{};   ///< Of spec.storageRef.
    std::string database{};  ///< Empty: the source's.
    contract::BackupType type = contract::BackupType::kAuto;
    contract::WhenImpossible when_impossible = contract::WhenImpossible::kFull;
    std::int64_t max_chain_length = contract::kUsualChainLength;
    contract::Compression compression = contract::Compression::kZstd;
    contract::VerifyLevel verify = contract::VerifyLevel::kWritten;
    api::Resources resources{};  ///< Put over the storage's.
    std::int64_t connections = 2;
    std::int64_t bandwidth_limit = 0;  ///< Bytes per second; 0: none.
    run::RunPolicy policy{};
    contract::RunTimeouts timeouts{};
    std::optional<std::chrono::milliseconds> ttl{};  ///< After it finished, the object is deleted.
    bool operator==(const BackupSpec&) const = default;
};

struct BackupStatus {
    std::int64_t observed_generation = -1;
    run::RunStatus run{};
    std::string database{};  ///< Known once the source was read.
    std::string runner_image{};
    std::string memory_limit{};
    std::optional<contract::SourceReport> source{};
    std::optional<contract::TlsReport> tls{};  ///< Of the copy; nothing in clear text.
    std::optional<contract::ArtifactReport> artifact{};
    std::optional<contract::UpToDateReport> up_to_date{};  ///< In place of an artifact: there was nothing new.
    std::vector<api::Condition> conditions{};
    bool operator==(const BackupStatus&) const = default;
};

/// One backup.
struct Backup {
    api::Meta meta{};
    BackupSpec spec{};
    BackupStatus status{};

    [[nodiscard]] bool succeeded() const;
};

/// Reads the object as the API server sends it. Unknown fields are ignored, wrong types are Invalid with their path.
base::Result<Backup> parse_backup(const nlohmann::json& json);

/// The status as JSON; members that are not set are left out.
std::string status_json(const BackupStatus& status);
}  // namespace n4b::backup
