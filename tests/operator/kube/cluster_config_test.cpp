#include "operator/kube/cluster_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace n4b::kube {
namespace {

std::string config(const std::string& user,
                   const std::string& cluster = "server: https://h:6443, certificate-authority-data: Y2E=") {
    return "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\nclusters: [{name: k, cluster: "
           "{" +
           cluster + "}}]\nusers: [{name: u, user: {" + user + "}}]\n";
}

TEST(Kubeconfig, ReadsCertificatesAndTokens) {
    const auto read = parse_kubeconfig(config("client-certificate-data: Y2VydA==, client-key-data: a2V5"), "");
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->server, "https://h:6443");
    EXPECT_EQ(read->ca_pem, "ca");
    EXPECT_EQ(read->client_certificate, "cert");
    EXPECT_EQ(read->client_key, "key");
    EXPECT_EQ(parse_kubeconfig(config("token: abc"), "")->token, "abc");
}

TEST(Kubeconfig, NamesWhatItCannotTake) {
    const std::pair<std::string, std::string> cases[] = {
        {config("exec: {command: aws}"), "user.exec: plug-ins are not supported"},
        {config("auth-provider: {name: gcp}"), "user.auth-provider"},
        {config("username: a, password: b"), "user.username: not supported"},
        {config("token: a", "server: https://h, insecure-skip-tls-verify: true"), "cluster.insecure-skip-tls-verify"},
        {config("token: a", "certificate-authority-data: Y2E="), "cluster.server: missing"},
        {config("client-certificate: /none.crt"), "user.client-certificate: can't read /none.crt"},
        {config("client-key-data: '!!'"), "user.client-key-data: not base64"},
        {"current-context: x", "contexts: no element named \"x\""},
        {"a: b", "current-context: missing"},
        {"[1", ""},
        {"- 1", "expected a kubeconfig"},
    };
    for (const auto& [text, problem] : cases) {
        const auto read = parse_kubeconfig(text, "");
        ASSERT_FALSE(read) << text;
        EXPECT_THAT(read.error().message, testing::HasSubstr(problem));
    }
}

}  // namespace
}  // namespace n4b::kube
