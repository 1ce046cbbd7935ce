#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>

#include "common/base/pause.hpp"
#include "operator/jobs/run.hpp"
#include "operator/kube/client.hpp"

namespace n4b::jobs {

/// Drives an object; when it changed since the store saw it, drives it again as the API server has it now. T has a Meta
/// `meta`. A conflict that lasts is looked at again after a second.
template <typename T>
base::Result<Requeue> drive_fresh(kube::Client& client, const std::string& path,
                                  base::Result<T> (*parse)(const nlohmann::json&), const T& known,
                                  const std::stop_token& stop,
                                  const std::function<base::Result<Requeue>(const T&)>& drive) {
    using std::chrono::milliseconds;
    // client-go's DefaultBackoff for conflicts: 10 ms, times 5, four steps.
    constexpr std::array kWaits{milliseconds(10), milliseconds(50), milliseconds(250)};
    auto result = drive(known);
    for (const auto wait : kWaits) {
        if (result || result.error().code != base::ErrorCode::kConflict) return result;
        if (!base::pause(wait, stop)) return result;
        base::Result<T> live = base::fail(base::ErrorCode::kInternal, "no object");
        const auto got = client.get(path, [&](const auto& json) { live = parse(json); });
        if (!got && got.error().code == base::ErrorCode::kNotFound) return Requeue{};
        if (!got) return base::fail(got.error());
        if (!live) return base::fail(live.error());
        if (live->meta.uid != known.meta.uid) return Requeue{};
        result = drive(*live);
    }
    if (!result && result.error().code == base::ErrorCode::kConflict) return Requeue{milliseconds(1000)};
    return result;
}

}  // namespace n4b::jobs
