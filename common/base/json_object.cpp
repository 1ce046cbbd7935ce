#include "common/base/json_object.hpp"

namespace n4b::base {
namespace {

/// Deeper documents are refused before they are built, so that no input can exhaust the stack.
constexpr std::size_t kMaxDepth = 64;

Result<void> check_depth(std::string_view text, std::string_view what) {
    std::size_t depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > kMaxDepth) {
                return fail(ErrorCode::kInvalid,
                            fmt::format("{}: nested deeper than {} at byte {}", what, kMaxDepth, i));
            }
        } else if ((c == '}' || c == ']') && depth > 0) {
            --depth;
        }
    }
    return {};
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::size_t max_bytes, std::string_view what) {
    if (text.size() > max_bytes) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("{}: {} bytes, at most {} expected", what, text.size(), max_bytes));
    }
    N4B_TRY_VOID(check_depth(text, what));
    try {
        return Json::parse(text);
    } catch (const Json::parse_error& e) {
        return fail(ErrorCode::kInvalid, fmt::format("{}: not JSON at byte {}", what, e.byte));
    } catch (const Json::exception&) {
        // The parser's other complaint: a number such as 1e999, beyond what a double holds.
        return fail(ErrorCode::kInvalid, fmt::format("{}: a number is out of range", what));
    }
}

}  // namespace n4b::base
