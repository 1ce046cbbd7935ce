#include "operator/jobs/catalogue_collector.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace n4b::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The Job of a look whose runner serves two pages.
struct Look {
    kube::Store<api::Job> jobs{[](auto&&...) {}};
    kube::Store<api::Pod> pods{[](auto&&...) {}};
    kube::OwnerIndex<api::Job> jobs_by_owner{jobs};
    kube::OwnerIndex<api::Pod> pods_by_owner{pods};
    Workload workload{.jobs = jobs, .pods = pods, .jobs_by_owner = jobs_by_owner, .pods_by_owner = pods_by_owner};
    std::map<std::string, std::string> served{};
    std::vector<std::string> asked{};
    CatalogueCollector collector{{.workload = workload,
                                  .kind = "Neo4jBackupStorage",
                                  .fetch = [this](const std::string& ip, const std::string& path,
                                                  const std::stop_token&) -> base::Result<std::string> {
                                      asked.push_back(ip + path);
                                      const auto found = served.find(path);
                                      if (found != served.end()) return found->second;
                                      return base::fail(base::ErrorCode::kUnavailable, "connection refused");
                                  }}};

    Look() {
        job("job", "Neo4jBackupStorage");
        pod("job");
        serve(0, 2, "u-1");
        serve(1, 2, "u-1");
    }
    void job(const std::string& uid, const std::string& owner_kind) {
        api::Job job;
        job.meta = {.object_namespace = "db",
                    .name = "look-1",
                    .uid = uid,
                    .controller_uid = "u-1",
                    .owner_kind = owner_kind,
                    .owner_name = "main"};
        jobs.apply("db/look-1", job);
    }
    void pod(const std::string& job_uid) {
        api::Pod pod{.ip = "10.0.0.9"};
        pod.meta = {.object_namespace = "db", .name = "look-1-x", .uid = "pod", .controller_uid = job_uid};
        pod.runner = api::ContainerState{.running = true};
        pods.apply("db/look-1-x", pod);
    }
    void serve(std::int64_t page, std::int64_t pages, const char* uid) {
        served[contract::catalogue_path(page)] = to_json(contract::CataloguePage{
            .run_uid = uid,
            .attempt = 1,
            .page = page,
            .pages = pages,
            .chains = {{.source = "prod", .database = "graph.db", .chain = "c-" + std::to_string(page)}}});
    }
    std::string digest() { return contract::catalogue_digest({served.at("/catalogue/0"), served.at("/catalogue/1")}); }
    std::vector<std::string> collected() {
        collector.collect({});
        std::vector<std::string> names;
        for (const auto& chain : collector.chains("u-1", digest()).value_or(std::vector<contract::ChainRecord>{})) {
            names.push_back(chain.chain);
        }
        return names;
    }
};

TEST(CatalogueCollector, FetchesAllPagesOnce) {
    Look look;
    EXPECT_THAT(look.collected(), ElementsAre("c-0", "c-1"));
    EXPECT_THAT(look.asked, ElementsAre("10.0.0.9/catalogue/0", "10.0.0.9/catalogue/1"));
    EXPECT_THAT(look.collected(), ElementsAre("c-0", "c-1"));
    EXPECT_EQ(look.asked.size(), 2U);
}

TEST(CatalogueCollector, GivesThemForTheirReportOnly) {
    Look look;
    look.collected();
    EXPECT_FALSE(look.collector.chains("u-1", "0000000000000000"));
    EXPECT_FALSE(look.collector.chains("u-2", look.digest()));
    look.collector.forget("u-1");
    EXPECT_FALSE(look.collector.chains("u-1", look.digest()));
}

TEST(CatalogueCollector, AsksAgainUntilItHasThemAll) {
    Look look;
    const auto second = look.served.extract("/catalogue/1");
    look.collector.collect({});
    EXPECT_EQ(look.asked.size(), 2U);
    look.served["/catalogue/1"] = second.mapped();
    EXPECT_THAT(look.collected(), ElementsAre("c-0", "c-1"));
}

TEST(CatalogueCollector, BelievesNoOtherRunAndNoOtherPage) {
    Look look;
    look.serve(1, 2, "u-9");
    EXPECT_THAT(look.collected(), IsEmpty());
    look.serve(1, 3, "u-1");
    EXPECT_THAT(look.collected(), IsEmpty());
    look.served["/catalogue/1"] = look.served["/catalogue/0"];
    EXPECT_THAT(look.collected(), IsEmpty());
    look.served["/catalogue/1"] = "{";
    EXPECT_THAT(look.collected(), IsEmpty());
}

TEST(CatalogueCollector, AsksRunnersOfLooksThatWorkOnly) {
    Look look;
    look.job("job", "Neo4jBackup");
    look.collector.collect({});
    look.job("job", "Neo4jBackupStorage");
    look.pod("another-job");
    look.collector.collect({});
    EXPECT_THAT(look.asked, IsEmpty());
}

TEST(CatalogueCollector, TheNextLookReplacesTheLast) {
    Look look;
    look.collected();
    look.job("job-2", "Neo4jBackupStorage");
    look.pod("job-2");
    look.serve(0, 1, "u-1");
    look.collector.collect({});
    EXPECT_EQ(look.asked.size(), 3U);
    EXPECT_TRUE(look.collector.chains("u-1", contract::catalogue_digest({look.served.at("/catalogue/0")})));
}

}  // namespace
}  // namespace n4b::jobs
