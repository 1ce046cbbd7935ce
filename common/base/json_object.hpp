#pragma once

// Heavy: includes nlohmann/json.hpp. Only codec sources include this header, never another header.

#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/printable.hpp"
#include "common/base/result.hpp"

namespace n4b::base {

using Json = nlohmann::json;

/// Parses text of at most `max_bytes`. Invalid: too long, not JSON (with the byte offset), nested deeper than 64.
Result<Json> parse_json(std::string_view text, std::size_t max_bytes, std::string_view what);

/// Typed reads of the members of one JSON object; remembers which were read, so that a strict codec can refuse the
/// others. Errors are collected: the first one is kept and `finish()` returns it, so that codecs stay straight lines.
/// Paths in errors look like `source.endpoints[0].port`. Borrows the JSON value; one thread.
class JsonObject {
public:
    JsonObject(const Json& json, std::string path) : json_(json), path_(std::move(path)) {
        if (!json.is_object()) note(fmt::format("{}: found {}, expected an object", where(""), json.type_name()));
    }

    /// A member that must be there. Keeps T{} and notes an error when it is missing or of another type.
    template <typename T>
    T required(const char* key) {
        const Json* value = find(key);
        if (value == nullptr) {
            note(fmt::format("{}: missing", where(key)));
            return T{};
        }
        return convert<T>(*value, key);
    }

    /// A member that may be absent or null.
    template <typename T>
    std::optional<T> optional(const char* key) {
        const Json* value = find(key);
        if (value == nullptr || value->is_null()) return std::nullopt;
        return convert<T>(*value, key);
    }

    template <typename T>
    T value_or(const char* key, T fallback) {
        return optional<T>(key).value_or(std::move(fallback));
    }

    /// Calls read(JsonObject&) for a member object; false when it is absent.
    template <typename F>
    bool object(const char* key, F&& read) {
        const Json* value = find(key);
        if (value == nullptr || value->is_null()) return false;
        JsonObject child(*value, where(key));
        if (!child.error_) read(child);
        adopt(child);
        return true;
    }

    /// Calls read(JsonObject&) for each element of a member array of objects.
    template <typename F>
    void each(const char* key, F&& read) {
        const Json* value = find(key);
        if (value == nullptr || value->is_null()) return;
        if (!value->is_array()) {
            note(fmt::format("{}: found {}, expected an array", where(key), value->type_name()));
            return;
        }
        for (std::size_t i = 0; i < value->size() && !error_; ++i) {
            JsonObject child((*value)[i], fmt::format("{}[{}]", where(key), i));
            if (!child.error_) read(child);
            adopt(child);
        }
    }

    /// A member as it is, for what goes on unread; null when it is absent.
    const Json* raw(const char* key) { return find(key); }

    /// Calls visit(name, value) for each member, whatever it is called.
    template <typename F>
    void members(F&& visit) {
        if (!json_.is_object()) return;
        for (const auto& [key, value] : json_.items()) {
            read_.insert(key);
            visit(key, value);
        }
    }

    [[nodiscard]] bool has(const char* key) const { return json_.is_object() && json_.contains(key); }

    /// Notes an error about a member, for checks beyond its type.
    void reject(const char* key, std::string_view problem) { note(fmt::format("{}: {}", where(key), problem)); }

    /// Notes an error for members that nobody read.
    void refuse_unknown() {
        if (!json_.is_object()) return;
        for (const auto& [key, value] : json_.items()) {
            if (!read_.contains(key)) note(fmt::format("{}: unknown field", where(key)));
        }
    }

    /// The first error, as kInvalid.
    [[nodiscard]] Result<void> finish() const {
        if (error_) return fail(ErrorCode::kInvalid, *error_);
        return {};
    }

private:
    const Json* find(const char* key) {
        read_.insert(key);
        if (!json_.is_object()) return nullptr;
        const auto found = json_.find(key);
        return found == json_.end() ? nullptr : &*found;
    }

    template <typename T>
    T convert(const Json& value, const char* key);

    [[nodiscard]] std::string where(std::string_view key) const {
        if (path_.empty()) return key.empty() ? "the document" : std::string(key);
        return key.empty() ? path_ : path_ + "." + std::string(key);
    }
    /// Names of fields come from outside.
    void note(std::string_view text) {
        if (!error_) error_ = printable(text);
    }
    void adopt(const JsonObject& child) {
        if (!error_ && child.error_) error_ = child.error_;
    }
    void wrong_type(const Json& value, const char* key, std::string_view expected) {
        note(fmt::format("{}: found {}, expected {}", where(key), value.type_name(), expected));
    }

    const Json& json_;
    std::string path_;
    std::set<std::string, std::less<>> read_{};
    std::optional<std::string> error_{};
};

template <>
inline std::string JsonObject::convert<std::string>(const Json& value, const char* key) {
    if (value.is_string()) return value.get<std::string>();
    wrong_type(value, key, "a string");
    return {};
}

template <>
inline bool JsonObject::convert<bool>(const Json& value, const char* key) {
    if (value.is_boolean()) return value.get<bool>();
    wrong_type(value, key, "true or false");
    return false;
}

template <>
inline std::int64_t JsonObject::convert<std::int64_t>(const Json& value, const char* key) {
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) {
        wrong_type(value, key, "a number below 2^63");
        return 0;
    }
    if (value.is_number_integer()) return value.get<std::int64_t>();
    wrong_type(value, key, "a whole number");
    return 0;
}

template <>
inline std::vector<std::string> JsonObject::convert<std::vector<std::string>>(const Json& value, const char* key) {
    std::vector<std::string> list;
    if (!value.is_array()) {
        wrong_type(value, key, "an array of strings");
        return list;
    }
    for (const auto& element : value) {
        if (!element.is_string()) {
            wrong_type(element, key, "an array of strings");
            return {};
        }
        list.push_back(element.get<std::string>());
    }
    return list;
}

}  // namespace n4b::base
