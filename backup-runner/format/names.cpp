#include "backup-runner/format/names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "backup-runner/archive/names.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::format {
namespace {

using base::Result;

constexpr std::size_t kChainChars = 23;
constexpr std::size_t kSequenceDigits = 6;
constexpr std::size_t kTransactionDigits = 19;
constexpr std::size_t kTimeChars = 16;
constexpr std::size_t kBlockDigits = 8;
constexpr std::size_t kHoldDigits = 16;
constexpr std::size_t kWriterChars = 7;
constexpr std::size_t kMaxWordChars = 16;
constexpr std::size_t kMaxUidChars = 64;
constexpr std::size_t kMaxComponentChars = 128;
constexpr std::string_view kJson = ".json";
constexpr std::string_view kIntent = "intent-";
constexpr std::string_view kReaderHold = "read-";

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}
bool is_letter(char c) {
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}

tl::unexpected<base::Error> unknown(std::string_view what, std::string_view name) {
    return base::fail(base::ErrorCode::kFailedPrecondition, base::Reason::kArtifactNotSupported,
                      fmt::format("{} is not a {} name that this runner knows", archive::quoted_name(name), what));
}

/// Takes a name apart from left to right; `good` turns false at the first part that isn't as expected, for good.
class Parts {
public:
    explicit Parts(std::string_view text) : text_(text) {}

    std::string_view fixed(std::size_t chars) {
        if (text_.size() < chars) good_ = false;
        if (!good_) return {};
        const auto part = text_.substr(0, chars);
        text_.remove_prefix(chars);
        return part;
    }
    void literal(std::string_view expected) {
        if (fixed(expected.size()) != expected) good_ = false;
    }
    std::int64_t number(std::size_t digits) {
        const auto part = fixed(digits);
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
        const bool all = std::all_of(part.begin(), part.end(), is_digit) && end == part.data() + part.size();
        if (!all || error != std::errc()) good_ = false;
        return good_ ? value : 0;
    }
    std::string word(bool (*of)(char)) {
        const auto end = std::find_if_not(text_.begin(), text_.end(), of);
        const auto size = static_cast<std::size_t>(end - text_.begin());
        if (size == 0 || size > kMaxWordChars) good_ = false;
        return std::string(fixed(size));
    }
    std::string hexadecimal(std::size_t digits) {
        const auto part = fixed(digits);
        if (!std::all_of(part.begin(), part.end(), [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); })) {
            good_ = false;
        }
        return std::string(part);
    }
    std::string chain() {
        const auto part = fixed(kChainChars);
        if (!archive::is_chain_name(part)) good_ = false;
        return std::string(part);
    }
    base::SystemTime time() {
        const auto part = fixed(kTimeChars);
        if (!good_) return {};
        const auto text = fmt::format("{}-{}-{}T{}:{}:{}Z", part.substr(0, 4), part.substr(4, 2), part.substr(6, 2),
                                      part.substr(9, 2), part.substr(11, 2), part.substr(13, 2));
        const auto time = base::parse_rfc3339(text);
        if (!time || part[8] != 'T' || part[15] != 'Z' || base::format_rfc3339(*time) != text) good_ = false;
        return time.value_or(base::SystemTime{});
    }
    /// What is left, less a suffix.
    RunId run(std::string_view suffix) {
        if (!text_.ends_with(suffix)) good_ = false;
        if (!good_) return {};
        auto part = text_.substr(0, text_.size() - suffix.size());
        text_ = {};
        std::string writer;
        if (const auto last = part.rfind('-');
            last != std::string_view::npos && is_writer_name(part.substr(last + 1))) {
            writer = part.substr(last + 1);
            part = part.substr(0, last);
        }
        const auto dash = part.rfind('-');
        if (dash == std::string_view::npos) {
            good_ = false;
            return {};
        }
        const auto digits = part.substr(dash + 1);
        RunId run{.uid = std::string(part.substr(0, dash))};
        std::from_chars(digits.data(), digits.data() + digits.size(), run.attempt);
        const bool uid =
            !run.uid.empty() && run.uid.size() <= kMaxUidChars &&
            std::all_of(run.uid.begin(), run.uid.end(), [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
        // One text an attempt: "x-01" and "x-1 " are none.
        if (!uid || run.attempt < 1 || to_string(run) != part) good_ = false;
        run.writer = std::move(writer);
        return run;
    }
    [[nodiscard]] bool done() const { return good_ && text_.empty(); }

private:
    std::string_view text_;
    bool good_ = true;
};

std::string compact_time(base::SystemTime time) {
    std::string compact;
    for (const char c : base::format_rfc3339(time)) {
        if (c != '-' && c != ':') compact.push_back(c);
    }
    return compact;
}

bool is_component(std::string_view text) {
    const auto plain = [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-'; };
    return !text.empty() && text.size() <= kMaxComponentChars && text.front() != '.' &&
           std::all_of(text.begin(), text.end(), plain);
}

tl::unexpected<base::Error> bad_component(std::string_view what, std::string_view text) {
    return base::fail(base::ErrorCode::kInvalid, base::Reason::kInvalidRunSpec,
                      fmt::format("{} {}: expected 1 to {} letters, digits, '.', '_' and '-', and no '.' in front",
                                  what, archive::quoted_name(text), kMaxComponentChars));
}

}  // namespace

std::string writer_name(std::uint32_t random) {
    return fmt::format("w{:06x}", random & 0xFFFFFFU);
}

bool is_writer_name(std::string_view text) {
    return text.size() == kWriterChars && text.front() == 'w' &&
           std::all_of(text.begin() + 1, text.end(), [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

std::string to_string(const RunId& run) {
    return fmt::format("{}-{}{}{}", run.uid, run.attempt, run.writer.empty() ? "" : "-", run.writer);
}

std::string to_string(const HeadName& name) {
    const auto& artifact = name.artifact;
    return fmt::format("{}-{:06}-{}-{:019}-{}.json", artifact.chain, artifact.sequence, artifact.kind, name.highest,
                       to_string(artifact.run));
}

Result<HeadName> parse_head_name(std::string_view name) {
    Parts parts(name);
    HeadName head;
    head.artifact.chain = parts.chain();
    parts.literal("-");
    head.artifact.sequence = parts.number(kSequenceDigits);
    parts.literal("-");
    head.artifact.kind = parts.word(is_lower);
    parts.literal("-");
    head.highest = parts.number(kTransactionDigits);
    parts.literal("-");
    head.artifact.run = parts.run(kJson);
    if (!parts.done()) return unknown("head's", name);
    return head;
}

std::string to_string(const FactName& name) {
    return fmt::format("{}-{:06}-{}-{:019}-{}-{}.json", name.chain, name.sequence, name.fact, name.transaction,
                       compact_time(name.time), to_string(name.run));
}

Result<FactName> parse_fact_name(std::string_view name) {
    Parts parts(name);
    FactName fact;
    fact.chain = parts.chain();
    parts.literal("-");
    fact.sequence = parts.number(kSequenceDigits);
    parts.literal("-");
    fact.fact = parts.word(is_letter);
    parts.literal("-");
    fact.transaction = parts.number(kTransactionDigits);
    parts.literal("-");
    fact.time = parts.time();
    parts.literal("-");
    fact.run = parts.run(kJson);
    if (!parts.done()) return unknown("fact's", name);
    return fact;
}

std::string directory_name(const ArtifactName& name) {
    return fmt::format("{:06}-{}-{}", name.sequence, name.kind, to_string(name.run));
}

Result<ArtifactName> parse_directory_name(std::string_view chain, std::string_view name) {
    Parts parts(name);
    ArtifactName artifact{.chain = std::string(chain)};
    artifact.sequence = parts.number(kSequenceDigits);
    parts.literal("-");
    artifact.kind = parts.word(is_lower);
    parts.literal("-");
    artifact.run = parts.run("");
    if (!parts.done() || !archive::is_chain_name(chain)) return unknown("artifact's", name);
    return artifact;
}

std::string intent_name(base::SystemTime deadline) {
    return fmt::format("{}{}{}", kIntent, compact_time(std::chrono::ceil<std::chrono::seconds>(deadline)), kJson);
}

Result<base::SystemTime> parse_intent_name(std::string_view name) {
    Parts parts(name);
    parts.literal(kIntent);
    const auto deadline = parts.time();
    parts.literal(kJson);
    if (!parts.done()) return unknown("intent's", name);
    return deadline;
}

std::string to_string(const ReaderHoldName& name) {
    return fmt::format("{}{}-{}{}", kReaderHold, compact_time(std::chrono::ceil<std::chrono::seconds>(name.expires)),
                       name.random, kJson);
}

Result<ReaderHoldName> parse_reader_hold_name(std::string_view name) {
    Parts parts(name);
    ReaderHoldName hold;
    parts.literal(kReaderHold);
    hold.expires = parts.time();
    parts.literal("-");
    hold.random = parts.hexadecimal(kHoldDigits);
    parts.literal(kJson);
    if (!parts.done()) return unknown("reader's hold", name);
    return hold;
}

std::string block_name(std::int64_t number) {
    return fmt::format("{:08}", number);
}

Result<std::int64_t> parse_block_name(std::string_view name) {
    Parts parts(name);
    const auto number = parts.number(kBlockDigits);
    if (!parts.done()) return unknown("block's", name);
    return number;
}

Result<Layout> Layout::create(std::string_view source, std::string_view database) {
    // Beside a source stands the repository file, and beside a database its source's owner.json.
    if (!is_component(source) || source == kRepositoryKey) return bad_component("source", source);
    if (!is_component(database) || database == "owner.json") return bad_component("database", database);
    return Layout(std::string(source), fmt::format("{}/{}", source, database));
}

Result<std::string> Layout::hold(std::string_view chain_name, std::string_view hold_name) const {
    if (!is_component(hold_name)) return bad_component("hold", hold_name);
    return fmt::format("{}{}.json", holds(chain_name), hold_name);
}

}  // namespace n4b::format
