#include "operator/kube/server_clock.hpp"

#include <algorithm>
#include <optional>

namespace n4b::kube {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kDatePrecision = std::chrono::seconds(1);  // RFC 9110: Date has whole seconds.

constexpr auto kFresh = std::chrono::minutes(1);

milliseconds since_epoch(base::SteadyTime time) {
    return std::chrono::duration_cast<milliseconds>(time.time_since_epoch());
}

}  // namespace

base::SystemTime ServerClock::system_now() const {
    return at(steady_now());
}

base::SystemTime ServerClock::at(base::SteadyTime local) const {
    const std::scoped_lock lock(mutex_);
    if (offset_) return base::SystemTime(since_epoch(local) + *offset_);
    const auto ago = since_epoch(std::chrono::steady_clock::now()) - since_epoch(local);
    return base::RealClock().system_now() - ago;
}

bool ServerClock::learnt() const {
    const std::scoped_lock lock(mutex_);
    return offset_.has_value();
}

void ServerClock::learn(base::SystemTime date, base::SteadyTime sent, base::SteadyTime received) {
    // At some time between sent and received the server's clock stood in [date, date + 1 s).
    const auto least = date.time_since_epoch() - since_epoch(received);
    const auto most = date.time_since_epoch() + kDatePrecision - since_epoch(sent);
    if (least > most) return;
    const std::scoped_lock lock(mutex_);
    offset_ = offset_ ? std::clamp(*offset_, least, most) : (least + most) / 2;
}

void ClockedTransport::learn(const base::Result<http::Response>& response, base::SteadyTime sent,
                             base::SteadyTime received) {
    // A proxy in between answers 5xx in the server's place, with a clock of its own.
    if (response && response->date && response->status < 500) clock_.learn(*response->date, sent, received);
}

base::Result<http::Response> ClockedTransport::exchange(const http::Request& request, const std::stop_token& stop) {
    const auto sent = clock_.steady_now();
    auto response = inner_.exchange(request, stop);
    learn(response, sent, clock_.steady_now());
    return response;
}

base::Result<http::Response> ClockedTransport::stream(const http::Request& request, const http::PieceSink& sink,
                                                      const std::stop_token& stop) {
    const auto sent = clock_.steady_now();
    std::optional<base::SteadyTime> received;
    const auto noting = [&](std::string_view piece) {
        if (!received) received = clock_.steady_now();
        return sink(piece);
    };
    auto response = inner_.stream(request, noting, stop);
    // Of a watch the Date is told when it ends, and the server's clock may have been set since.
    const auto now = clock_.steady_now();
    if (now - sent < kFresh) learn(response, sent, received.value_or(now));
    return response;
}

}  // namespace n4b::kube
