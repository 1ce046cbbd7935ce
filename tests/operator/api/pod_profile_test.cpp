#include "operator/api/pod_profile.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"

namespace n4b::api {
namespace {

using base::Json;
using testing::HasSubstr;

/// What is left of a default request under a given limit.
std::string request_under(const std::string& name, const std::string& request, const std::string& limit) {
    return merged(Resources{.requests = {{name, request}}}, Resources{.limits = {{name, limit}}}).requests.at(name);
}

TEST(PodProfile, ADefaultRequestAboveAGivenLimitIsLoweredToIt) {
    struct Case {
        const char *name, *request, *limit, *left;
    };
    for (const auto& c :
         {Case{"cpu", "500m", "250m", "250m"}, Case{"cpu", "1", "250m", "250m"}, Case{"cpu", "0.5", "250m", "250m"},
          Case{"cpu", "100m", "0.2", "100m"}, Case{"cpu", "500m", "1", "500m"}, Case{"memory", "128Mi", "64Mi", "64Mi"},
          Case{"memory", "64Mi", "128Mi", "64Mi"}, Case{"memory", "128Mi", "100M", "100M"},
          Case{"memory", "1Gi", "67108864", "67108864"}, Case{"ephemeral-storage", "1Gi", "100Mi", "100Mi"}}) {
        EXPECT_EQ(request_under(c.name, c.request, c.limit), c.left) << c.name << " " << c.request << " " << c.limit;
    }
}

TEST(PodProfile, WhatSomebodyAskedForIsLeftToTheApiServer) {
    const auto result = merged(Resources{}, Resources{.requests = {{"memory", "2Gi"}}, .limits = {{"memory", "1Gi"}}});
    EXPECT_EQ(result.requests.at("memory"), "2Gi") << "the API server refuses it and says why";
    EXPECT_EQ(request_under("memory", "much", "1Gi"), "much");
}

TEST(PodProfile, ResourcesAreMergedByName) {
    const auto result =
        merged(Resources{.requests = {{"cpu", "1"}, {"memory", "64Mi"}}, .limits = {{"memory", "64Mi"}}},
               Resources{.requests = {{"cpu", "2"}}, .limits = {{"ephemeral-storage", "1Gi"}}});
    EXPECT_EQ(result.requests, (Quantities{{"cpu", "2"}, {"memory", "64Mi"}}));
    EXPECT_EQ(result.limits, (Quantities{{"memory", "64Mi"}, {"ephemeral-storage", "1Gi"}}));
}

PodProfile profile(const char* text) {
    const auto read = parse_pod_profile(text);
    EXPECT_TRUE(read) << read.error().message;
    return read.value_or(PodProfile{});
}

constexpr char kDefaults[] = R"({"securityContext": {"runAsUser": 7, "fsGroup": 7}, "nodeSelector": {"a": "b"},
    "tolerations": [{"key": "k"}], "labels": {"team": "t"}, "annotations": {"n": "v"}, "affinity": {"podAffinity": {}},
    "imagePullSecrets": [{"name": "s"}], "serviceAccountName": "runner", "priorityClassName": "low"})";

TEST(PodProfile, WhatIsNotGivenComesFromTheDefaults) {
    EXPECT_EQ(merged(profile(kDefaults), PodProfile{}), profile(kDefaults));
}

TEST(PodProfile, AGivenMemberReplacesTheDefaultAsAWhole) {
    const auto result = merged(profile(kDefaults), profile(R"({"nodeSelector": {"c": "d"}, "tolerations": [],
        "labels": {}, "serviceAccountName": "mine"})"));
    EXPECT_EQ(result.node_selector, R"({"c":"d"})");
    EXPECT_EQ(result.tolerations, "[]");
    EXPECT_EQ(result.labels, "{}");
    EXPECT_EQ(result.service_account, "mine");
    EXPECT_EQ(result.priority_class, "low");
    EXPECT_EQ(result.annotations, R"({"n":"v"})");
}

TEST(PodProfile, AnEmptySecurityContextLeavesTheIdsOut) {
    const auto result = merged(profile(kDefaults), profile(R"({"securityContext": {}})"));
    EXPECT_EQ(result.security_context, "{}");
    EXPECT_EQ(merged(profile(kDefaults), profile(R"({"securityContext": null})")).security_context,
              profile(kDefaults).security_context)
        << "null is not given";
}

TEST(PodProfile, IsReadFromAMember) {
    const auto json = Json::parse(R"({"runner": {"resources": {"requests": {"cpu": 1, "memory": 67108864},
        "limits": {"memory": "64Mi"}}}})");
    base::JsonObject object(json, "spec");
    const auto read = read_pod_profile(object, "runner");
    EXPECT_TRUE(object.finish());
    EXPECT_EQ(read.resources.requests, (Quantities{{"cpu", "1"}, {"memory", "67108864"}}));
    EXPECT_EQ(resources_json(read.resources)["limits"]["memory"], "64Mi");
    EXPECT_EQ(read_pod_profile(object, "none"), PodProfile{});
}

TEST(PodDefaults, NameTheMemberThatIsWrong) {
    for (const auto& [text, problem] : {std::pair(R"({"nodeSelectors": {}})", "podDefaults.nodeSelectors"),
                                        std::pair(R"({"resources": {"limits": []}})", "podDefaults.resources.limits"),
                                        std::pair(R"({"serviceAccountName": 5})", "podDefaults.serviceAccountName"),
                                        std::pair("[]", "podDefaults"), std::pair("no JSON", "pod defaults")}) {
        const auto read = parse_pod_profile(text);
        ASSERT_FALSE(read) << text;
        EXPECT_THAT(read.error().message, HasSubstr(problem));
    }
}

}  // namespace
}  // namespace n4b::api
