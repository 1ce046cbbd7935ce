#include "operator/runtime/controller.hpp"

#include <gtest/gtest.h>

#include <future>

namespace n4b::runtime {
namespace {

TEST(Controller, TellsHowLongItsOldestReconcileHasRun) {
    WorkQueue queue;
    std::promise<void> begun;
    std::promise<void> go_on;
    std::promise<void> ended;
    Controller controller(
        "test", queue,
        [&, go = go_on.get_future().share()](const auto&, const auto&) {
            begun.set_value();
            go.wait();
            return std::nullopt;
        },
        [&](const auto&) { ended.set_value(); });
    EXPECT_EQ(controller.oldest_running(), std::nullopt);
    controller.start(2);
    queue.add("stuck");
    begun.get_future().wait();
    const auto first = controller.oldest_running();
    ASSERT_TRUE(first);
    EXPECT_GE(controller.oldest_running(), first);
    go_on.set_value();
    ended.get_future().wait();
    EXPECT_EQ(controller.oldest_running(), std::nullopt);
    controller.stop();
}

TEST(Controller, AReconcileThatThrowsIsTriedAgainAndNoLongerRunning) {
    WorkQueue queue;
    std::promise<void> again;
    int calls = 0;
    Controller controller(
        "test", queue,
        [&](const auto&, const auto&) -> base::Result<std::optional<std::chrono::milliseconds>> {
            if (++calls == 1) throw std::runtime_error("nobody thought of this");
            again.set_value();
            return std::nullopt;
        },
        [](const auto&) {});
    controller.start(1);
    queue.add("bad");
    again.get_future().wait();
    controller.stop();
    EXPECT_EQ(controller.oldest_running(), std::nullopt);
}

}  // namespace
}  // namespace n4b::runtime
