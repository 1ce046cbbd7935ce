#include <fmt/format.h>

#include "backup-runner/app/catalogue_server.hpp"
#include "backup-runner/app/commands.hpp"
#include "backup-runner/app/json_output.hpp"
#include "backup-runner/app/outcome.hpp"
#include "backup-runner/engine/source_probe.hpp"
#include "backup-runner/engine/storage_check.hpp"
#include "backup-runner/format/names.hpp"
#include "common/base/hex.hpp"
#include "common/base/json_object.hpp"
#include "common/base/notice.hpp"

namespace n4b::runner {
namespace {

using base::Json;
using base::Result;
using contract::ExclusiveCreate;
using engine::StorageLook;

/// How often one request is sent at most. It is few, since somebody waits for the answer.
constexpr int kTries = 3;
/// Storages refuse requests whose time is off by more than 15 minutes. A slow network can't explain more than this.
constexpr std::chrono::minutes kOddClock{5};
/// How long the chains are served that were found: an operator asks every few seconds, and one that can't reach this
/// pod must not keep the look from ending.
constexpr std::chrono::seconds kServe{30};
/// Of the look's own time, so that what was found is told even where listing the backups takes too long.
constexpr std::chrono::minutes kForTheEnd{1};
constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

std::string_view explain(ExclusiveCreate exclusive) {
    switch (exclusive) {
        case ExclusiveCreate::kHeld:
            return "held: the second of two writers is refused";
        case ExclusiveCreate::kIgnored:
            return "ignored: the second of two writers replaces the first one's object";
        case ExclusiveCreate::kRefused:
            return "refused: the storage takes no conditional writes";
    }
    return "";
}

std::string clock_text(std::chrono::milliseconds offset) {
    const auto seconds = std::chrono::duration<double>(offset).count();
    return fmt::format("the storage's is {:.1f} s {} ours", seconds < 0 ? -seconds : seconds,
                       seconds < 0 ? "behind" : "ahead of");
}

/// What was done, as a person reads it.
std::string_view deeds(const contract::StorageReport& abilities) {
    return abilities.locks_by_itself ? "written, read and listed; the storage locks it against deletion"
                                     : "written, read, listed and deleted";
}

/// `tried`: the storage was asked for it.
std::string lock_text(const s3::ObjectLock& lock, bool tried) {
    if (lock.mode == s3::LockMode::kNone) return "none asked for";
    return fmt::format("{} for {} days, {}", lock.mode == s3::LockMode::kCompliance ? "compliance" : "governance",
                       lock.time.count(),
                       tried ? "which the storage takes" : "not tried, since the object would stay for so long");
}

void print_text(Output& output, const StoreChoice& store, const StorageLook& look) {
    const auto& abilities = *look.abilities;
    output.row("storage", describe(store));
    output.row("repository", look.repository.empty() ? "none yet: init makes one of an empty place" : look.repository);
    output.row("objects", deeds(abilities));
    output.row("exclusive create", explain(abilities.exclusive_create));
    if (store.s3) {
        output.row("versions", abilities.keeps_versions
                                   ? "kept: what is deleted takes room until a lifecycle rule of the bucket removes it"
                                   : "not kept");
        output.row("object lock",
                   lock_text(store.s3->location.lock, abilities.exclusive_create == ExclusiveCreate::kHeld));
    }
    output.row("clock", clock_text(abilities.clock_offset));
    const bool told = abilities.free_bytes && abilities.total_bytes;
    output.row("free space",
               told ? fmt::format("{:.1f} GiB of {:.1f} GiB", static_cast<double>(*abilities.free_bytes) / kGiB,
                                  static_cast<double>(*abilities.total_bytes) / kGiB)
                    : "not told by object storage");
}

Json json_of(const StoreChoice& store, const StorageLook& look) {
    const auto& abilities = *look.abilities;
    Json json{{"reason", to_string(base::Reason::kCompleted)},
              {"storage", describe(store)},
              {"exclusiveCreate", to_string(abilities.exclusive_create)},
              {"keepsVersions", abilities.keeps_versions},
              {"locksByItself", abilities.locks_by_itself},
              {"clockOffsetMs", abilities.clock_offset.count()}};
    if (!look.repository.empty()) json["repository"] = look.repository;
    if (abilities.total_bytes) json["totalBytes"] = *abilities.total_bytes;
    if (abilities.free_bytes) json["availableBytes"] = *abilities.free_bytes;
    return json;
}

using Opened = Result<std::unique_ptr<object_store::ObjectStore>>;

/// `store`: the choice, opened.
StorageLook look_at(const StoreChoice& choice, const Opened& store, const format::RepositoryWish& wish,
                    const object_store::Call& call) {
    if (!store) return {.error = store.error()};
    const auto look = [&](object_store::ObjectStore& plain) {
        return engine::look_at_storage({.plain = plain, .backups = **store},
                                       std::string(format::kCheckPrefix) + base::random_digits(), wish,
                                       base::RealClock(), call);
    };
    if (!choice.s3 || choice.s3->location.lock.mode == s3::LockMode::kNone) return look(**store);
    auto unlocked = choice;
    unlocked.s3->location.lock = {};
    const auto plain = open_store(unlocked, kTries);
    return plain ? look(**plain) : StorageLook{.error = plain.error()};
}

/// Whoever doesn't say which repository must be there, nor that one may be made, only asks what the storage can do.
format::RepositoryWish wish_of(const contract::RunSpec& spec) {
    using Use = format::RepositoryUse;
    const auto otherwise = spec.repository.empty() ? Use::kRead : Use::kWrite;
    return {.use = spec.initialize ? Use::kInitialize : otherwise,
            .expected_id = spec.repository,
            .new_id = spec.new_repository.empty() ? base::random_digits() : spec.new_repository};
}

/// Lists the backups of a storage that works, and serves them until the operator has them. That this fails says nothing
/// against the storage: the report has no catalogue then, and its message says why.
void tell_backups(const contract::RunSpec& spec, object_store::ObjectStore& store, contract::RunReport& report,
                  const object_store::Call& call) {
    const auto time = std::max(std::chrono::milliseconds(0), call.deadline.left() - kForTheEnd);
    const object_store::Call in_time{.deadline = base::Deadline::after(time), .stop = call.stop};
    const auto failed = [&](const base::Error& error) {
        report.message += fmt::format("; its backups could not be listed: {}", error.message);
    };
    const auto records = engine::record_chains(store, contract::kMostChains, in_time);
    if (!records) return failed(records.error());
    base::info(fmt::format("{} chains with {} backups lie in {}", records->chains.size(), records->artifacts,
                           describe(store_of(spec))));
    const auto server = CatalogueServer::start(spec, *records);
    if (!server) return failed(server.error());
    report.catalogue = (*server)->report();
    if (!(*server)->serve(kServe, call.stop)) {
        base::warn("no operator has fetched the list of the chains, and the look ends without that");
    }
}

}  // namespace

int run(const CheckStorageOptions& options, base::SteadyTime started, std::stop_token stop) {
    Output output;
    const auto look = look_at(options.store, open_store(options.store, kTries), {},
                              {.deadline = base::Deadline::at(started + options.timeout), .stop = std::move(stop)});
    if (look.error) {
        return finish(base::fail(*look.error), output, options.json, {{"storage", describe(options.store)}});
    }
    const auto offset = look.abilities->clock_offset;
    if (std::chrono::abs(offset) > kOddClock) {
        base::warn(fmt::format("clock: {}; set the one that is wrong (NTP)", clock_text(offset)));
    }
    if (options.json) {
        print_json(output, json_of(options.store, look));
    } else {
        print_text(output, options.store, look);
    }
    return finish(0, output);
}

int run(const CheckStorageRunOptions& options, base::SteadyTime started, std::stop_token stop) {
    const auto& spec = options.spec;
    const auto deadline = engine::deadline_of(spec, started);
    const auto store = store_of(spec);
    const object_store::Call call{.deadline = deadline, .stop = std::move(stop)};
    const auto opened = open_store_of(spec, kTries);
    const auto look = look_at(store, opened, wish_of(spec), call);
    contract::RunReport report{
        .reason = base::Reason::kCompleted, .run_uid = spec.run.uid, .attempt = spec.run.attempt};
    if (look.error) {
        report = report_of(spec, *look.error);
    } else {
        report.message = fmt::format("an object was {}: {}", deeds(*look.abilities), describe(store));
    }
    report.repository = look.repository;
    report.storage = look.abilities;
    if (!look.error && spec.http_port != 0) tell_backups(spec, **opened, report, call);
    return conclude(report);
}

}  // namespace n4b::runner
