#include "operator/schedule/cron_line.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace n4b::schedule {
namespace {

using base::ErrorCode;
using base::Result;

constexpr std::size_t kLongestLine = 256;

constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                   "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct FieldRule {
    std::string_view name;
    int least;
    int most;
    std::span<const std::string_view> words;  ///< the first one stands for `least`
};
constexpr std::array<FieldRule, 5> kFields{{
    {"minute", 0, 59, {}},
    {"hour", 0, 23, {}},
    {"day of the month", 1, 31, {}},
    {"month", 1, 12, kMonths},
    {"day of the week", 0, 7, kWeekdays},
}};

struct Macro {
    std::string_view name;
    std::string_view line;
};
constexpr std::array<Macro, 7> kMacros{{
    {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
    {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"},
    {"@daily", "0 0 * * *"},
    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
}};

tl::unexpected<base::Error> refuse(std::string message) {
    return base::fail(ErrorCode::kInvalid, std::move(message));
}

tl::unexpected<base::Error> refuse(const FieldRule& rule, std::string_view found, std::string_view expected) {
    return refuse("the " + std::string(rule.name) + ": found \"" + std::string(found) + "\"; expected " +
                  std::string(expected));
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    while (true) {
        const auto end = text.find(at);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    for (const auto word : split(text, ' '))
        if (!word.empty()) words.push_back(word);
    return words;
}

std::optional<int> number(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty() || text.front() == '-')
        return std::nullopt;
    return value;
}

std::string range_of(const FieldRule& rule) {
    return std::to_string(rule.least) + " to " + std::to_string(rule.most) +
           (rule.words.empty() ? std::string()
                               : " or " + std::string(rule.words.front()) + " to " + std::string(rule.words.back()));
}

Result<int> value_of(const FieldRule& rule, std::string_view text) {
    const auto word = std::ranges::find(rule.words, lower(text));
    if (word != rule.words.end()) return rule.least + static_cast<int>(word - rule.words.begin());
    const auto value = number(text);
    if (!value || *value < rule.least || *value > rule.most) return refuse(rule, text, range_of(rule));
    return *value;
}

// "*", a value, or a range, each with a step or without: sets the values that it means.
template <std::size_t N>
Result<void> read_part(const FieldRule& rule, std::string_view part, std::bitset<N>& values) {
    const auto slash = part.find('/');
    const auto range = part.substr(0, slash);
    int first = rule.least;
    int last = rule.most;
    if (range != "*") {
        const auto dash = range.find('-');
        N4B_TRY(first, value_of(rule, range.substr(0, dash)));
        if (dash != std::string_view::npos) {
            N4B_TRY(last, value_of(rule, range.substr(dash + 1)));
            if (last < first)
                return refuse(rule, part,
                              "a range whose end is not before its beginning; two ranges in a list reach across");
        } else if (slash == std::string_view::npos) {
            last = first;
        }
    }
    int step = 1;
    if (slash != std::string_view::npos) {
        const auto given = number(part.substr(slash + 1));
        // A step beyond the field would not carry over into the next hour or day, as its writer may think, but run at
        // the first value alone.
        if (!given || *given < 1 || *given > rule.most - rule.least)
            return refuse(rule, part, "a step of 1 to " + std::to_string(rule.most - rule.least) + " after the slash");
        step = *given;
    }
    for (int value = first; value <= last; value += step) values.set(static_cast<std::size_t>(value));
    return {};
}

template <std::size_t N>
Result<void> read_field(const FieldRule& rule, std::string_view text, std::bitset<N>& values) {
    for (const auto part : split(text, ',')) {
        if (part.empty()) return refuse(rule, text, "values between its commas");
        N4B_TRY_VOID(read_part(rule, part, values));
    }
    return {};
}

Result<std::string> without_macro(std::string_view text) {
    const auto words = words_of(text);
    if (words.empty() || !words.front().starts_with('@')) return std::string(text);
    const auto* const macro =
        words.size() == 1 ? std::ranges::find(kMacros, lower(words.front()), &Macro::name) : kMacros.end();
    if (macro != kMacros.end()) return std::string(macro->line);
    return refuse("found \"" + std::string(text) +
                  "\"; expected @hourly, @daily, @weekly, @monthly, @yearly, or five fields");
}

}  // namespace

Result<CronLine> CronLine::parse(std::string_view text) {
    if (text.size() > kLongestLine)
        return refuse("found " + std::to_string(text.size()) + " characters; expected at most " +
                      std::to_string(kLongestLine));
    std::string spaced(text);
    std::ranges::replace(spaced, '\t', ' ');
    const auto given = words_of(spaced);
    if (!given.empty() && (given.front().starts_with("TZ=") || given.front().starts_with("CRON_TZ=")))
        return refuse("found \"" + std::string(given.front()) + "\"; expected five fields, and the zone in timeZone");
    N4B_TRY(const std::string line, without_macro(spaced));
    const auto fields = words_of(line);
    if (fields.size() != kFields.size())
        return refuse("found " + std::to_string(fields.size()) + (fields.size() == 1 ? " field" : " fields") +
                      "; expected five: minute, hour, day of the month, month, day of the week" +
                      (fields.size() == 6 ? "; there is none for seconds or the year" : ""));
    CronLine result;
    std::bitset<8> weekdays;
    N4B_TRY_VOID(read_field(kFields[0], fields[0], result.minutes_));
    N4B_TRY_VOID(read_field(kFields[1], fields[1], result.hours_));
    N4B_TRY_VOID(read_field(kFields[2], fields[2], result.days_));
    N4B_TRY_VOID(read_field(kFields[3], fields[3], result.months_));
    N4B_TRY_VOID(read_field(kFields[4], fields[4], weekdays));
    for (std::size_t day = 0; day < 7; ++day) result.weekdays_.set(day, weekdays.test(day));
    if (weekdays.test(7)) result.weekdays_.set(0);  // Sunday's second number
    result.fixed_hours_ = fields[1].find_first_of("*/") == std::string_view::npos;
    result.either_day_ = !fields[2].starts_with('*') && !fields[4].starts_with('*');
    if (!result.ever_comes())
        return refuse("found \"" + std::string(fields[2]) + " " + std::string(fields[3]) + " " +
                      std::string(fields[4]) + "\" for the day; expected one that some year has");
    return result;
}

bool CronLine::matches(std::chrono::year_month_day day) const {
    if (!months_.test(static_cast<unsigned>(day.month()))) return false;
    const bool of_month = days_.test(static_cast<unsigned>(day.day()));
    const bool of_week = weekdays_.test(std::chrono::weekday(std::chrono::local_days(day)).c_encoding());
    return either_day_ ? of_month || of_week : of_month && of_week;
}

bool CronLine::ever_comes() const {
    using std::chrono::days;
    // The calendar comes again after 400 years.
    const std::chrono::local_days first(std::chrono::year(2000) / 1 / 1);
    for (auto day = first; day < first + days(146097); day += days(1))
        if (matches(std::chrono::year_month_day(day))) return true;
    return false;
}

}  // namespace n4b::schedule
