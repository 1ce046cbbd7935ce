#include "operator/telemetry/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "common/base/clock.hpp"
#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::telemetry {
namespace {

spdlog::logger& logger() {
    static const auto instance = [] {
        auto created = spdlog::stderr_logger_mt("n4b");
        created->set_pattern("%v");
        return created;
    }();
    return *instance;
}

void write(spdlog::level::level_enum level, std::string_view name, std::string_view message, Fields fields) {
    if (!logger().should_log(level)) return;
    nlohmann::ordered_json line{
        {"time", base::format_rfc3339(base::RealClock().system_now())}, {"level", name}, {"message", message}};
    for (const auto& [key, value] : fields) line[std::string(key)] = value;
    logger().log(level, line.dump(-1, ' ', false, base::Json::error_handler_t::replace));
}

}  // namespace

void debug(std::string_view message, Fields fields) {
    write(spdlog::level::debug, "debug", message, fields);
}
void info(std::string_view message, Fields fields) {
    write(spdlog::level::info, "info", message, fields);
}
void warn(std::string_view message, Fields fields) {
    write(spdlog::level::warn, "warn", message, fields);
}
void error(std::string_view message, Fields fields) {
    write(spdlog::level::err, "error", message, fields);
}

bool set_log_level(std::string_view level) {
    const auto parsed = spdlog::level::from_str(std::string(level));
    if (level != "debug" && level != "info" && level != "warn" && level != "error") return false;
    logger().set_level(parsed);
    return true;
}

}  // namespace n4b::telemetry
