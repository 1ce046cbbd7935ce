#include "backup-runner/engine/source_probe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "common/base/notice.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using contract::MemberRole;

/// All answers are short.
constexpr std::size_t kProbeBuffer = 4096;

/// Runs the work for 0..count-1, each on a thread of its own, and ends what is left at the deadline or the stop.
void side_by_side(std::size_t count, base::Deadline deadline, const std::stop_token& stop,
                  const std::function<void(std::size_t, const std::stop_token&)>& work) {
    std::stop_source ending;
    std::mutex mutex;
    std::condition_variable_any changed;
    std::size_t running = count;
    std::vector<std::jthread> threads;
    threads.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        threads.emplace_back([&, i] {
            work(i, ending.get_token());
            const std::lock_guard lock(mutex);
            --running;
            changed.notify_all();
        });
    }
    {
        std::unique_lock lock(mutex);
        changed.wait_until(lock, stop, deadline.when(), [&] { return running == 0; });
    }
    ending.request_stop();
}

/// Asks one server; what it can't be asked any more stays unknown.
void ask(Candidate& candidate, const catchup::SessionOptions& options, net::Dialer& dialer,
         const std::stop_token& stop) {
    auto session = catchup::Session::open(dialer, candidate.address, options, stop, candidate.family);
    if (!session) {
        candidate.error = session.error();
        return;
    }
    if (const auto* security = (*session)->security()) candidate.security = *security;
    const auto id = (*session)->store_id();
    const auto last = id ? (*session)->last_committed(*id) : base::fail(id.error());
    if (!last) {
        candidate.error = last.error().wrap(net::to_string(candidate.address));
        return;
    }
    candidate.answered = true;
    candidate.store_id = txlog::to_string(*id);
    candidate.last_transaction = *last;
    session->reset();
    auto second = catchup::Session::open(dialer, candidate.address, options, stop, candidate.family);
    if (!second) return;
    const auto core = (*second)->is_core();
    if (core) candidate.role = *core ? MemberRole::kCore : MemberRole::kReadReplica;
}

Candidate unresolved(const contract::Endpoint& endpoint, base::Error error) {
    return {.address = {.ip = endpoint.host, .port = endpoint.port},
            .host = endpoint.host,
            .member = endpoint.member,
            .error = std::move(error)};
}

std::vector<Candidate> resolve_all(const contract::RunSpec& spec, net::Dialer& dialer, base::Deadline end,
                                   const std::stop_token& stop) {
    const auto deadline = base::Deadline::after(spec.timeouts.connect).sooner(end);
    std::vector<base::Result<std::vector<net::Address>>> resolved(
        spec.endpoints.size(), base::fail(ErrorCode::kCancelled, Reason::kCancelled, "cancelled"));
    side_by_side(spec.endpoints.size(), deadline, stop, [&](std::size_t i, const std::stop_token& ending) {
        resolved[i] = dialer.resolve(spec.endpoints[i].host, spec.endpoints[i].port, deadline, ending);
    });
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < spec.endpoints.size(); ++i) {
        const auto& endpoint = spec.endpoints[i];
        if (!resolved[i]) {
            auto error = resolved[i].error();
            if (error.code == ErrorCode::kCancelled)
                error.message = fmt::format("resolve {}: timed out", endpoint.host);
            error.reason = Reason::kSourceNameNotResolved;
            candidates.push_back(unresolved(endpoint, std::move(error)));
            continue;
        }
        for (const auto& address : *resolved[i]) {
            const bool known =
                std::any_of(candidates.begin(), candidates.end(), [&](const auto& c) { return c.address == address; });
            if (known) continue;
            const bool named = endpoint.member.empty() && endpoint.host != address.ip;
            candidates.push_back(
                {.address = address, .host = endpoint.host, .member = named ? endpoint.host : endpoint.member});
        }
    }
    if (candidates.size() > kMaxCandidates) candidates.resize(kMaxCandidates);
    return candidates;
}

}  // namespace

base::Deadline deadline_of(const contract::RunSpec& spec, base::SteadyTime started) {
    return spec.duration ? base::Deadline::at(started + *spec.duration) : base::Deadline::never();
}

catchup::SessionOptions session_options(const contract::RunSpec& spec, base::Deadline deadline) {
    catchup::SessionOptions options{.connect = spec.timeouts.connect,
                                    .prepare = spec.timeouts.prepare,
                                    .stall = spec.timeouts.stall,
                                    .deadline = deadline};
    options.handshake = std::min(options.handshake, options.stall);
    return options;
}

contract::TlsReport tls_report(const net::Security& security, const contract::RunSpec& spec) {
    return {.version = security.version,
            .cipher = security.cipher,
            .verification = spec.tls ? std::string(to_string(spec.tls->verification)) : "",
            .client_certificate_requested = security.client_certificate_requested,
            .certificate_expires = security.certificate_expires,
            .server_certificate_expires = security.server_certificate_expires};
}

std::vector<Candidate> observe_candidates(const contract::RunSpec& spec, net::Dialer& dialer, base::Deadline deadline,
                                          const std::stop_token& stop) {
    auto candidates = resolve_all(spec, dialer, deadline, stop);
    auto options = session_options(spec, deadline);
    // A server that takes the connection and is silent costs as much as one that doesn't take it.
    options.handshake = std::min(options.handshake, options.connect);
    options.stall = std::min(options.stall, options.connect);
    options.buffer_bytes = kProbeBuffer;
    const auto limit = 2 * spec.timeouts.connect;
    side_by_side(candidates.size(), base::Deadline::after(limit).sooner(deadline), stop,
                 [&](std::size_t i, const std::stop_token& ending) {
                     if (!candidates[i].error) ask(candidates[i], options, dialer, ending);
                 });
    for (auto& candidate : candidates) {
        if (candidate.answered) {
            base::debug(fmt::format("{} answered: {}, last transaction {}", net::to_string(candidate.address),
                                    to_string(candidate.role), candidate.last_transaction));
        }
        if (!candidate.error || candidate.error->reason != Reason::kCancelled) continue;
        candidate.error =
            base::Error{.code = ErrorCode::kDeadline,
                        .message = fmt::format("{} did not answer within {} s", net::to_string(candidate.address),
                                               static_cast<double>(limit.count()) / 1000.0),
                        .reason = Reason::kSourceStalled};
    }
    return candidates;
}

}  // namespace n4b::engine
