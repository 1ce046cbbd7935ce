#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/reason.hpp"

namespace n4b::testing {

/// A row of a table in docs/troubleshooting.md that explains a reason.
struct ReasonRow {
    std::string reason;
    std::string code;  ///< The runner's exit code; "-" for what is no outcome.
    std::string meaning;
    std::string advice;
};

/// A row of a table there that shows a message: "…" stands for what differs from case to case.
struct MessageRow {
    std::string reason;
    std::string message;
};

struct Troubleshooting {
    std::vector<ReasonRow> reasons{};
    std::vector<MessageRow> messages{};
};

/// Reads docs/troubleshooting.md: each table whose first column is "reason".
const Troubleshooting& troubleshooting();

/// Whether a text is a message of that form: from its start or behind a ": ", to its end.
bool has_form(std::string_view text, std::string_view form);

/// Nothing when docs/troubleshooting.md shows the message under its reason; else the row to add.
std::optional<std::string> undocumented(base::Reason reason, std::string_view message);

}  // namespace n4b::testing
