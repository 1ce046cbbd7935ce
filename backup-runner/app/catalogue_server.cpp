#include "backup-runner/app/catalogue_server.hpp"

#include <algorithm>
#include <map>

#include "common/base/pause.hpp"
#include "common/contract/catalogue.hpp"

namespace n4b::runner {
namespace {

constexpr auto kLook = std::chrono::milliseconds(50);
/// For an answer that is under way when the last page was asked for.
constexpr auto kLastAnswer = std::chrono::seconds(1);

std::vector<std::string> pages_of(const contract::RunSpec& spec, const std::vector<contract::ChainRecord>& chains) {
    using contract::kChainsOnPage;
    const auto count = std::max<std::size_t>(1, (chains.size() + kChainsOnPage - 1) / kChainsOnPage);
    std::vector<std::string> pages;
    for (std::size_t i = 0; i < count; ++i) {
        const auto from = std::min(chains.size(), i * kChainsOnPage);
        const auto to = std::min(chains.size(), from + kChainsOnPage);
        pages.push_back(to_json(contract::CataloguePage{.run_uid = spec.run.uid,
                                                        .attempt = spec.run.attempt,
                                                        .page = static_cast<std::int64_t>(i),
                                                        .pages = static_cast<std::int64_t>(count),
                                                        .chains = {chains.begin() + static_cast<std::ptrdiff_t>(from),
                                                                   chains.begin() + static_cast<std::ptrdiff_t>(to)}}));
    }
    return pages;
}

}  // namespace

CatalogueServer::CatalogueServer(const contract::RunSpec& spec, const engine::ChainRecords& records)
    : pages_(pages_of(spec, records.chains)), taken_(pages_.size()) {
    report_ = {.chains = static_cast<std::int64_t>(records.chains.size()),
               .artifacts = records.artifacts,
               .left_out = records.left_out,
               .pages = static_cast<std::int64_t>(pages_.size()),
               .digest = contract::catalogue_digest(pages_)};
}

base::Result<std::unique_ptr<CatalogueServer>> CatalogueServer::start(const contract::RunSpec& spec,
                                                                      const engine::ChainRecords& records) {
    std::unique_ptr<CatalogueServer> server(new CatalogueServer(spec, records));
    N4B_TRY_VOID(server->listen(spec.http_port));
    return server;
}

base::Result<void> CatalogueServer::listen(std::uint16_t port) {
    std::map<std::string, httpd::Handler> handlers{{"/healthz", [] { return httpd::Response{.body = "ok\n"}; }}};
    for (std::size_t i = 0; i < pages_.size(); ++i) {
        handlers.emplace(contract::catalogue_path(static_cast<std::int64_t>(i)), [this, i] {
            taken_[i] = true;
            return httpd::Response{.content_type = "application/json", .body = pages_[i]};
        });
    }
    N4B_TRY(server_, httpd::Server::start({.port = port, .handlers = std::move(handlers)}));
    return {};
}

bool CatalogueServer::all_taken() const {
    return std::all_of(taken_.begin(), taken_.end(), [](const auto& taken) { return taken.load(); });
}

bool CatalogueServer::serve(std::chrono::milliseconds patience, const std::stop_token& stop) {
    const auto deadline = base::Deadline::after(patience);
    while (!all_taken()) {
        if (deadline.passed() || !base::pause(kLook, stop)) return false;
    }
    base::pause(kLastAnswer, stop);
    return true;
}

}  // namespace n4b::runner
