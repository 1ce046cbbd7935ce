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

    [[nodiscard]] bool works() const { return error_ == 0; }

    /// FailedPrecondition (OutputFailed): not everything could be written.
    [[nodiscard]] base::Result<void> check() const;

private:
    void write(std::string_view text);
    int error_ = 0;
};

}  // namespace n4b::runner
