#include "backup-runner/engine/catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "backup-runner/archive/digest.hpp"
#include "backup-runner/engine/artifact_writer.hpp"
#include "common/base/json_object.hpp"
#include "common/base/notice.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::engine {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;

constexpr std::size_t kMaxRepositoryBytes = 16 * 1024;
/// In one directory: all of them are in memory at once, some 100 bytes each.
constexpr std::size_t kMaxNames = 50'000;

/// The names of a directory's members of a kind that `wanted` takes, in order; empty when the directory is not there.
Result<std::vector<std::string>> names_in(storage::Storage& storage, const std::string& key, bool directories,
                                          const std::function<bool(const std::string&)>& wanted) {
    std::vector<std::string> names;
    const auto listed = storage.list(key, [&](const storage::Entry& entry) {
        if (entry.directory == directories && wanted(entry.name)) names.push_back(entry.name);
        return names.size() <= kMaxNames;
    });
    if (!listed && listed.error().code != ErrorCode::kNotFound) return base::fail(listed.error());
    if (names.size() > kMaxNames) {
        return base::fail(ErrorCode::kInvalid, Reason::kStorageUnavailable,
                          fmt::format("{}: more than {} names, which is no repository of ours", key, kMaxNames));
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::string database_key(const std::string& source, const std::string& database) {
    return source + "/" + database;
}

/// The name that a file of the heads directory stands for. Others' files are none of our business: a head has exactly
/// one form of name.
std::optional<archive::ArtifactName> name_of_head(const std::string& file) {
    if (!file.ends_with(archive::kHeadSuffix)) return std::nullopt;
    return archive::parse_artifact_name(file.substr(0, file.size() - archive::kHeadSuffix.size()));
}

/// The chains of one source and database, oldest first.
Result<std::vector<std::string>> list_chains(storage::Storage& storage, const std::string& source,
                                             const std::string& database) {
    return names_in(storage, database_key(source, database), true, archive::is_chain_name);
}

/// In order of sequence.
Result<std::vector<archive::ArtifactName>> head_names(storage::Storage& storage, const std::string& chain_key) {
    N4B_TRY(const auto files, names_in(storage, chain_key + "/heads", false,
                                       [](const std::string& file) { return name_of_head(file).has_value(); }));
    std::vector<archive::ArtifactName> names;
    for (const auto& file : files) names.push_back(*name_of_head(file));
    std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
    return names;
}

enum class Access { kRead, kWrite };

Result<void> check_access(const std::string& text, Access access) {
    const auto damaged = [](base::Error error) {
        error.reason = Reason::kArtifactDamaged;
        return base::fail(std::move(error));
    };
    const auto document = base::parse_json(text, kMaxRepositoryBytes, std::string(archive::kRepositoryKey));
    if (!document) return damaged(document.error());
    base::JsonObject object(*document, "");
    object.required<std::string>("id");
    const auto format = object.required<std::int64_t>("format");
    const auto to_read = object.required<std::vector<std::string>>("requiredToRead");
    const auto to_write = object.required<std::vector<std::string>>("requiredToWrite");
    const auto& features = access == Access::kRead ? to_read : to_write;
    if (auto done = object.finish(); !done) return damaged(done.error().wrap(archive::kRepositoryKey));
    if (format != archive::kFormat || !features.empty()) {
        return base::fail(ErrorCode::kFailedPrecondition, Reason::kArtifactNotSupported,
                          fmt::format("{}: format {}{}; this runner knows format {}", archive::kRepositoryKey, format,
                                      features.empty() ? "" : " with feature " + base::printable(features.front()),
                                      archive::kFormat));
    }
    return {};
}

/// Everything a head promises is there: the objects by their listing, the index by digest.
Result<void> check_written(storage::Storage& storage, const Artifact& artifact) {
    N4B_TRY_VOID(check_listing(storage, artifact));
    N4B_TRY(const auto reader, storage.open(fmt::format("{}/{}", artifact.keys.data, archive::kIndex)));
    archive::Sha256 digest;
    std::vector<std::byte> buffer(64 * 1024);
    for (;;) {
        N4B_TRY(const auto n, reader->read_some(buffer));
        if (n == 0) break;
        digest.update(std::span(buffer).first(n));
    }
    if (digest.finish() != artifact.head.index.stored_digest) {
        return base::fail(
            ErrorCode::kDataLoss, Reason::kArtifactDamaged,
            fmt::format("{}/{}: the digest does not match the head", artifact.keys.data, archive::kIndex));
    }
    return {};
}

/// An artifact whose head can be read and keeps its promise.
Result<Artifact> read_written(storage::Storage& storage, const std::string& source, const std::string& database,
                              const std::string& chain, const archive::ArtifactName& name) {
    N4B_TRY(auto artifact, read_head(storage, source, database, chain, name));
    N4B_TRY_VOID(check_written(storage, artifact));
    return artifact;
}

/// Stands for the heads of a chain that can't be listed.
FoundHead unlisted(const std::string& source, const std::string& database, const std::string& chain,
                   const base::Error& error) {
    auto key = fmt::format("{}/{}/heads", database_key(source, database), chain);
    return {.source = source,
            .database = database,
            .chain = chain,
            .name = "",
            .key = std::move(key),
            .artifact = base::fail(error)};
}

/// The walk of walk_heads; each step is false when take has ended it.
class Walk {
public:
    Walk(storage::Storage& storage, const Scope& scope, Order order, const std::function<bool(FoundHead)>& take)
        : storage_(storage), scope_(scope), order_(order), take_(take) {}

    Result<void> repository() {
        if (!scope_.source.empty()) {
            (void)source(scope_.source);
            return {};
        }
        N4B_TRY(const auto sources, names_in(storage_, "", true, contract::is_storage_name));
        (void)std::all_of(sources.begin(), sources.end(), [&](const std::string& name) { return source(name); });
        return {};
    }

private:
    bool source(const std::string& source) {
        if (!scope_.database.empty()) return database(source, scope_.database);
        const auto databases = names_in(storage_, source, true, contract::is_storage_name);
        if (!databases) return take_({source, "", "", "", source, base::fail(databases.error())});
        return std::all_of(databases->begin(), databases->end(),
                           [&](const std::string& name) { return database(source, name); });
    }

    bool database(const std::string& source, const std::string& database) {
        auto chains = list_chains(storage_, source, database);
        if (!chains) {
            return take_({source, database, "", "", database_key(source, database), base::fail(chains.error())});
        }
        if (order_ == Order::kNewestFirst) std::reverse(chains->begin(), chains->end());
        return std::all_of(chains->begin(), chains->end(), [&](const std::string& name) {
            return (!scope_.chain.empty() && name != scope_.chain) || chain(source, database, name);
        });
    }

    bool chain(const std::string& source, const std::string& database, const std::string& chain) {
        const auto closed = storage_.exists(archive::closed_key(source, database, chain));
        if (!closed) return take_(unlisted(source, database, chain, closed.error()));
        if (*closed) return true;
        auto names = head_names(storage_, database_key(source, database) + "/" + chain);
        if (!names) return take_(unlisted(source, database, chain, names.error()));
        if (order_ == Order::kNewestFirst) std::reverse(names->begin(), names->end());
        return std::all_of(names->begin(), names->end(), [&](const archive::ArtifactName& name) {
            auto artifact = read_head(storage_, source, database, chain, name);
            // Deleted since the listing: then it is no head any more.
            if (!artifact && artifact.error().code == ErrorCode::kNotFound) return true;
            return take_({.source = source,
                          .database = database,
                          .chain = chain,
                          .name = archive::to_string(name),
                          .key = archive::artifact_keys(source, database, chain, name).head,
                          .artifact = std::move(artifact)});
        });
    }

    storage::Storage& storage_;
    const Scope& scope_;
    const Order order_;
    const std::function<bool(FoundHead)>& take_;
};

}  // namespace

bool lies_in_the_head(const base::Error& error) {
    return error.reason == Reason::kArtifactDamaged || error.reason == Reason::kArtifactNotSupported;
}

Result<void> check_chain_open(storage::Storage& storage, const std::string& source, const std::string& database,
                              const std::string& chain) {
    const auto key = archive::closed_key(source, database, chain);
    N4B_TRY(const bool closed, storage.exists(key));
    if (!closed) return {};
    return base::fail(ErrorCode::kConflict, Reason::kArtifactConflict,
                      fmt::format("{}: the chain is closed, it is being deleted", key));
}

Result<void> not_closed_meanwhile(storage::Storage& storage, const Artifact& artifact, Result<void> result) {
    if (result) return result;
    const auto& head = artifact.head;
    auto open = check_chain_open(storage, head.source, head.database, head.chain);
    return !open && open.error().reason == Reason::kArtifactConflict ? open : result;
}

Result<void> check_listing(storage::Storage& storage, const Artifact& artifact) {
    N4B_TRY(const auto listing, list_objects(storage, artifact.keys.data, SyncDirectories::kNo));
    const auto& head = artifact.head;
    if (listing.objects != head.objects || listing.bytes != head.object_bytes) {
        return base::fail(
            ErrorCode::kDataLoss, Reason::kArtifactDamaged,
            fmt::format("{}: {} objects with {} bytes are there, the head promises {} with {}", artifact.keys.data,
                        listing.objects, listing.bytes, head.objects, head.object_bytes));
    }
    return {};
}

Result<std::string> read_small(storage::Storage& storage, const std::string& key, std::size_t most) {
    N4B_TRY(const auto reader, storage.open(key));
    std::string text;
    std::array<std::byte, 4096> buffer{};
    for (;;) {
        N4B_TRY(const auto n, reader->read_some(buffer));
        if (n == 0) return text;
        text.append(reinterpret_cast<const char*>(buffer.data()), n);
        if (text.size() > most) {
            return base::fail(ErrorCode::kInvalid, Reason::kArtifactDamaged,
                              fmt::format("{}: longer than {} bytes", key, most));
        }
    }
}

Result<void> write_durably(storage::Storage& storage, const std::string& temporary, std::string_view text) {
    N4B_TRY(auto writer, storage.create(temporary));
    N4B_TRY_VOID(writer->write(std::as_bytes(std::span(text))));
    return writer->finish();
}

Result<void> publish_durably(storage::Storage& storage, const std::string& temporary, const std::string& key) {
    auto published = storage.publish(temporary, key);
    if (!published) (void)storage.remove(temporary);
    return published;
}

Result<void> open_repository(storage::Storage& storage, const std::string& repository_id) {
    const std::string key(archive::kRepositoryKey);
    N4B_TRY(const bool there, storage.exists(key));
    if (!there) {
        const base::Json json{{"id", repository_id},
                              {"format", archive::kFormat},
                              {"requiredToRead", base::Json::array()},
                              {"requiredToWrite", base::Json::array()}};
        const auto temporary = fmt::format(".{}.{}", key, repository_id);
        N4B_TRY_VOID(write_durably(storage, temporary, json.dump(2) + "\n"));
        const auto written = publish_durably(storage, temporary, key);
        // Two first backups at once: the other one's file is as good.
        if (!written && written.error().code != ErrorCode::kAlreadyExists) return base::fail(written.error());
    }
    N4B_TRY(const auto text, read_small(storage, key, kMaxRepositoryBytes));
    return check_access(text, Access::kWrite);
}

Result<void> check_repository(storage::Storage& storage) {
    const std::string key(archive::kRepositoryKey);
    N4B_TRY(const bool there, storage.exists(key));
    if (!there) {
        return base::fail(ErrorCode::kNotFound, Reason::kArtifactNotFound,
                          fmt::format("there is no repository: {} is missing", key));
    }
    N4B_TRY(const auto text, read_small(storage, key, kMaxRepositoryBytes));
    return check_access(text, Access::kRead);
}

Result<Artifact> read_head(storage::Storage& storage, const std::string& source, const std::string& database,
                           const std::string& chain, const archive::ArtifactName& name) {
    Artifact artifact{.head = {},
                      .keys = archive::artifact_keys(source, database, chain, name),
                      .name = archive::to_string(name),
                      .digest = {}};
    N4B_TRY(const auto text, read_small(storage, artifact.keys.head, archive::kMaxHeadBytes));
    auto head = archive::parse_head(text);
    if (!head) return base::fail(head.error().wrap(artifact.keys.head));
    if (head->source != source || head->database != database || head->chain != chain || head->run_uid != name.run_uid ||
        head->attempt != name.attempt || head->sequence != name.sequence) {
        return base::fail(ErrorCode::kDataLoss, Reason::kArtifactDamaged,
                          fmt::format("{}: the head is that of another artifact", artifact.keys.head));
    }
    artifact.head = std::move(*head);
    artifact.digest = archive::sha256(std::as_bytes(std::span(text)));
    return artifact;
}

Result<void> walk_heads(storage::Storage& storage, const Scope& scope, Order order,
                        const std::function<bool(FoundHead)>& take) {
    return Walk(storage, scope, order, take).repository();
}

void warn_of_head(const FoundHead& head) {
    const auto& error = head.artifact.error();
    // The message names the head.
    base::notice(fmt::format("warning: passed over a backup: {}: {}\n",
                             to_string(error.reason.value_or(Reason::kInternalError)), error.message));
}

Result<std::optional<Artifact>> newest_artifact(storage::Storage& storage, const std::string& source,
                                                const std::string& database, const PassedOverHead& passed_over) {
    std::optional<Artifact> newest;
    std::optional<base::Error> failure;
    // Chains without a head are attempts that were cut off: they do not count.
    N4B_TRY_VOID(
        walk_heads(storage, {.source = source, .database = database}, Order::kNewestFirst, [&](FoundHead head) {
            if (head.artifact) {
                newest = std::move(*head.artifact);
                return false;
            }
            passed_over(head);
            if (!failure && !lies_in_the_head(head.artifact.error())) failure = head.artifact.error();
            return true;
        }));
    if (newest) return newest;
    if (failure) return base::fail(*failure);
    return std::nullopt;
}

Result<Artifact> look_up(storage::Storage& storage, const FinishedRun& run, const PassedOverHead& passed_over) {
    const auto& source = run.source;
    const auto& database = run.database;
    const auto is_wanted = [&](const archive::ArtifactName& name) {
        return name.run_uid == run.uid && name.attempt != run.other_than_attempt;
    };
    N4B_TRY(const auto chains, list_chains(storage, source, database));
    for (auto chain = chains.rbegin(); chain != chains.rend(); ++chain) {
        const auto names = head_names(storage, database_key(source, database) + "/" + *chain);
        if (!names) {
            passed_over(unlisted(source, database, *chain, names.error()));
            continue;
        }
        const auto own = std::find_if(names->begin(), names->end(), is_wanted);
        if (own == names->end()) continue;
        auto artifact = read_written(storage, source, database, *chain, *own);
        // Looked for last, since the check takes a while: a chain that is closed is being deleted. The attempt that
        // finds that out itself calls it a conflict, so no other may adopt what it left, and what is amiss there is no
        // damage.
        N4B_TRY(const bool closed, storage.exists(archive::closed_key(source, database, *chain)));
        if (closed) continue;
        // Its attempt may have been killed between the head's creation and the sync that makes its name durable.
        N4B_TRY_VOID(storage.sync_directory(artifact->keys.heads));
        return artifact;
    }
    return base::fail(ErrorCode::kNotFound, Reason::kArtifactNotFound,
                      fmt::format("no finished artifact of run {} in {}/{}", run.uid, source, database));
}

contract::ArtifactReport report_of(const Artifact& artifact) {
    const auto& head = artifact.head;
    return {.database = head.database,
            .chain = head.chain,
            .sequence = head.sequence,
            .artifact = artifact.name,
            .location = artifact.keys.head,
            .kind = head.kind,
            .lowest_transaction = head.lowest.id,
            .highest_transaction = head.highest.id,
            .earliest_restorable = head.earliest_restorable.id,
            .recoverable_to = head.highest.time,
            .files = head.files,
            .bytes = head.bytes,
            .stored_bytes = head.stored_bytes,
            .digest = artifact.digest};
}

}  // namespace n4b::engine
