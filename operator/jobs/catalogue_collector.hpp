#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "common/contract/catalogue.hpp"
#include "operator/jobs/workload.hpp"

namespace n4b::jobs {

/// Fetches the chains of storages from the runners that look at them, page by page, on a thread of its own, since a
/// runner ends once somebody has them all. They are in memory only: the look that served them is made again when they
/// are lost. Thread-safe.
class CatalogueCollector {
public:
    /// The body that a pod serves at a path.
    using Fetch = std::function<base::Result<std::string>(const std::string& ip, const std::string& path,
                                                          const std::stop_token&)>;
    struct Parts {
        const Workload& workload;
        std::string kind{};  ///< Whose Jobs serve a catalogue.
        Fetch fetch{};
    };
    explicit CatalogueCollector(Parts parts) : parts_(std::move(parts)) {}

    void start();
    void stop();
    /// Asks every runner of a look that has not been asked with success. One of another run than its Job's is not
    /// believed.
    void collect(const std::stop_token& stop);
    /// The chains that a run of the object served last, where they are those of the report with this digest.
    [[nodiscard]] std::optional<std::vector<contract::ChainRecord>> chains(const std::string& owner_uid,
                                                                           const std::string& digest) const;
    /// Frees them.
    void forget(const std::string& owner_uid);

private:
    struct Collected {
        std::string job_uid{};
        std::string digest{};
        std::vector<contract::ChainRecord> chains{};
    };
    [[nodiscard]] bool has(const api::Job& job) const;
    [[nodiscard]] base::Result<Collected> fetch_all(const api::Job& job, const std::string& ip,
                                                    const std::stop_token& stop) const;

    Parts parts_;
    mutable std::mutex mutex_{};                    ///< Guards collected_.
    std::map<std::string, Collected> collected_{};  ///< By the uid of the object whose run it was.
    std::jthread thread_{};
};

}  // namespace n4b::jobs
