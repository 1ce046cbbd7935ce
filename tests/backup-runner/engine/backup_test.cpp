#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <mutex>
#include <span>
#include <string>
#include <thread>

#include "backup-runner/archive/names.hpp"
#include "backup-runner/engine/repository.hpp"
#include "backup-runner/engine/restore.hpp"
#include "backup-runner/engine/restore_choice.hpp"
#include "backup-runner/engine/restored_content.hpp"
#include "backup-runner/object_store/forwarding_store.hpp"
#include "tests/backup-runner/engine/backup_fixture.hpp"
#include "tests/support/faulty_storage.hpp"
#include "tests/support/memory_store.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using testing::FakeCatchupServer;
using testing::Fault;
using testing::FaultyStorage;

std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file) << path;
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(BackupTest, RestoresWhatTheServerHolds) {
    for (const auto compression : {contract::Compression::kNone, contract::Compression::kZstd}) {
        spec_.compression = compression;
        spec_.run.uid = std::string("run-") + (compression == contract::Compression::kNone ? "a" : "b");
        const auto report = back_up();
        ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
        EXPECT_EQ(report.artifact->lowest_transaction, 5);
        EXPECT_EQ(report.artifact->highest_transaction, 9);

        const auto artifact = choose_artifact(*store_, layout_, report.artifact->chain, {});
        ASSERT_TRUE(artifact);
        const auto target = root_ + "/" + spec_.run.uid;
        const auto restored = restore(*store_, whole({*artifact}), {.directory = target}, {});
        ASSERT_TRUE(restored) << restored.error().message;
        EXPECT_EQ(contents(target + "/neostore.nodestore.db"), std::string(20000, '\x07'));
        EXPECT_EQ(contents(target + "/neostore.counts.db.a"), std::string(96, '\0'))
            << "the copy under the lock is kept";
        EXPECT_EQ(contents(target + "/schema/index/lucene/1/segments_1").size(), 3U);
        EXPECT_EQ(contents(target + "/neostore.transaction.db.0").size(),
                  16 + 18 + 5 * FakeCatchupServer::transaction(1).size());
        EXPECT_FALSE(std::filesystem::exists(target + "/" + kRestoreMarker));
        EXPECT_EQ(restore(*store_, whole({*artifact}), {.directory = target}, {}).error().code,
                  base::ErrorCode::kFailedPrecondition);
    }
    EXPECT_EQ(server_.requested().back(), "neostore") << "it must be read last";
}

TEST_F(BackupTest, HoldsTransactionsCommittedWhileFilesWereRead) {
    server_.on_file = [this](const std::string& name) {
        if (name == "neostore") server_.last_committed = 12;
    };
    const auto report = back_up();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.artifact->highest_transaction, 12);
}

TEST_F(BackupTest, PullsOnWhileFilesAreReadSoThatPruningDoesNotOvertakeALongCopy) {
    std::promise<void> pulled;
    std::once_flag once;
    server_.on_pull = [&](std::int64_t previous) {
        if (previous == 12) std::call_once(once, [&] { pulled.set_value(); });
    };
    server_.on_file = [&](const std::string& name) {
        if (name != "neostore.nodestore.db") return;
        server_.last_committed = 12;
        EXPECT_EQ(pulled.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready)
            << "nobody came for what was committed while a file was read";
        server_.pruned_to = 12;
    };
    const auto report = back_up();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.artifact->highest_transaction, 12);
    EXPECT_EQ(sound_artifacts(), 1U);
}

TEST_F(BackupTest, PullsOnWhileAStorageThatIsAwayIsAskedForItsTimeBehindTheLastFile) {
    std::promise<void> pulled;
    std::once_flag once;
    server_.on_pull = [&](std::int64_t previous) {
        if (previous == 12) std::call_once(once, [&] { pulled.set_value(); });
    };
    testing::MemoryStore store;
    int asked = 0;
    store.on_now = [&] {
        if (++asked != 3) return;  // The first is for the clean-up, and the second stands in the intent.
        server_.last_committed = 12;
        EXPECT_EQ(pulled.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready)
            << "nobody came for what was committed while the storage was away";
        server_.pruned_to = 12;
    };
    const auto report = back_up(store);
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.artifact->highest_transaction, 12);
}

TEST_F(BackupTest, SaysThatTheLogWasPruned) {
    server_.on_file = [&](const std::string& name) {
        if (name != "neostore") return;
        server_.last_committed = 12;
        server_.pruned_to = 11;
    };
    const auto report = back_up();
    EXPECT_EQ(report.reason, Reason::kSourceLogPruned) << report.message;
    EXPECT_EQ(sound_artifacts(), 0U);
}

TEST_F(BackupTest, SaysThatTheLogWasPrunedAtOnceThoughTheStorageTakesNothingMore) {
    testing::MemoryStore store({.put_takes = std::chrono::hours(1)});
    spec_.connections = 1;
    spec_.compression = contract::Compression::kNone;
    spec_.duration = std::chrono::seconds(20);
    buffers_ = {.receive = 4096, .block = 16 * 1024, .blocks = 2};
    server_.store_file("neostore.nodestore.db").resize(16 * buffers_.block);
    server_.on_pull = [&](std::int64_t previous) {
        if (previous < 9) return;
        server_.last_committed = 12;
        server_.pruned_to = 11;
    };
    const auto report = back_up(store);
    EXPECT_EQ(report.reason, Reason::kSourceLogPruned) << report.message;
}

TEST_F(BackupTest, RefusesALogThatDoesNotReachTheLastTransaction) {
    server_.pulled_to = 8;
    const auto report = back_up();
    EXPECT_EQ(report.reason, Reason::kCopyInconsistent) << report.message;
    EXPECT_EQ(sound_artifacts(), 0U);
}

TEST_F(BackupTest, RefusesALogThatEndsBeforeWhatAFileMayHold) {
    // Another server behind the same address, or one that was set back.
    server_.pulled_to = 9;
    server_.on_file = [&](const std::string& name) { server_.last_committed = name == "neostore" ? 9 : 12; };
    const auto report = back_up();
    EXPECT_EQ(report.reason, Reason::kCopyInconsistent) << report.message;
    EXPECT_EQ(sound_artifacts(), 0U);
}

TEST_F(BackupTest, AdoptsWhatTheSameRunHasFinished) {
    const auto first = back_up();
    ASSERT_EQ(first.reason, Reason::kCompleted);
    const auto sent = server_.sent();
    spec_.run.attempt = 2;
    const auto name = format::parse_head_name(std::filesystem::path(first.artifact->location).filename().string());
    const auto mark = repository() + "/" + layout_.mark(name->artifact);
    ASSERT_TRUE(std::filesystem::remove(mark));
    const auto again = back_up();
    EXPECT_TRUE(std::filesystem::exists(mark)) << "the first was killed before it made one";
    EXPECT_EQ(again.reason, Reason::kCompleted) << again.message;
    EXPECT_TRUE(again.adopted);
    EXPECT_EQ(server_.sent(), sent);
    EXPECT_EQ(look_up().reason, Reason::kCompleted);
    spec_.run.uid = "run-2";
    EXPECT_EQ(look_up().reason, Reason::kArtifactNotFound);
}

TEST_F(BackupTest, MakesASecondBackupWhenTheSameAttemptOfARunIsStartedAgain) {
    const auto first = back_up();
    ASSERT_EQ(first.reason, Reason::kCompleted) << first.message;
    server_.last_committed = 12;
    // A schedule by hand that uses one RunSpec file again and again.
    const auto again = back_up();
    ASSERT_EQ(again.reason, Reason::kCompleted) << again.message;
    EXPECT_FALSE(again.adopted) << "reported as done, and nothing was copied";
    EXPECT_EQ(again.artifact->highest_transaction, 12);
    EXPECT_EQ(sound_artifacts(), 2U);
    EXPECT_EQ(look_up().artifact->chain, again.artifact->chain);
    spec_.run.attempt = 2;
    EXPECT_TRUE(back_up().adopted);
    EXPECT_EQ(back_up().artifact->chain, again.artifact->chain);
}

TEST_F(BackupTest, AdoptsNothingFromAClosedChain) {
    const auto first = back_up();
    ASSERT_EQ(first.reason, Reason::kCompleted) << first.message;
    const auto chain = repository() + "/" + directory_of_chain(first.artifact->chain);
    std::ofstream(chain + "/closed.json") << "{}";
    EXPECT_EQ(look_up().reason, Reason::kArtifactNotFound);
    spec_.run.attempt = 2;
    const auto again = back_up();
    EXPECT_EQ(again.reason, Reason::kCompleted) << again.message;
    EXPECT_FALSE(again.adopted) << "a chain that is being deleted holds nobody's backup";
    EXPECT_NE(again.artifact->chain, first.artifact->chain);
    EXPECT_EQ(look_up().artifact->chain, again.artifact->chain);
    // On its way out it may be incomplete already.
    std::filesystem::remove_all(chain + "/000000-full-run-1-1");
    EXPECT_EQ(look_up().reason, Reason::kCompleted);
}

TEST_F(BackupTest, RefusesAnotherDatabaseUnderTheSameName) {
    ASSERT_EQ(back_up().reason, Reason::kCompleted);
    server_.id.random = 99;
    spec_.run.uid = "run-2";
    EXPECT_EQ(back_up().reason, Reason::kSourceIdentityChanged);
}

TEST_F(BackupTest, TellsWhyNoSourceAnswered) {
    spec_.endpoints = {{.host = "unknown", .port = 1}};
    EXPECT_EQ(back_up().reason, Reason::kSourceNameNotResolved);
    spec_.endpoints = {{.host = "unknown", .port = 1}, {.host = "refused", .port = 1}};
    EXPECT_EQ(back_up().reason, Reason::kSourceUnreachable);
    spec_.endpoints.push_back({.host = "10.0.0.1", .port = 1});
    EXPECT_EQ(back_up().reason, Reason::kCompleted);
}

TEST_F(BackupTest, EndsInOneErrorWhereverTheServerGoesAway) {
    ASSERT_EQ(back_up().reason, Reason::kCompleted);
    spec_.timeouts.stall = std::chrono::milliseconds(500);
    const auto all = server_.sent();
    for (std::int64_t at = 0; at < all; at += 997) {
        server_.cut_after = server_.sent() + at;
        spec_.run.uid = "cut-" + std::to_string(at);
        spec_.connections = 1;
        const auto report = back_up();
        EXPECT_TRUE(report.reason == Reason::kSourceConnectionLost || report.reason == Reason::kNotCatchupServer)
            << at << ": " << to_string(report.reason) << ": " << report.message;
        EXPECT_EQ(sound_artifacts(), 1U);
        if (at > 3 * 997) at += all / 4;
    }
}

TEST_F(BackupTest, TakesUpABrokenConnectionOnTheSameServer) {
    ASSERT_EQ(back_up().reason, Reason::kCompleted);
    const auto all = server_.sent();
    for (const std::int64_t at : {all / 3, all / 2, all - 700}) {
        server_.break_once_after = server_.sent() + at;
        spec_.run.uid = "broken-" + std::to_string(at);
        const auto report = back_up();
        EXPECT_EQ(report.reason, Reason::kCompleted) << at << ": " << report.message;
    }
    EXPECT_EQ(sound_artifacts(), 4U);
}

TEST_F(BackupTest, DoesNotFetchAFileAgainWhoseConnectionBrokeBehindIt) {
    spec_.connections = 1;
    std::atomic<bool> came = false;
    std::atomic<int> breaks = 0;
    server_.on_file = [&](const std::string& name) { came = came || name == "neostore.nodestore.db"; };
    server_.on_last_committed = [&] { return !came || ++breaks > 2; };
    const auto report = back_up();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_GT(breaks, 2);
    EXPECT_EQ(std::count(server_.requested().begin(), server_.requested().end(), "neostore.nodestore.db"), 1);
}

TEST_F(BackupTest, RefusesNamesThatLeaveTheTarget) {
    for (const char* name : {"../x", "/etc/passwd", "a/../b", "", "a//b", "a\\..\\b", "x\n"}) {
        server_.atomic_files = {{name, catchup::Bytes(3)}};
        spec_.run.uid = "bad-name";
        const auto report = back_up();
        EXPECT_EQ(report.reason, Reason::kSourceProtocolError) << name << ": " << report.message;
    }
    EXPECT_EQ(sound_artifacts(), 0U);
}

TEST_F(BackupTest, EndsAtOnceWhenStopped) {
    std::stop_source stop;
    server_.on_file = [&](const std::string&) { stop.request_stop(); };
    EXPECT_EQ(back_up(*store_, stop.get_token()).reason, Reason::kCancelled);
    EXPECT_EQ(sound_artifacts(), 0U);
}

TEST_F(BackupTest, RefusesAPassedDeadline) {
    spec_.duration = std::chrono::milliseconds(0);
    EXPECT_EQ(back_up().reason, Reason::kAttemptDeadlineExceeded);
    EXPECT_EQ(sound_artifacts(), 0U);
}

TEST_F(BackupTest, CountsItsDurationFromTheStartOfItsProcess) {
    runs_before_ = std::chrono::minutes(40);
    spec_.duration = std::chrono::minutes(30);
    EXPECT_EQ(back_up().reason, Reason::kAttemptDeadlineExceeded);
    spec_.duration = std::chrono::minutes(50);
    EXPECT_EQ(back_up().reason, Reason::kCompleted);
}

TEST_F(BackupTest, GoesOnlyIntoAPlaceThatIsARepository) {
    spec_.initialize = false;
    auto report = back_up();
    EXPECT_EQ(report.reason, Reason::kStorageNotInitialized) << "as of a volume that isn't mounted";
    EXPECT_TRUE(std::filesystem::is_empty(repository()));
    spec_.initialize = true;
    std::ofstream(repository() + "/notes") << "of somebody else";
    EXPECT_EQ(back_up().reason, Reason::kStorageNotInitialized);
    std::filesystem::remove(repository() + "/notes");
    ASSERT_EQ(back_up().reason, Reason::kCompleted);
    spec_.initialize = false;
    spec_.repository = "another";
    EXPECT_EQ(back_up().reason, Reason::kStorageReplaced);
    EXPECT_EQ(sound_artifacts(), 1U);
}

TEST_F(BackupTest, OfAnotherNamespaceDoesNotGoOnUnderASourcesName) {
    spec_.run.object_namespace = "shop";
    ASSERT_EQ(back_up().reason, Reason::kCompleted);
    spec_.run = {.uid = "run-2", .object_namespace = "blog"};
    const auto report = back_up();
    EXPECT_EQ(report.reason, Reason::kSourceNameTaken) << report.message;
    EXPECT_NE(report.message.find("shop"), std::string::npos) << report.message;
    spec_.run.object_namespace = "";
    EXPECT_EQ(back_up().reason, Reason::kCompleted) << "who works by hand may";
    EXPECT_EQ(sound_artifacts(), 2U);
}

TEST_F(BackupTest, OfAnotherClusterDoesNotGoOnUnderASourcesName) {
    spec_.run = {.uid = "run-1", .object_namespace = "shop", .name = "nightly", .cluster = "c1"};
    auto report = back_up();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    const auto head = choose_artifact(*store_, layout_, report.artifact->chain, {}).value().head;
    EXPECT_EQ(head.origin, (format::Origin{.cluster = "c1", .name_space = "shop", .name = "nightly"}));
    spec_.run = {.uid = "run-2", .object_namespace = "shop", .cluster = "c2"};
    report = back_up();
    EXPECT_EQ(report.reason, Reason::kSourceNameTaken);
    EXPECT_NE(report.message.find("\"c1\""), std::string::npos) << report.message;
    EXPECT_NE(report.message.find("\"c2\""), std::string::npos) << report.message;
}

TEST_F(BackupTest, TellsItsRepositoryWhichHasTheIdThatItWasToHave) {
    spec_.new_repository = "uid-of-a-storage";
    auto report = back_up();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.repository, "uid-of-a-storage");
    spec_.run.uid = "run-2";
    spec_.initialize = false;
    spec_.new_repository.clear();
    spec_.repository = "uid-of-a-storage";
    report = back_up();
    EXPECT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(report.repository, "uid-of-a-storage");
    server_.pulled_to = 8;
    spec_.run.uid = "run-3";
    EXPECT_EQ(back_up().repository, "uid-of-a-storage") << "also when the copy fails";
    spec_.repository = "another";
    EXPECT_EQ(back_up().repository, "");
}

TEST_F(BackupTest, NamesTheBackupsThatItSupersedes) {
    std::vector<std::string> heads;
    for (const char* uid : {"run-1", "run-2", "run-3"}) {
        spec_.run.uid = uid;
        const auto report = back_up();
        ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
        const auto head = choose_artifact(*store_, layout_, report.artifact->chain, {}).value().head;
        EXPECT_EQ(head.supersedes, heads.empty() ? heads : std::vector{heads.back()});
        heads.push_back(format::to_string(format::name_of(head)));
    }
}

TEST_F(BackupTest, LeavesNothingOfACopyThatFailed) {
    server_.pulled_to = 8;
    EXPECT_EQ(back_up().reason, Reason::kCopyInconsistent);
    std::vector<std::string> keys;
    ASSERT_TRUE(store_->list("", "",
                             [&](std::span<const object_store::ObjectInfo> page) {
                                 for (const auto& object : page) keys.push_back(object.key);
                                 return true;
                             },
                             {}));
    EXPECT_EQ(keys, std::vector<std::string>{"neo4j-backup.json"});
}

/// A store whose creation of a head fails so, after it was done or without.
class HeadlessStore final : public object_store::ForwardingStore {
public:
    HeadlessStore(object_store::ObjectStore& inner, base::Error error, bool stored)
        : ForwardingStore(inner), error_(std::move(error)), stored_(stored) {}

    base::Result<object_store::Creation> create(std::string_view key, std::span<const std::byte> bytes,
                                                const object_store::Call& call) override {
        if (key.find("/heads/") == std::string_view::npos) return inner_.create(key, bytes, call);
        if (stored_) N4B_TRY_VOID(inner_.create(key, bytes, call));
        return base::fail(error_);
    }

private:
    const base::Error error_;
    const bool stored_;
};

TEST_F(BackupTest, DiscardsNothingWhereItsHeadMayBeThere) {
    struct Case {
        base::ErrorCode code;
        base::Reason reason;
        bool stored;
        bool discards;
    };
    const std::vector<Case> cases{
        // A volume that fails in the sync of the directory, after the name has appeared.
        {base::ErrorCode::kFailedPrecondition, base::Reason::kStorageFull, true, false},
        // The last try met a quota; what became of the first, nobody knows.
        {base::ErrorCode::kUnavailable, base::Reason::kStorageFull, false, false},
        {base::ErrorCode::kUnavailable, base::Reason::kStorageUnavailable, false, false},
        {base::ErrorCode::kFailedPrecondition, base::Reason::kStorageFull, false, true},
        {base::ErrorCode::kPermissionDenied, base::Reason::kStorageAccessDenied, false, true},
    };
    for (const auto& [code, reason, stored, discards] : cases) {
        make_repository();
        HeadlessStore store(*store_, {.code = code, .message = "head", .reason = reason}, stored);
        EXPECT_EQ(back_up(store).reason, reason);
        const bool blocks_are_there = !std::filesystem::is_empty(repository() + "/prod/graph.db/chains");
        EXPECT_EQ(blocks_are_there, !discards) << to_string(reason) << stored;
        EXPECT_EQ(sound_artifacts(), stored ? 1U : 0U);
    }
}

TEST_F(BackupTest, MarksWhatIsFinished) {
    const auto report = back_up();
    ASSERT_EQ(report.reason, Reason::kCompleted);
    const auto name = format::parse_head_name(std::filesystem::path(report.artifact->location).filename().string());
    ASSERT_TRUE(name);
    std::ifstream mark(repository() + "/" + layout_.mark(name->artifact));
    const std::string text{std::istreambuf_iterator<char>(mark), {}};
    EXPECT_EQ(text, format::print_mark(*name));
    EXPECT_NE(text.find(format::to_string(*name)), std::string::npos);
}

TEST_F(BackupTest, PublishesNoHeadWhenTheStorageHangsBeyondTheDeadline) {
    spec_.duration = std::chrono::seconds(4);
    for (const std::string where : {"/blocks/", "/heads/"}) {
        const auto hanging = std::make_shared<FaultyStorage>(*files_, repository(), Fault::kNone, -1);
        std::atomic<bool> hung = false;
        hanging->on_finished = [&](const std::string& key) {
            if (key.find(where) == std::string::npos || hung.exchange(true)) return;
            std::this_thread::sleep_for(*spec_.duration);
        };
        const auto store = object_store::volume_store(repository(), hanging);
        const auto report = back_up(*store);
        EXPECT_TRUE(hung) << report.message;
        EXPECT_EQ(report.reason, Reason::kAttemptDeadlineExceeded) << report.message;
        EXPECT_EQ(sound_artifacts(), 0U) << where;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(repository())) {
            EXPECT_NE(entry.path().parent_path().filename(), "heads") << entry.path();
        }
    }
}

TEST_F(BackupTest, GoesToAStoreThatTakesNoConditionalWrites) {
    testing::MemoryStore store({.refuses_conditions = true});
    spec_.run.object_namespace = "shop";
    auto report = back_up(store);
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_EQ(count_sound_artifacts(store), 1U);
    spec_.run = {.uid = "run-2", .object_namespace = "blog"};
    EXPECT_EQ(back_up(store).reason, Reason::kSourceNameTaken);
}

TEST_F(BackupTest, SaysThatItIsCurrentOnlyWhereItsLagIsKnown) {
    const auto report = back_up();
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    const auto head = choose_artifact(*store_, layout_, report.artifact->chain, {}).value().head;
    EXPECT_TRUE(head.complete_at);
    EXPECT_EQ(head.current_at.has_value(), report.source->lag.has_value());
}

TEST_F(BackupTest, TellsWhatItRemovedOfKilledAttempts) {
    testing::MemoryStore store;
    ASSERT_EQ(back_up(store).reason, Reason::kCompleted);
    const auto id = open_repository(store, {}, {}).value().id;
    spec_.run = {.uid = "run-2", .attempt = 2};
    const format::ArtifactName name{.chain = archive::chain_name(base::RealClock().system_now(), 1),
                                    .run = {"run-2", 1}};
    const auto deadline =
        std::chrono::floor<std::chrono::seconds>(base::RealClock().system_now()) + std::chrono::hours(9);
    const auto put = [&](const std::string& key, std::string_view text) {
        ASSERT_TRUE(store.put(key, std::as_bytes(std::span(text)), {}));
    };
    put(layout_.intent(name, deadline),
        format::print_intent({.repository = id, .run = name.run, .deadline = deadline}));
    put(layout_.blocks(name) + "00000001", "0123456789");
    const auto report = back_up(store);
    ASSERT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_FALSE(report.adopted);
    EXPECT_EQ(report.cleaned, (contract::CleanedReport{.artifacts = 1, .bytes = 10}));
    EXPECT_TRUE(report.message.ends_with("; removed what 1 unfinished backup had left, 10 bytes")) << report.message;
    EXPECT_EQ(count_sound_artifacts(store), 2U);
}

TEST_F(BackupTest, WritesAnIntentThatIsHeldToItsName) {
    testing::MemoryStore store;
    const auto report = back_up(store);
    ASSERT_EQ(report.reason, Reason::kCompleted);
    const format::ArtifactName name{.chain = report.artifact->chain, .run = {"run-1", 1}};
    int intents = 0;
    for (const auto& [key, bytes] : store.objects()) {
        if (!key.starts_with(layout_.artifact(name) + "intent-")) continue;
        ++intents;
        const auto deadline = format::parse_intent_name(key.substr(layout_.artifact(name).size())).value();
        const auto intent = format::parse_intent({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, deadline);
        ASSERT_TRUE(intent) << intent.error().message;
        EXPECT_EQ(intent->run, name.run);
        EXPECT_EQ(intent->repository, open_repository(store, {}, {}).value().id);
    }
    EXPECT_EQ(intents, 1);
}

/// Where an attempt's intent lies, with a '/' at its end.
std::string directory_of_run(testing::MemoryStore& store, const std::string& run) {
    std::string directory;
    const auto listed = store.list("", "",
                                   [&](std::span<const object_store::ObjectInfo> page) {
                                       for (const auto& object : page) {
                                           const auto intent = object.key.find(run + "/intent-");
                                           if (intent != std::string::npos)
                                               directory = object.key.substr(0, intent + run.size() + 1);
                                       }
                                       return true;
                                   },
                                   {});
    return listed ? directory : std::string();
}

TEST_F(BackupTest, GoesOnWhereTheStorageDeletesNothing) {
    testing::MemoryStore store({.refuses_removal = true});
    ASSERT_EQ(back_up(store).reason, Reason::kCompleted);
    server_.pulled_to = 8;  // A copy that fails, and can't be removed.
    spec_.run = {.uid = "run-2", .attempt = 1};
    ASSERT_EQ(back_up(store).reason, Reason::kCopyInconsistent);
    // Whether any of its few bytes were on their way when it failed is a matter of chance.
    const auto failed = directory_of_run(store, "run-2-1");
    ASSERT_FALSE(failed.empty());
    ASSERT_TRUE(store.put(failed + "blocks/00000000", std::as_bytes(std::span("x", 1)), {}));
    server_.pulled_to = INT64_MAX;
    spec_.run.attempt = 2;
    const auto report = back_up(store);
    EXPECT_EQ(report.reason, Reason::kCompleted) << report.message;
    EXPECT_FALSE(report.cleaned);
    EXPECT_NE(report.message.find("; warning: not all that unfinished backups left could be removed: "),
              std::string::npos)
        << report.message;
}

TEST_F(BackupTest, WarnsWhereTheLastFullWouldFindNoRoom) {
    testing::MemoryStore store({.space = object_store::Space{.total = 100, .available = 10}});
    const auto first = back_up(store);
    ASSERT_EQ(first.reason, Reason::kCompleted) << first.message;
    EXPECT_EQ(first.message.find("warning"), std::string::npos) << first.message;
    spec_.run.uid = "run-2";
    const auto report = back_up(store);
    EXPECT_EQ(report.reason, Reason::kCompleted);
    EXPECT_NE(report.message.find("; warning: the storage has 10 bytes free, and the last full backup took "),
              std::string::npos)
        << report.message;
}

TEST_F(BackupTest, AFailedCopyLeavesNoDirectories) {
    server_.pulled_to = 8;
    ASSERT_NE(back_up().reason, Reason::kCompleted);
    EXPECT_TRUE(std::filesystem::is_empty(repository() + "/" + layout_.chains()));
}

}  // namespace
}  // namespace n4b::engine
