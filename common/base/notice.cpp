#include "common/base/notice.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>

#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::base {
namespace {

constexpr std::string_view kClearLine = "\r\033[K";

/// Of standard error, of which a process has one.
struct Stream {
    std::atomic<Loudness> loudness = Loudness::kUsual;
    std::atomic<NoticeForm> form = NoticeForm::kText;
    std::mutex mutex{};    ///< Guards all below, and keeps lines whole.
    std::string status{};  ///< The line that stands at the end of the terminal.
};

Stream& stream() {
    static Stream kStream;
    return kStream;
}

void write_all(std::string_view text) noexcept {
    while (!text.empty()) {
        const auto n = ::write(STDERR_FILENO, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(n));
    }
}

std::string json_line(std::string_view level, std::string_view message, NoticeFields fields) {
    Json json{{"time", format_rfc3339(std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()))},
              {"level", level},
              {"message", message}};
    for (const auto& field : fields) {
        std::visit([&](const auto& value) { json[std::string(field.name)] = value; }, field.value);
    }
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void say(std::string_view level, std::string_view prefix, std::string_view message, NoticeFields fields) {
    notice(stream().form == NoticeForm::kJson ? json_line(level, message, fields)
                                              : fmt::format("{}{}\n", prefix, message));
}

}  // namespace

void set_notices(Loudness loudness, NoticeForm form) {
    stream().loudness = loudness;
    stream().form = form;
}

bool tells_everything() {
    return stream().loudness == Loudness::kEverything;
}

bool tells_usual() {
    return stream().loudness != Loudness::kErrors;
}

void debug(std::string_view message, NoticeFields fields) {
    if (tells_everything()) say("debug", "debug: ", message, fields);
}

void info(std::string_view message, NoticeFields fields) {
    if (tells_usual()) say("info", "", message, fields);
}

void warn(std::string_view message, NoticeFields fields) {
    if (tells_usual()) say("warn", "warning: ", message, fields);
}

void error(std::string_view message, NoticeFields fields) {
    say("error", "error: ", message, fields);
}

void notice(std::string_view text) noexcept {
    auto& out = stream();
    const std::lock_guard lock(out.mutex);
    if (out.status.empty()) return write_all(text);
    write_all(kClearLine);
    write_all(text);
    write_all(out.status);
}

void show_status(std::string_view text) {
    auto& out = stream();
    const std::lock_guard lock(out.mutex);
    if (text.empty() && out.status.empty()) return;
    out.status = text;
    write_all(fmt::format("{}{}", kClearLine, text));
}

}  // namespace n4b::base
