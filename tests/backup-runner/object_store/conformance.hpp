#pragma once

// One suite for every store: a volume, an S3 server in memory, and, where N4B_S3_ENDPOINT names one, a real S3 server
// (tests/servers/s3.sh).

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "backup-runner/object_store/object_store.hpp"
#include "tests/support/s3_test_store.hpp"

namespace n4b::object_store {

/// A store, and what lives as long as it.
class Place {
public:
    virtual ~Place() = default;
    virtual ObjectStore& store() = 0;
    /// Whether of two creators of a key one is refused.
    [[nodiscard]] virtual bool holds_conditions() const { return true; }
};

class VolumePlace final : public Place {
public:
    VolumePlace() {
        char pattern[] = "/tmp/n4b-conformance-XXXXXX";
        root_ = ::mkdtemp(pattern);
        store_ = std::move(*open_volume_store(root_));
    }
    ~VolumePlace() override { std::filesystem::remove_all(root_); }
    ObjectStore& store() override { return *store_; }

private:
    std::string root_;
    std::unique_ptr<ObjectStore> store_;
};

class FakePlace final : public Place {
public:
    ObjectStore& store() override { return *store_; }

private:
    testing::FakeS3 content_{};
    testing::ScriptedHttpServer server_{[this](const auto& call) { return content_.answer(call); }};
    std::unique_ptr<ObjectStore> store_ = testing::s3_test_store({.port = server_.port()});
};

inline std::string from_environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

/// Each test has a prefix of its own, and removes what it made.
class ServerPlace final : public Place {
public:
    ServerPlace() {
        const auto ca_file = from_environment("N4B_S3_CA_FILE");
        auto transport = curl_transport({.ca_file = ca_file, .allow_insecure = true});
        auto credentials = fixed_credentials(
            {.key_id = from_environment("AWS_ACCESS_KEY_ID"), .secret = from_environment("AWS_SECRET_ACCESS_KEY")});
        EXPECT_TRUE(credentials) << credentials.error().message;
        const auto location = s3::make_location({.endpoint = from_environment("N4B_S3_ENDPOINT"),
                                                 .bucket = from_environment("N4B_S3_BUCKET"),
                                                 .prefix = fmt::format("conformance-{:08x}", std::random_device{}()),
                                                 .addressing = from_environment("N4B_S3_ADDRESSING") == "virtual-host"
                                                                   ? s3::Addressing::kVirtualHost
                                                                   : s3::Addressing::kAutomatic,
                                                 .allow_insecure = true});
        EXPECT_TRUE(location) << location.error().message;
        store_ = s3_store({.location = *location,
                           .transport = std::move(*transport),
                           .credentials = std::move(*credentials),
                           .clock = std::make_unique<base::RealClock>(),
                           .random = [] { return 0.5; }});
    }
    ~ServerPlace() override {
        std::vector<std::string> keys;
        const auto listed = store_->list("", "",
                                         [&](auto page) {
                                             for (const auto& object : page) keys.push_back(object.key);
                                             return true;
                                         },
                                         {});
        EXPECT_TRUE(listed) << listed.error().message;
        for (const auto& key : keys) EXPECT_TRUE(store_->remove(key, {})) << key;
    }
    ObjectStore& store() override { return *store_; }
    [[nodiscard]] bool holds_conditions() const override { return from_environment("N4B_S3_CONDITIONS") != "ignored"; }

private:
    std::unique_ptr<ObjectStore> store_;
};

struct StoreKind {
    std::string name;
    std::function<std::unique_ptr<Place>()> make;
};

inline void PrintTo(const StoreKind& kind, std::ostream* out) {
    *out << kind.name;
}

inline std::vector<StoreKind> store_kinds() {
    std::vector<StoreKind> all{{"Volume", [] { return std::make_unique<VolumePlace>(); }},
                               {"FakeS3", [] { return std::make_unique<FakePlace>(); }}};
    if (!from_environment("N4B_S3_ENDPOINT").empty()) {
        all.push_back({"Server", [] { return std::make_unique<ServerPlace>(); }});
    }
    return all;
}

inline std::vector<std::byte> bytes_of(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

inline std::vector<std::byte> random_bytes(std::size_t count, unsigned seed) {
    std::mt19937 engine(seed);
    std::vector<std::byte> bytes(count);
    for (auto& byte : bytes) byte = static_cast<std::byte>(engine());
    return bytes;
}

class ConformanceTest : public ::testing::TestWithParam<StoreKind> {
protected:
    ObjectStore& store() { return place_->store(); }

    base::Result<std::vector<std::byte>> read(const std::string& key, std::int64_t offset, std::size_t room) {
        std::vector<std::byte> into(room);
        N4B_TRY(const auto n, store().get(key, offset, into, {}));
        into.resize(n);
        return into;
    }

    /// Of an object that is there.
    std::vector<std::byte> found(const std::string& key, std::int64_t offset, std::size_t room) {
        auto bytes = read(key, offset, room);
        EXPECT_TRUE(bytes) << bytes.error().message;
        return bytes ? *bytes : std::vector<std::byte>();
    }

    std::vector<std::string> keys(std::string_view prefix = "", std::string_view after = "") {
        std::vector<std::string> listed_keys;
        const auto listed = store().list(prefix, after,
                                         [&](auto page) {
                                             EXPECT_FALSE(page.empty());
                                             for (const auto& object : page) listed_keys.push_back(object.key);
                                             return true;
                                         },
                                         {});
        EXPECT_TRUE(listed) << listed.error().message;
        return listed_keys;
    }

    std::unique_ptr<Place> place_ = GetParam().make();
};

}  // namespace n4b::object_store
