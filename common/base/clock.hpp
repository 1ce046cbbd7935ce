#pragma once

#include <algorithm>
#include <chrono>

namespace n4b::base {

using SystemTime = std::chrono::sys_time<std::chrono::milliseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

/// Where time comes from; thread-safe. Pure rooms take `now` as a parameter instead.
class Clock {
public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual SystemTime system_now() const = 0;
    [[nodiscard]] virtual SteadyTime steady_now() const = 0;
};

class RealClock final : public Clock {
public:
    [[nodiscard]] SystemTime system_now() const override {
        return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
    }
    [[nodiscard]] SteadyTime steady_now() const override { return std::chrono::steady_clock::now(); }
};

/// A point in monotonic time until which a call may block. Immutable.
class Deadline {
public:
    static Deadline at(SteadyTime when) { return Deadline(when); }
    static Deadline after(std::chrono::milliseconds span) { return Deadline(std::chrono::steady_clock::now() + span); }
    static Deadline never() { return Deadline(SteadyTime::max()); }

    [[nodiscard]] SteadyTime when() const { return when_; }
    [[nodiscard]] bool passed() const { return std::chrono::steady_clock::now() >= when_; }
    /// What is left until then; 0 when it has passed.
    [[nodiscard]] std::chrono::milliseconds left() const {
        const auto now = std::chrono::steady_clock::now();
        return std::chrono::ceil<std::chrono::milliseconds>(when_ > now ? when_ - now : SteadyTime::duration::zero());
    }
    /// The sooner of two.
    [[nodiscard]] Deadline sooner(const Deadline& other) const { return Deadline(std::min(when_, other.when_)); }

private:
    explicit Deadline(SteadyTime when) : when_(when) {}
    SteadyTime when_;
};

}  // namespace n4b::base
