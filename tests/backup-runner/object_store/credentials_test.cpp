#include "backup-runner/object_store/credentials.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/s3_test_store.hpp"
#include "tests/support/tls_directory.hpp"

namespace n4b::object_store {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Directory = testing::TlsDirectory;

std::string error_of(const Directory& directory) {
    const auto found = directory_credentials(directory.path())->current({});
    EXPECT_FALSE(found);
    if (found) return "";
    EXPECT_EQ(found.error().reason, base::Reason::kStorageCredentialsInvalid);
    EXPECT_THAT(found.error().message, Not(HasSubstr("geheim")));
    return found.error().message;
}

TEST(DirectoryCredentials, AreReadWithoutTheirLineEnds) {
    Directory directory;
    directory.with("access-key-id", "ID\n").with("secret-access-key", "geheim\r\n").with("session-token", " T== \n");
    const auto found = directory_credentials(directory.path())->current({});
    // A space at the beginning is part of it, and can't be right.
    EXPECT_FALSE(found);
    directory.with("session-token", "T==\n");
    EXPECT_EQ(*directory_credentials(directory.path())->current({}),
              (s3::Credentials{.key_id = "ID", .secret = "geheim", .session_token = "T=="}));
}

TEST(DirectoryCredentials, MayHaveAmazonsNames) {
    Directory directory;
    directory.with("AWS_ACCESS_KEY_ID", "ID").with("AWS_SECRET_ACCESS_KEY", "geheim");
    EXPECT_EQ(*directory_credentials(directory.path())->current({}),
              (s3::Credentials{.key_id = "ID", .secret = "geheim"}));
    directory.with("access-key-id", "ID").with("secret-access-key", "geheim");
    EXPECT_THAT(error_of(directory), HasSubstr("found both access-key-id and AWS_ACCESS_KEY_ID"));
}

TEST(DirectoryCredentials, WhatIsMissingIsNamed) {
    Directory directory;
    EXPECT_THAT(error_of(directory), HasSubstr("expected access-key-id and secret-access-key"));
    directory.with("secret-access-key", "geheim");
    EXPECT_THAT(error_of(directory), HasSubstr("access-key-id is missing"));
    directory.with("access-key-id", "\n");
    EXPECT_THAT(error_of(directory), HasSubstr("access-key-id is empty"));
    directory.with("access-key-id", std::string(20'000, 'x'));
    EXPECT_THAT(error_of(directory), HasSubstr("found more than 16384 bytes"));
    directory.with("access-key-id", "two words");
    EXPECT_THAT(error_of(directory), HasSubstr("printable ASCII"));
}

TEST(DirectoryCredentials, AreAlwaysOfOneVersionOfASecret) {
    // As a kubelet lays them: names point to ..data, which points to a version.
    const Directory directory;
    const auto make_version = [&](const std::string& name, const std::string& id) {
        std::filesystem::create_directory(directory.path() + "/" + name);
        std::ofstream(directory.path() + "/" + name + "/access-key-id") << id;
        std::ofstream(directory.path() + "/" + name + "/secret-access-key") << "geheim-of-" << id;
        const auto link = directory.path() + "/..new";
        EXPECT_EQ(::symlink(name.c_str(), link.c_str()), 0);
        std::filesystem::rename(link, directory.path() + "/..data");
    };
    make_version("..1", "one");
    const auto source = directory_credentials(directory.path());
    EXPECT_EQ(source->current({})->secret, "geheim-of-one");
    make_version("..2", "two");
    EXPECT_EQ(source->current({})->key_id, "two");
    EXPECT_EQ(source->current({})->secret, "geheim-of-two");
}

TEST(FixedCredentials, AreNeverHalf) {
    EXPECT_FALSE(fixed_credentials({}));
    EXPECT_THAT(fixed_credentials({.secret = "geheim"}).error().message, HasSubstr("AWS_ACCESS_KEY_ID is missing"));
    EXPECT_THAT(fixed_credentials({.key_id = "ID"}).error().message, HasSubstr("AWS_SECRET_ACCESS_KEY is missing"));
    EXPECT_FALSE(fixed_credentials({.key_id = "ID", .secret = "a b"}));
    EXPECT_TRUE(fixed_credentials({.key_id = "ID", .secret = "geheim"}));
}

TEST(S3Credentials, ARotatedSecretCountsAtOnce) {
    testing::FakeS3 s3;
    s3.set({.key_id = "NEW"});
    const Directory secret;
    const auto write = [&](const std::string& name, const std::string& text) {
        std::ofstream(secret.path() + "/" + name) << text;
    };
    write("access-key-id", "OLD\n");
    write("secret-access-key", "geheim\n");
    testing::ScriptedHttpServer server([&](const testing::HttpCall& call) {
        auto answer = s3.answer(call);
        // The Secret changes while the old key's request is under way.
        write("access-key-id", "NEW\n");
        return answer;
    });
    const auto store =
        testing::s3_test_store({.port = server.port(), .credentials = directory_credentials(secret.path())});
    const auto put = store->put("k", std::as_bytes(std::span("x", 1)), {});
    EXPECT_TRUE(put) << put.error().message;
    EXPECT_EQ(server.calls(), 2);
}

TEST(S3Credentials, NothingIsSentWithoutThem) {
    testing::ScriptedHttpServer server([](const testing::HttpCall&) { return testing::HttpAnswer{}; });
    const Directory empty;
    const auto store =
        testing::s3_test_store({.port = server.port(), .credentials = directory_credentials(empty.path())});
    const auto put = store->put("k", std::as_bytes(std::span("x", 1)), {});
    EXPECT_EQ(put.error().reason, base::Reason::kStorageCredentialsInvalid);
    EXPECT_EQ(server.calls(), 0);
}

}  // namespace
}  // namespace n4b::object_store
