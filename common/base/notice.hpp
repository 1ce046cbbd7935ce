#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <variant>

namespace n4b::base {

/// How much a program says on standard error while it works.
enum class Loudness {
    kErrors,
    kUsual,       ///< What a person cares for, and warnings.
    kEverything,  ///< Each request and each retry as well.
};

enum class NoticeForm {
    kText,  ///< "warning: ...", for somebody who reads along.
    kJson,  ///< A JSON object a line, {"time", "level", "message", fields...}, for what collects the logs of pods.
};

/// How the process speaks. Standard error is the process's own, so this is as well; set before the first thread starts.
void set_notices(Loudness loudness, NoticeForm form);

/// Stands beside the message in JSON; in text the message says it all.
struct NoticeField {
    std::string_view name;
    std::variant<std::int64_t, std::string_view> value;
};
using NoticeFields = std::initializer_list<NoticeField>;

/// One line each. Where standard error takes nothing, since it is closed or its disk is full, the text is lost and the
/// caller's work goes on: there is nobody left to tell. Thread-safe. Never pass a secret.
void debug(std::string_view message, NoticeFields fields = {});  ///< Flow.
void info(std::string_view message, NoticeFields fields = {});   ///< What a person cares for.
void warn(std::string_view message, NoticeFields fields = {});   ///< We try again, or go on without.
void error(std::string_view message, NoticeFields fields = {});  ///< Somebody must act.

/// Whether debug() says anything, for callers whose text is dear.
bool tells_everything();
/// Whether info() does.
bool tells_usual();

/// Writes a text as it is, such as the answer to a wrong command line. Thread-safe; never throws.
void notice(std::string_view text) noexcept;

/// A line at the end of a terminal that the next one replaces, and that steps aside for every other notice; empty: none
/// any more. Thread-safe.
void show_status(std::string_view text);

}  // namespace n4b::base
