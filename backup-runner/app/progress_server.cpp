#include "backup-runner/app/progress_server.hpp"

#include <fmt/format.h>

#include <utility>

#include "backup-runner/app/progress_text.hpp"
#include "backup-runner/app/rate_meter.hpp"
#include "common/base/notice.hpp"
#include "common/contract/progress.hpp"

namespace n4b::runner {

std::unique_ptr<httpd::Server> serve_progress(const contract::RunSpec& spec, const engine::ProgressCounters& counters) {
    if (spec.http_port == 0) return nullptr;
    auto progress = [&spec, &counters, meter = RateMeter(std::chrono::steady_clock::now())]() mutable {
        const auto bytes = counters.bytes.load();
        const auto view = view_of(counters, meter.look(bytes, std::chrono::steady_clock::now()));
        const contract::Progress now{.run_uid = spec.run.uid,
                                     .attempt = spec.run.attempt,
                                     .phase = view.phase,
                                     .files = view.files,
                                     .bytes = view.bytes,
                                     .rate = view.rate,
                                     .total_bytes = view.total,
                                     .remaining = remaining(view)};
        return httpd::Response{.content_type = "application/json", .body = to_json(now)};
    };
    auto server = httpd::Server::start({.port = spec.http_port,
                                        .handlers = {{"/healthz", [] { return httpd::Response{.body = "ok\n"}; }},
                                                     {"/progress", std::move(progress)}}});
    if (server) return *std::move(server);
    base::warn(fmt::format("nobody can ask for progress on port {}: {}", spec.http_port, server.error().message));
    return nullptr;
}

}  // namespace n4b::runner
