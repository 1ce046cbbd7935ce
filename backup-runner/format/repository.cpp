#include "backup-runner/format/repository.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "backup-runner/archive/names.hpp"
#include "common/base/json_object.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::format {
namespace {

using base::ErrorCode;
using base::Json;
using base::JsonObject;
using base::Reason;
using base::Result;

constexpr std::size_t kMaxIdChars = 64;
constexpr std::size_t kMaxFactMessage = 1024;

bool is_id(std::string_view id) {
    return !id.empty() && id.size() <= kMaxIdChars && std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

std::string text_of(const Json& json) {
    return json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

Json json_of(const RunId& run) {
    Json json{{"uid", run.uid}, {"attempt", run.attempt}};
    if (!run.writer.empty()) json["writer"] = run.writer;
    return json;
}

tl::unexpected<base::Error> damaged(std::string_view what, const base::Error& error) {
    return base::fail(ErrorCode::kDataLoss, Reason::kArtifactDamaged, fmt::format("{}: {}", what, error.message));
}

/// Reads a small file of ours: its format first, the rest by `read`.
template <typename F>
Result<void> read_file(std::string_view text, std::string_view what, F&& read) {
    const auto document = base::parse_json(text, kMaxSmallFileBytes, "it");
    if (!document) return damaged(what, document.error());
    JsonObject object(*document, "");
    const auto format = object.required<std::int64_t>("format");
    if (auto begun = object.finish(); !begun) return damaged(what, begun.error());
    if (format != kFormat) {
        return base::fail(
            ErrorCode::kFailedPrecondition, Reason::kArtifactNotSupported,
            fmt::format("{}: written in format {}; this runner works with format {}", what, format, kFormat));
    }
    read(object);
    object.refuse_unknown();
    if (auto done = object.finish(); !done) return damaged(what, done.error());
    return {};
}

tl::unexpected<base::Error> refused(Reason reason, std::string message) {
    return base::fail(ErrorCode::kFailedPrecondition, reason, std::move(message));
}

Result<void> check_features(const std::vector<std::string>& features, std::string_view verb) {
    if (features.empty()) return {};
    return refused(Reason::kArtifactNotSupported,
                   fmt::format("{}: to {} it, {} has to be known, which this runner doesn't", kRepositoryKey, verb,
                               archive::quoted_name(features.front())));
}

Result<RepositoryDecision> use_existing(const std::string& text, const RepositoryWish& wish) {
    N4B_TRY(auto file, parse_repository(text));
    if (!wish.expected_id.empty() && file.id != wish.expected_id) {
        return refused(Reason::kStorageReplaced,
                       fmt::format("repository {} stands where {} was", file.id, wish.expected_id));
    }
    N4B_TRY_VOID(check_features(file.required_to_read, "read"));
    if (wish.use != RepositoryUse::kRead) N4B_TRY_VOID(check_features(file.required_to_write, "write to"));
    return RepositoryDecision{.file = std::move(file)};
}

}  // namespace

std::string print_repository(const RepositoryFile& file) {
    return text_of({{"format", kFormat},
                    {"id", file.id},
                    {"requiredToRead", file.required_to_read},
                    {"requiredToWrite", file.required_to_write}});
}

Result<RepositoryFile> parse_repository(std::string_view text) {
    RepositoryFile file;
    N4B_TRY_VOID(read_file(text, kRepositoryKey, [&](JsonObject& object) {
        file.id = object.required<std::string>("id");
        if (!is_id(file.id)) object.reject("id", "expected 1 to 64 of a-z, 0-9 and '-'");
        file.required_to_read = object.required<std::vector<std::string>>("requiredToRead");
        file.required_to_write = object.required<std::vector<std::string>>("requiredToWrite");
    }));
    return file;
}

Result<RepositoryDecision> decide_repository(const FoundRepository& found, const RepositoryWish& wish) {
    if (found.file) return use_existing(*found.file, wish);
    const bool may_create = wish.use == RepositoryUse::kInitialize || wish.use == RepositoryUse::kAdopt;
    if (!wish.expected_id.empty()) {
        return refused(Reason::kStorageNotInitialized,
                       fmt::format("there is no {}, but repository {} was here: a volume that isn't mounted, or "
                                   "another bucket",
                                   kRepositoryKey, wish.expected_id));
    }
    if (!may_create) {
        return refused(Reason::kStorageNotInitialized,
                       fmt::format("there is no {}: the place was never initialised (init does it, once), or "
                                   "isn't the one that was",
                                   kRepositoryKey));
    }
    if (!found.empty && wish.use == RepositoryUse::kInitialize) {
        return refused(Reason::kStorageNotInitialized,
                       fmt::format("there is no {}, but the place isn't empty; only an empty one is initialised, or "
                                   "one whose backups are adopted (init --adopt)",
                                   kRepositoryKey));
    }
    if (!is_id(wish.new_id)) {
        return base::fail(ErrorCode::kInvalid, Reason::kInvalidRunSpec, "a repository needs an id of a-z, 0-9 and '-'");
    }
    return RepositoryDecision{.file = {.id = wish.new_id}, .create = true};
}

std::string print_owner(const Owner& owner) {
    return text_of(
        {{"format", kFormat}, {"clusterId", owner.cluster}, {"namespace", owner.name_space}, {"source", owner.source}});
}

Result<Owner> parse_owner(std::string_view text) {
    Owner owner;
    N4B_TRY_VOID(read_file(text, "owner.json", [&](JsonObject& object) {
        owner.cluster = object.required<std::string>("clusterId");
        owner.name_space = object.required<std::string>("namespace");
        owner.source = object.required<std::string>("source");
    }));
    return owner;
}

std::string describe(const Owner& owner) {
    auto text = fmt::format("source {} in namespace {}", archive::quoted_name(owner.source),
                            archive::quoted_name(owner.name_space));
    if (!owner.cluster.empty()) text += " of cluster " + archive::quoted_name(owner.cluster);
    return text;
}

Result<OwnerDecision> decide_owner(const std::optional<std::string>& found, const Owner& mine) {
    if (!found) return OwnerDecision::kCreate;
    const auto owner = parse_owner(*found);
    if (!owner) return base::fail(owner.error());
    const bool same_cluster = owner->cluster.empty() || mine.cluster.empty() || owner->cluster == mine.cluster;
    if (same_cluster && owner->name_space == mine.name_space && owner->source == mine.source) {
        return OwnerDecision::kGoOn;
    }
    return refused(Reason::kSourceNameTaken,
                   fmt::format("the name belongs to {}, and this is {}", describe(*owner), describe(mine)));
}

std::string print_intent(const Intent& intent) {
    return text_of({{"format", kFormat},
                    {"repository", intent.repository},
                    {"run", json_of(intent.run)},
                    {"origin",
                     {{"cluster", intent.origin.cluster},
                      {"namespace", intent.origin.name_space},
                      {"name", intent.origin.name},
                      {"schedule", intent.origin.schedule}}},
                    {"deadline", base::format_rfc3339(intent.deadline)}});
}

Result<Intent> parse_intent(std::string_view text, base::SystemTime named_deadline) {
    Intent intent;
    N4B_TRY_VOID(read_file(text, "intent", [&](JsonObject& object) {
        intent.repository = object.required<std::string>("repository");
        const bool run = object.object("run", [&](JsonObject& member) {
            intent.run.uid = member.required<std::string>("uid");
            intent.run.attempt = member.required<std::int64_t>("attempt");
            intent.run.writer = member.value_or<std::string>("writer", "");
            member.refuse_unknown();
        });
        if (!run) object.reject("run", "missing");
        const bool origin = object.object("origin", [&](JsonObject& member) {
            intent.origin = {.cluster = member.required<std::string>("cluster"),
                             .name_space = member.required<std::string>("namespace"),
                             .name = member.required<std::string>("name"),
                             .schedule = member.required<std::string>("schedule")};
            member.refuse_unknown();
        });
        if (!origin) object.reject("origin", "missing");
        const auto deadline = base::parse_rfc3339(object.required<std::string>("deadline"));
        if (!deadline || *deadline != named_deadline) object.reject("deadline", "another than in its name");
        intent.deadline = named_deadline;
    }));
    return intent;
}

std::string print_abandoned() {
    Json json = Json::object();
    json["format"] = kFormat;
    return text_of(json);
}

std::string print_closed() {
    return print_abandoned();
}

std::string print_mark(const HeadName& head) {
    Json json = Json::object();
    json["format"] = kFormat;
    json["head"] = to_string(head);
    return text_of(json);
}

std::string print_fact(const HeadName& head, std::string_view message) {
    Json json{{"format", kFormat}, {"head", to_string(head)}};
    if (!message.empty()) json["message"] = message.substr(0, kMaxFactMessage);
    return text_of(json);
}

std::string print_hold(const Hold& hold) {
    Json json = Json::object();
    json["format"] = kFormat;
    if (hold.expires) json["expires"] = base::format_rfc3339(*hold.expires);
    return text_of(json);
}

Result<std::string> parse_fact(std::string_view text) {
    std::string head;
    N4B_TRY_VOID(read_file(text, "fact", [&](JsonObject& object) {
        head = object.required<std::string>("head");
        (void)object.optional<std::string>("message");
    }));
    return head;
}

Result<Hold> parse_hold(std::string_view text) {
    Hold hold;
    N4B_TRY_VOID(read_file(text, "hold", [&](JsonObject& object) {
        const auto expires = object.optional<std::string>("expires");
        if (!expires) return;
        const auto time = base::parse_rfc3339(*expires);
        if (time && base::format_rfc3339(*time) == *expires) {
            hold.expires = *time;
        } else {
            object.reject("expires", "expected a time in whole seconds such as 2026-11-22T21:50:49Z");
        }
    }));
    return hold;
}

}  // namespace n4b::format
