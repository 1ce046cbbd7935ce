#include "tests/support/troubleshooting.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "common/base/check.hpp"

namespace n4b::testing {
namespace {

constexpr std::string_view kAny = "…";

std::string trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(' ');
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(' ') - first + 1));
}

std::vector<std::string> cells_of(const std::string& line) {
    std::vector<std::string> cells;
    for (std::size_t at = 1; at < line.size();) {
        const auto end = line.find('|', at);
        if (end == std::string::npos) break;
        cells.push_back(trimmed(std::string_view(line).substr(at, end - at)));
        at = end + 1;
    }
    return cells;
}

/// The literal parts of a form.
std::vector<std::string_view> parts_of(std::string_view form) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto at = form.find(kAny);
        parts.push_back(form.substr(0, at));
        if (at == std::string_view::npos) return parts;
        form.remove_prefix(at + kAny.size());
    }
}

Troubleshooting read() {
    std::ifstream file(N4B_TROUBLESHOOTING);
    N4B_CHECK(file.good(), "docs/troubleshooting.md can't be read");
    Troubleshooting result;
    std::vector<std::string> header;
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with('|')) {
            header.clear();
            continue;
        }
        auto cells = cells_of(line);
        if (header.empty()) {
            header = std::move(cells);
        } else if (header.at(0) != "reason" || cells.at(0).starts_with("---")) {
            continue;
        } else if (header.size() == 4 && cells.size() == 4) {
            result.reasons.push_back({.reason = cells[0], .code = cells[1], .meaning = cells[2], .advice = cells[3]});
        } else if (header.size() == 2 && cells.size() == 2) {
            result.messages.push_back({.reason = cells[0], .message = cells[1]});
        } else {
            N4B_CHECK(false, line.c_str());
        }
    }
    return result;
}

bool ends_from(std::string_view text, const std::vector<std::string_view>& parts) {
    if (!text.starts_with(parts.front())) return false;
    text.remove_prefix(parts.front().size());
    for (std::size_t i = 1; i < parts.size(); ++i) {
        const bool last = i + 1 == parts.size();
        const auto at = last ? text.rfind(parts[i]) : text.find(parts[i]);
        if (at == std::string_view::npos) return false;
        text.remove_prefix(at + parts[i].size());
    }
    return text.empty();
}

}  // namespace

const Troubleshooting& troubleshooting() {
    static const Troubleshooting kTables = read();
    return kTables;
}

bool has_form(std::string_view text, std::string_view form) {
    const auto parts = parts_of(form);
    for (;;) {
        if (ends_from(text, parts)) return true;
        const auto colon = text.find(": ");
        if (colon == std::string_view::npos) return false;
        text.remove_prefix(colon + 2);
    }
}

std::optional<std::string> undocumented(base::Reason reason, std::string_view message) {
    const auto& rows = troubleshooting().messages;
    const bool there = std::any_of(rows.begin(), rows.end(), [&](const MessageRow& row) {
        return row.reason == to_string(reason) && has_form(message, row.message);
    });
    if (there) return std::nullopt;
    return fmt::format("add to docs/troubleshooting.md, with … for what differs:\n| {} | {} |", to_string(reason),
                       message);
}

}  // namespace n4b::testing
