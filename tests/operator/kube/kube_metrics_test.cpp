#include "operator/kube/kube_metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "tests/support/fake_api.hpp"

namespace n4b::kube {
namespace {

using ::testing::HasSubstr;

TEST(KubeMetrics, AreThereBeforeAnythingWentWrong) {
    testing::FakeApi api;
    const Client client(api, {});
    const base::RealClock clock;
    const EventRecorder recorder(client, clock, "test");
    const std::vector<const Reflector*> reflectors;
    telemetry::Metrics metrics;
    metrics.add_collector([&] { return std::vector{events_metric(recorder)}; });
    metrics.add_collector([&] { return reflector_metrics(reflectors); });
    const auto text = metrics.text();
    for (const char* result : {"written", "failed", "dropped"}) {
        EXPECT_THAT(text, HasSubstr(std::string("neo4jbackup_events_total{result=\"") + result + "\"} 0\n"));
    }
    EXPECT_THAT(text, HasSubstr("# TYPE neo4jbackup_events_total counter"));
}

TEST(KubeMetrics, CountByKindWhateverTheNamespace) {
    std::array<testing::FakeApi, 2> apis{};  // They know nothing: 404 to every list.
    std::vector<std::unique_ptr<Reflector>> reflectors;
    for (auto& api : apis) {
        reflectors.push_back(std::make_unique<Reflector>(
            api, Resource{.path = "/p", .kind = "Job"},
            ObjectSink{.apply = [](const auto&, const auto&) { return base::Result<void>(); },
                       .unreadable = [](const auto&, const auto&) {},
                       .remove = [](const auto&) {},
                       .retain = [](const auto&) {}}));
        while (reflectors.back()->counts().list_failures < 1) std::this_thread::yield();
    }
    const auto collected = reflector_metrics({reflectors[0].get(), reflectors[1].get()});
    ASSERT_EQ(collected[0].name, "neo4jbackup_list_failures_total");
    ASSERT_EQ(collected[0].samples.size(), 1U);
    EXPECT_EQ(collected[0].samples[0].labels[0].second, "Job");
    EXPECT_GE(collected[0].samples[0].value, 2);
    ASSERT_EQ(collected[1].name, "neo4jbackup_watch_failures_total");
    EXPECT_EQ(collected[1].samples[0].value, 0);
}

}  // namespace
}  // namespace n4b::kube
