#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "common/base/result.hpp"

namespace n4b::runner {

/// What a command writes to standard output. The first write that fails is the last: its error is kept for whoever
/// asks, and no exception ends a command that has done its work. One thread.
class Output {
public:
    template <typename... Args>
    void print(fmt::format_string<Args...> format, Args&&... args) {
        write(fmt::format(format, std::forward<Args>(args)...));
    }

    /// A name and its value, a line of a list for people.
    void row(std::string_view name, std::string_view value) { print("{:<18}{}\n", name, value); }

    [[nodiscard]] bool works() const { return error_ == 0; }
    /// Whether anything was printed.
    [[nodiscard]] bool used() const { return used_; }

    /// FailedPrecondition (OutputFailed): not everything could be written.
    [[nodiscard]] base::Result<void> check() const;

private:
    void write(std::string_view text);
    int error_ = 0;
    bool used_ = false;
};

}  // namespace n4b::runner
