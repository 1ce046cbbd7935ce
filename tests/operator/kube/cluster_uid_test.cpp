#include "operator/kube/cluster_uid.hpp"

#include <gtest/gtest.h>

#include "common/base/json_object.hpp"
#include "tests/support/fake_api.hpp"

namespace n4b::kube {
namespace {

constexpr char kNamespace[] = "/api/v1/namespaces/kube-system";

struct Asked {
    testing::FakeApi api{};
    base::Result<std::string> uid() {
        Client client(api, {});
        return cluster_uid(client);
    }
};

TEST(ClusterUid, IsThatOfTheNamespaceThatEveryClusterHas) {
    Asked asked;
    asked.api.put(kNamespace, {{"metadata", {{"name", "kube-system"}, {"uid", "4f1d-1"}}}});
    EXPECT_EQ(asked.uid(), "4f1d-1");
    EXPECT_EQ(asked.api.requests.size(), 1U);
}

TEST(ClusterUid, IsUnknownWhereItMayNotBeRead) {
    Asked asked;
    EXPECT_EQ(asked.uid(), "");
    asked.api.failures[std::string("GET ") + kNamespace] = 403;
    EXPECT_EQ(asked.uid(), "");
}

TEST(ClusterUid, IsNotTakenForUnknownWhileTheServerFails) {
    Asked asked;
    asked.api.failures[std::string("GET ") + kNamespace] = 503;
    EXPECT_EQ(asked.uid().error().code, base::ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace n4b::kube
