#include "backup-runner/engine/reader_hold.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "backup-runner/format/repository.hpp"
#include "tests/support/example_head.hpp"
#include "tests/support/memory_store.hpp"

namespace n4b::engine {
namespace {

using base::Reason;
using base::Result;
using ::testing::HasSubstr;
using testing::MemoryStore;
using ::testing::SizeIs;
using ::testing::StartsWith;

class ReaderHoldTest : public ::testing::Test {
protected:
    static std::vector<std::string> holds(const MemoryStore& store) {
        std::vector<std::string> found;
        for (const auto& [key, bytes] : store.objects()) {
            if (key.find("/holds/") != std::string::npos) found.push_back(key);
        }
        return found;
    }
    /// Reads under a hold; what is said on standard error is in err_.
    Result<void> read(object_store::ObjectStore& store, const std::function<Result<void>()>& work,
                      const HoldTimes& times = {}) {
        ::testing::internal::CaptureStderr();
        auto done = read_under_hold(store, artifact_, work, {}, times);
        err_ = ::testing::internal::GetCapturedStderr();
        return done;
    }

    const Artifact artifact_{.head = testing::example_head(), .key = "head", .digest = {}};
    const format::Layout layout_ = layout_of(artifact_).value();
    MemoryStore store_;
    std::string err_;
};

TEST_F(ReaderHoldTest, IsThereWhileSomebodyReadsAndNotAfter) {
    const auto done = read(store_, [&]() -> Result<void> {
        const auto found = holds(store_);
        EXPECT_THAT(found, SizeIs(1));
        const auto prefix = layout_.holds(artifact_.head.name.chain);
        EXPECT_THAT(found.front(), StartsWith(prefix));
        const auto name = format::parse_reader_hold_name(found.front().substr(prefix.size())).value();
        EXPECT_GT(name.expires, base::RealClock().system_now() + std::chrono::hours(1));
        const auto bytes = store_.objects().at(found.front());
        const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        EXPECT_EQ(format::parse_hold(text)->expires, name.expires);
        return {};
    });
    EXPECT_TRUE(done);
    EXPECT_THAT(holds(store_), SizeIs(0));
    EXPECT_EQ(err_, "");
}

TEST_F(ReaderHoldTest, IsRenewedUnderAnotherName) {
    std::vector<std::string> first;
    const auto done = read(store_,
                           [&]() -> Result<void> {
                               first = holds(store_);
                               const auto patience = base::Deadline::after(std::chrono::seconds(10));
                               while (!patience.passed()) {
                                   const auto now = holds(store_);
                                   if (!now.empty() && now.front() != first.front()) return {};
                                   std::this_thread::yield();
                               }
                               return base::fail(base::ErrorCode::kDeadline, "it was never renewed");
                           },
                           {.renewed = std::chrono::milliseconds(5)});
    EXPECT_TRUE(done);
    EXPECT_THAT(holds(store_), SizeIs(0));
}

TEST_F(ReaderHoldTest, OfAChainThatIsClosedReadsNothing) {
    ASSERT_TRUE(store_.put(layout_.closed(artifact_.head.name.chain), {}, {}));
    const auto done = read(store_, []() -> Result<void> {
        ADD_FAILURE() << "read what is being deleted";
        return {};
    });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().reason, Reason::kArtifactConflict);
    EXPECT_THAT(holds(store_), SizeIs(0));
}

TEST_F(ReaderHoldTest, TellsADeletionFromDamage) {
    const auto damage = [&]() -> Result<void> {
        return base::fail(base::ErrorCode::kDataLoss, Reason::kArtifactDamaged, "a block is missing");
    };
    EXPECT_EQ(read(store_, damage).error().reason, Reason::kArtifactDamaged);
    const auto closed_meanwhile = [&]() -> Result<void> {
        EXPECT_TRUE(store_.put(layout_.closed(artifact_.head.name.chain), {}, {}));
        return damage();
    };
    EXPECT_EQ(read(store_, closed_meanwhile).error().reason, Reason::kArtifactConflict);
}

TEST_F(ReaderHoldTest, IsNoConditionForReading) {
    const auto nothing = []() -> Result<void> { return {}; };
    MemoryStore read_only({.creation_fails = Reason::kStorageReadOnly});
    EXPECT_TRUE(read(read_only, nothing));
    EXPECT_EQ(err_, "") << "who may only read knows it";
    MemoryStore full({.creation_fails = Reason::kStorageFull});
    EXPECT_TRUE(read(full, nothing));
    EXPECT_THAT(err_, HasSubstr("warning: nothing keeps chain " + artifact_.head.name.chain));
}

}  // namespace
}  // namespace n4b::engine
