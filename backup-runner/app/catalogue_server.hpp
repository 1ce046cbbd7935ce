#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "backup-runner/engine/chain_records.hpp"
#include "common/contract/run_report.hpp"
#include "common/contract/run_spec.hpp"
#include "common/httpd/server.hpp"

namespace n4b::runner {

/// Serves the chains of a storage in pages at spec.http_port, since a report has no room for them. One thread calls;
/// the pages are asked for on the server's own.
class CatalogueServer {
public:
    /// Unavailable: the port can't be had.
    static base::Result<std::unique_ptr<CatalogueServer>> start(const contract::RunSpec& spec,
                                                                const engine::ChainRecords& records);

    /// What the report says of it.
    [[nodiscard]] const contract::CatalogueReport& report() const { return report_; }
    [[nodiscard]] std::uint16_t port() const { return server_->port(); }
    /// Blocks until somebody has asked for every page and had a moment to receive the last one; at most for as long as
    /// `patience`. False: nobody has them all.
    bool serve(std::chrono::milliseconds patience, const std::stop_token& stop);

private:
    CatalogueServer(const contract::RunSpec& spec, const engine::ChainRecords& records);
    base::Result<void> listen(std::uint16_t port);
    [[nodiscard]] bool all_taken() const;

    contract::CatalogueReport report_{};
    std::vector<std::string> pages_{};
    std::vector<std::atomic<bool>> taken_;
    std::unique_ptr<httpd::Server> server_{};  ///< Destroyed first: it reads the pages.
};

}  // namespace n4b::runner
