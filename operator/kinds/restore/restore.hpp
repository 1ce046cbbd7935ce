#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/contract/run_report.hpp"
#include "operator/api/meta.hpp"
#include "operator/api/pod_profile.hpp"
#include "operator/run/run_owner.hpp"

namespace n4b::restore {

/// What is done with a database that was restored.
enum class Recovery {
    kNone,    ///< Nothing: the server that starts on it recovers it.
    kServer,  ///< A server runs on it once, so that it needs no recovery any more.
};

struct RestoreSpec {
    std::string backup{};  ///< Of spec.backupRef; empty: the four that follow say what is restored.
    std::string storage{};
    std::string source{};  ///< By which the storage knows it.
    std::string database{};
    std::string chain{};  ///< Empty: the newest.
    /// At most one of both; none: all that the chain holds, or that the backup stands for.
    std::optional<std::int64_t> before_transaction{};
    std::optional<base::SystemTime> before_time{};
    std::string claim{};
    std::string path{};          ///< Below the volume's root; empty: databases/ and the database's name.
    std::string log_path{};      ///< Of the transaction log; empty: the same.
    api::Resources resources{};  ///< Put over the storage's.
    Recovery recovery = Recovery::kNone;
    run::RunPolicy policy{};
    std::optional<std::chrono::milliseconds> ttl{};  ///< After it finished, the object is deleted.
    bool operator==(const RestoreSpec&) const = default;
};

struct RestoreStatus {
    std::int64_t observed_generation = -1;
    run::RunStatus run{};
    std::string runner_image{};
    std::string memory_limit{};
    std::string server_image{};  ///< Of the last attempt, as the two above; empty: no server recovers.
    std::string server_memory_limit{};
    /// Known from the first attempt on.
    std::string storage{};
    std::string source{};
    std::string database{};
    std::string chain{};                        ///< Empty: the newest.
    std::optional<std::int64_t> transaction{};  ///< Of a backup: the last one it stands for.
    std::optional<contract::RestoredReport> restored{};
    std::string path{};      ///< Beside `restored`: where it is, below the volume's root.
    std::string log_path{};  ///< Empty: the same.
    bool recovered = false;  ///< A server has recovered the database.
    std::vector<api::Condition> conditions{};
    bool operator==(const RestoreStatus&) const = default;
};

/// One restore.
struct Restore {
    api::Meta meta{};
    RestoreSpec spec{};
    RestoreStatus status{};
};

/// Reads the object as the API server sends it. Unknown fields are ignored, wrong types are Invalid with their path.
base::Result<Restore> parse_restore(const nlohmann::json& json);

/// The status as JSON; members that are not set are left out.
std::string status_json(const RestoreStatus& status);

}  // namespace n4b::restore
