#include "operator/jobs/workload.hpp"

#include <gtest/gtest.h>

namespace n4b::jobs {
namespace {

PodPtr pod(std::string name, std::string job_uid, int created) {
    return std::make_shared<const api::Pod>(
        api::Pod{.meta = {.name = std::move(name),
                          .created = base::SystemTime{std::chrono::seconds(created)},
                          .controller_uid = std::move(job_uid)}});
}

TEST(Workload, APodThatJoinsAJobLaterIsNotItsOwn) {
    const std::vector<PodPtr> pods{pod("of another", "other", 1), pod("forged", "job", 3), pod("made", "job", 2)};
    const auto own = own_pod_of(pods, "job");
    ASSERT_TRUE(own);
    EXPECT_EQ(own->meta.name, "made");
    EXPECT_FALSE(own_pod_of(pods, "none"));
    EXPECT_FALSE(own_pod_of(pods, ""));
}

}  // namespace
}  // namespace n4b::jobs
