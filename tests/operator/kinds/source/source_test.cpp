#include "operator/kinds/source/source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json_object.hpp"
#include "operator/kinds/source/tls_mounts.hpp"

namespace n4b::source {
namespace {

using base::Json;

Json example() {
    return Json::parse(R"({
      "metadata": {"name": "prod", "namespace": "db", "uid": "u-1", "resourceVersion": "7"},
      "spec": {"databases": ["graph.db"], "type": "Endpoints",
               "endpoints": [{"host": "h"}, {"host": "::1", "port": 6000}],
               "connection": {"policy": "Any", "maxLag": 0},
               "runner": {"nodeSelector": {"a": "b"}}}})");
}

/// The example with a merge patch put over its spec.
base::Result<Source> with(const char* spec) {
    auto json = example();
    json["spec"].merge_patch(Json::parse(spec));
    return parse_source(json);
}

TEST(Source, IsReadWithItsDefaults) {
    const auto source = parse_source(example());
    ASSERT_TRUE(source) << source.error().message;
    EXPECT_EQ(source->spec.endpoints, (std::vector<contract::Endpoint>{{"h", 6362}, {"::1", 6000}}));
    EXPECT_EQ(source->spec.policy, contract::SourcePolicy::kAny);
    EXPECT_EQ(source->spec.max_lag, 0);
    EXPECT_EQ(source->spec.database, "graph.db");
    EXPECT_FALSE(source->spec.tls);
    EXPECT_EQ(source->spec.runner.node_selector, R"({"a":"b"})");
    const auto plain = with(R"({"connection": null})");
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->spec.policy, contract::SourcePolicy::kPreferReplica);
    EXPECT_FALSE(plain->spec.max_lag);
}

TEST(Source, IsCalledAsItsObjectUnlessItHasANameOfItsOwn) {
    EXPECT_EQ(parse_source(example())->identity(), "prod");
    EXPECT_EQ(with(R"({"name": "other"})")->identity(), "other");
}

TEST(Source, SaysWithWhichServerItIsRecovered) {
    EXPECT_FALSE(parse_source(example())->spec.server);
    const auto source = with(R"({"server": {"image": "neo4j:3.4", "acceptLicense": true,
                                            "resources": {"limits": {"memory": "4Gi"}}}})");
    ASSERT_TRUE(source) << source.error().message;
    EXPECT_EQ(source->spec.server->image, "neo4j:3.4");
    EXPECT_TRUE(source->spec.server->accept_license);
    EXPECT_EQ(source->spec.server->resources.limits.at("memory"), "4Gi");
    EXPECT_FALSE(with(R"({"server": {"image": "neo4j:3.4"}})")->spec.server->accept_license);
}

TEST(Source, NamesTheFieldThatIsWrong) {
    for (const auto& [spec, field] :
         {std::pair(R"({"connection": {"maxLag": "many"}})", "spec.connection.maxLag"),
          std::pair(R"({"connection": {"policy": "Some"}})", "spec.connection.policy"),
          std::pair(R"({"connection": {"tls": {"verification": "Half"}}})", "spec.connection.tls.verification"),
          std::pair(R"({"connection": {"tls": {"secretRef": {}}}})", "spec.connection.tls.secretRef.name"),
          std::pair(R"({"endpoints": [{"host": "h", "port": 0}]})", "spec.endpoints[0].port"),
          std::pair(R"({"endpoints": [{"host": "h", "port": 65536}]})", "spec.endpoints[0].port"),
          std::pair(R"({"endpoints": [{"port": 1}]})", "spec.endpoints[0].host"),
          std::pair(R"({"endpoints": {}})", "spec.endpoints"),
          std::pair(R"({"databases": "graph.db"})", "spec.databases"),
          std::pair(R"({"databases": ["a", "b"]})", "spec.databases"),
          std::pair(R"({"databases": []})", "spec.databases"),
          std::pair(R"({"service": {"name": "s"}})", "spec.service.port"),
          std::pair(R"({"server": {}})", "spec.server.image"),
          std::pair(R"({"server": {"image": "a", "acceptLicense": "yes"}})", "spec.server.acceptLicense"),
          std::pair(R"({"runner": []})", "spec.runner")}) {
        const auto source = with(spec);
        ASSERT_FALSE(source) << spec;
        EXPECT_THAT(source.error().message, testing::HasSubstr(field));
    }
    for (const char* text : {"null", "5", "[]", R"({"spec": []})", R"({"metadata": []})"}) {
        EXPECT_FALSE(parse_source(Json::parse(text))) << text;
    }
}

constexpr char kTls[] = R"({"endpoints": null, "service": {"name": "replicas", "port": "backup"},
    "connection": {"tls": {"secretRef": {"name": "certificates"},
                           "trust": [{"configMapRef": {"name": "bundle", "key": "ca.pem"}},
                                     {"secretRef": {"name": "more", "key": "x"}}]}}})";

TEST(SourceTls, IsMountedAndToldByPaths) {
    const auto source = with(kTls);
    ASSERT_TRUE(source) << source.error().message;
    const auto mounts = tls_mounts(*source);
    ASSERT_EQ(mounts.size(), 3U);
    const auto volume = [&](std::size_t i) { return Json::parse(mounts[i].volume); };
    EXPECT_EQ(volume(0)["secret"]["secretName"], "certificates");
    EXPECT_EQ(volume(0)["secret"]["defaultMode"], 0440) << "nobody but the runner's group reads the key";
    EXPECT_EQ(volume(1)["configMap"]["items"][0]["key"], "ca.pem");
    EXPECT_EQ(volume(2)["secret"]["items"][0]["key"], "x");
    for (const auto& mount : mounts) EXPECT_EQ(mount.access, run::Mount::Access::kRead);
    const auto spec = tls_spec(*source);
    ASSERT_TRUE(spec);
    EXPECT_EQ(spec->directory, "/tls/source");
    EXPECT_EQ(spec->trust, (std::vector<std::string>{"/tls/trust-0/ca.crt", "/tls/trust-1/ca.crt"}));
    EXPECT_EQ(spec->server_name, "replicas.db.svc") << "pods are dialled by address";
}

TEST(SourceTls, ExpectsTheNameThatIsGivenAndNoneWhereNamesDoNotCount) {
    auto source = *with(kTls);
    source.spec.tls->server_name = "neo4j";
    EXPECT_EQ(tls_spec(source)->server_name, "neo4j");
    source.spec.tls->server_name.clear();
    source.spec.tls->verification = contract::TlsVerification::kChain;
    EXPECT_EQ(tls_spec(source)->server_name, "");
}

TEST(SourceTls, IsNothingInClearText) {
    const auto source = *parse_source(example());
    EXPECT_TRUE(tls_mounts(source).empty());
    EXPECT_FALSE(tls_spec(source));
}

}  // namespace
}  // namespace n4b::source
