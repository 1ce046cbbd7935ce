#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <iterator>
#include <thread>

#include "backup-runner/engine/backup.hpp"
#include "backup-runner/engine/catalogue.hpp"
#include "tests/backup-runner/engine/hostile_cases.hpp"
#include "tests/backup-runner/engine/sound_artifacts.hpp"
#include "tests/support/counted_memory.hpp"
#include "tests/support/troubleshooting.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using testing::CountedMemory;
using testing::FakeCatchupServer;
using testing::has_form;
using testing::ScriptedPeer;
using testing::Then;

constexpr std::size_t kBlockBytes = 1024 * 1024;
constexpr std::size_t kBlocks = 2;
/// What a backup may hold at any moment, whatever the server sends: blocks (with as much as two for the log, and the
/// index's one), the index's encoder, buffers, a list of files at its largest, and what Asio takes for its connections.
/// Less than engine/budget.cpp sets aside for it.
constexpr std::int64_t kMostMemory = (kBlocks + 3 + 2 + 4) * std::int64_t{1024 * 1024};

/// A repository, and backups over TCP from a scripted server.
class HostilePeer : public ::testing::TestWithParam<HostileCase> {
protected:
    HostilePeer() {
        char pattern[] = "/tmp/n4b-hostile-test-XXXXXX";
        root_ = ::mkdtemp(pattern);
        store_ = store_in(root_);
    }
    ~HostilePeer() override { std::filesystem::remove_all(root_); }

    [[nodiscard]] contract::RunSpec spec(const ScriptedPeer& peer, const std::string& uid) const {
        contract::RunSpec spec;
        spec.run = {.uid = uid, .attempt = 1};
        spec.source = "prod";
        spec.database = "graph.db";
        spec.endpoints = {{.host = "127.0.0.1", .port = peer.port()}};
        spec.storage_path = root_;
        spec.initialize = true;
        spec.compression = contract::Compression::kNone;
        spec.timeouts = {
            .connect = std::chrono::seconds(5), .prepare = std::chrono::seconds(5), .stall = std::chrono::seconds(5)};
        return spec;
    }

    contract::RunReport back_up(const contract::RunSpec& spec) {
        const auto dialer = net::tcp_dialer();
        ProgressCounters progress;
        const base::RealClock clock;
        std::uint32_t random = 0x1000 * ++runs_;
        const BackupEnvironment environment{.dialer = *dialer,
                                            .store = *store_,
                                            .clock = clock,
                                            .random = [random]() mutable { return ++random; },
                                            .progress = progress,
                                            .buffers = {.receive = 64 * 1024, .block = kBlockBytes, .blocks = kBlocks},
                                            .version = "test"};
        return engine::back_up(spec, environment, {});
    }

    std::size_t sound_artifacts() { return count_sound_artifacts(*store_); }

    /// Files of failed attempts.
    std::vector<std::string> left_behind() {
        std::vector<std::string> files;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
            if (entry.is_regular_file() && entry.path().filename() != "neo4j-backup.json") {
                files.push_back(entry.path());
            }
        }
        return files;
    }

    void honest_backup_succeeds(const std::string& uid) {
        FakeCatchupServer content;
        const ScriptedPeer peer(content);
        const auto report = back_up(spec(peer, uid));
        EXPECT_EQ(report.reason, Reason::kCompleted) << report.message;
    }

    std::string root_;
    std::unique_ptr<object_store::ObjectStore> store_;
    std::atomic<std::uint32_t> runs_ = 0;
};

TEST_P(HostilePeer, EndsInItsOwnErrorAndLeavesNothing) {
    const auto& hostile = GetParam();
    {
        FakeCatchupServer content;
        ScriptedPeer peer(content);
        hostile.arrange(content, peer);
        auto wanted = spec(peer, "run-1");
        if (hostile.spec) hostile.spec(wanted);

        const auto before = CountedMemory::live();
        CountedMemory::reset_peak();
        const auto start = std::chrono::steady_clock::now();
        const auto report = back_up(wanted);
        const auto took = std::chrono::steady_clock::now() - start;

        EXPECT_EQ(to_string(report.reason), to_string(hostile.reason)) << report.message;
        EXPECT_NE(report.message.find(hostile.message), std::string::npos) << report.message;
        if (const auto row = testing::undocumented(report.reason, report.message)) ADD_FAILURE() << *row;
        EXPECT_LE(took, hostile.within);
        EXPECT_LE(CountedMemory::peak() - before, kMostMemory);
        EXPECT_LE(to_json(report).size(), contract::kMaxRunReportBytes);
        const auto read = contract::parse_run_report(to_json(report));
        EXPECT_TRUE(read) << read.error().message;
    }
    EXPECT_EQ(sound_artifacts(), 0U);
    EXPECT_EQ(left_behind(), std::vector<std::string>{});
    honest_backup_succeeds("run-2");
    EXPECT_EQ(sound_artifacts(), 1U);
}

std::string name_of(const ::testing::TestParamInfo<HostileCase>& info) {
    return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Handshake, HostilePeer, ::testing::ValuesIn(handshake_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Identity, HostilePeer, ::testing::ValuesIn(identity_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(List, HostilePeer, ::testing::ValuesIn(list_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Name, HostilePeer, ::testing::ValuesIn(name_cases()), name_of);

/// Compressed files have another name in the storage than in the database.
std::vector<HostileCase> compressed(std::vector<HostileCase> cases) {
    for (auto& hostile : cases) {
        hostile.spec = [](contract::RunSpec& spec) { spec.compression = contract::Compression::kZstd; };
    }
    return cases;
}
INSTANTIATE_TEST_SUITE_P(CompressedName, HostilePeer, ::testing::ValuesIn(compressed(name_cases())), name_of);
INSTANTIATE_TEST_SUITE_P(File, HostilePeer, ::testing::ValuesIn(file_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Neostore, HostilePeer, ::testing::ValuesIn(neostore_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Log, HostilePeer, ::testing::ValuesIn(log_cases()), name_of);

std::vector<HostileCase> all_cases() {
    std::vector<HostileCase> all;
    for (auto cases : {handshake_cases(), identity_cases(), list_cases(), name_cases(), file_cases(), neostore_cases(),
                       log_cases()}) {
        std::move(cases.begin(), cases.end(), std::back_inserter(all));
    }
    return all;
}

/// What each case says, several at a time. Those that take long say what others say too.
std::vector<std::pair<Reason, std::string>> messages_of(const std::vector<HostileCase>& cases,
                                                        const std::function<contract::RunReport(std::size_t)>& run) {
    std::vector<std::pair<Reason, std::string>> messages(cases.size());
    std::atomic<std::size_t> next = 0;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (auto at = next++; at < cases.size(); at = next++) {
                const auto report = run(at);
                messages[at] = {report.reason, report.message};
            }
        });
    }
    threads.clear();
    return messages;
}

TEST_F(HostilePeer, ProvokesEveryMessageThatIsDocumented) {
    const auto cases = all_cases();
    const auto messages = messages_of(cases, [&](std::size_t at) {
        FakeCatchupServer content;
        ScriptedPeer peer(content);
        cases[at].arrange(content, peer);
        auto wanted = spec(peer, fmt::format("run-{}", at));
        wanted.database = fmt::format("{}.db", at);
        if (cases[at].spec) cases[at].spec(wanted);
        return back_up(wanted);
    });
    for (const auto& row : testing::troubleshooting().messages) {
        const auto reason = base::parse_reason(row.reason);
        // TLS has tests of its own.
        const bool ours = std::any_of(cases.begin(), cases.end(), [&](const auto& c) { return c.reason == reason; });
        if (!ours || row.message.find("TLS") != std::string::npos) continue;
        EXPECT_TRUE(std::any_of(messages.begin(), messages.end(),
                                [&](const auto& m) { return m.first == reason && has_form(m.second, row.message); }))
            << "nothing says: " << row.reason << ": " << row.message;
    }
}

TEST_F(HostilePeer, NothingIsWrongWithTheHonestPeer) {
    honest_backup_succeeds("run-1");
    EXPECT_EQ(sound_artifacts(), 1U);
}

TEST_F(HostilePeer, BytesThatComeOneByOneAreEnough) {
    FakeCatchupServer content;
    ScriptedPeer peer(content);
    peer.piece = 1;
    const auto report = back_up(spec(peer, "run-1"));
    EXPECT_EQ(report.reason, Reason::kCompleted) << report.message;
}

/// Where an honest answer can break: after each of its frames, and within each.
std::vector<std::int64_t> places_to_break(const catchup::Bytes& answer) {
    std::vector<std::int64_t> places;
    std::int64_t at = 0;
    for (const auto& payload : testing::Frames(answer).payloads) {
        places.push_back(at + 2);
        places.push_back(at + 4 + static_cast<std::int64_t>(payload.size()) / 2);
        at += 4 + static_cast<std::int64_t>(payload.size());
        places.push_back(at);
    }
    return places;
}

/// Breaks the first answer of a kind at each place in turn; the copy has to come out the same.
class BreakOnce : public HostilePeer {
protected:
    void everywhere(const std::function<bool(const testing::Request&)>& which) {
        const auto honest = answer_to(which);
        ASSERT_FALSE(honest.empty());
        auto how = Then::kReset;
        for (const auto place : places_to_break(honest)) {
            how = how == Then::kReset ? Then::kClose : Then::kReset;
            FakeCatchupServer content;
            ScriptedPeer peer(content);
            auto broken = std::make_shared<bool>(false);
            peer.script = [=](const testing::Request& request, testing::Answer& answer) {
                if (*broken || !which(request)) return;
                *broken = true;
                answer.bytes.resize(static_cast<std::size_t>(place));
                answer.then = how;
            };
            const auto report = back_up(spec(peer, fmt::format("run-{}", place)));
            EXPECT_EQ(report.reason, Reason::kCompleted) << "broken at " << place << ": " << report.message;
            EXPECT_TRUE(*broken);
            if (HasFailure()) return;
        }
    }

private:
    catchup::Bytes answer_to(const std::function<bool(const testing::Request&)>& which) {
        FakeCatchupServer content;
        ScriptedPeer peer(content);
        catchup::Bytes bytes;
        peer.script = [&](const testing::Request& request, testing::Answer& answer) {
            if (bytes.empty() && which(request)) bytes = answer.bytes;
        };
        EXPECT_EQ(back_up(spec(peer, "run-0")).reason, Reason::kCompleted);
        return bytes;
    }
};

TEST_F(BreakOnce, InAFileTheFileIsAskedForAgain) {
    everywhere([](const auto& request) { return request.type == testing::Asked::kFile && request.name == kNodes; });
}

TEST_F(BreakOnce, InNeostoreItIsAskedForAgain) {
    everywhere([](const auto& request) { return request.type == testing::Asked::kFile && request.name == "neostore"; });
}

TEST_F(BreakOnce, InTheLogItIsTakenUpWhereItBroke) {
    everywhere([](const auto& request) { return request.type == testing::Asked::kPull && request.ours; });
    EXPECT_GT(sound_artifacts(), 30U);
}

}  // namespace
}  // namespace n4b::engine
