#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "common/base/error.hpp"

namespace n4b::base {

template <typename T>
using Result = tl::expected<T, Error>;

/// A failure as any Result<T>.
inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
    return tl::unexpected(Error{.code = code, .message = std::move(message)});
}
inline tl::unexpected<Error> fail(ErrorCode code, Reason reason, std::string message) {
    return tl::unexpected(Error{.code = code, .message = std::move(message), .reason = reason});
}
inline tl::unexpected<Error> fail(Error error) {
    return tl::unexpected(std::move(error));
}

}  // namespace n4b::base

#define N4B_CONCAT_(a, b) a##b
#define N4B_CONCAT(a, b) N4B_CONCAT_(a, b)

/// N4B_TRY(auto x, f()): declares x from a Result, or returns its error from the enclosing function.
#define N4B_TRY(declaration, expression) N4B_TRY_(N4B_CONCAT(n4b_result_, __COUNTER__), declaration, expression)
#define N4B_TRY_(result, declaration, expression)                    \
    auto result = (expression);                                      \
    if (!result) return ::tl::unexpected(std::move(result.error())); \
    declaration = std::move(*result)

/// N4B_TRY_VOID(f()): returns the error of a Result<void> from the enclosing function.
#define N4B_TRY_VOID(expression) N4B_TRY_VOID_(N4B_CONCAT(n4b_result_, __COUNTER__), expression)
#define N4B_TRY_VOID_(result, expression)                   \
    if (auto result = (expression); !result) {              \
        return ::tl::unexpected(std::move(result.error())); \
    }
