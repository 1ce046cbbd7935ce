#include "backup-runner/app/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>

#include "common/base/notice.hpp"
#include "common/base/rfc3339.hpp"

namespace n4b::runner {
namespace {

base::Result<Options> parse_line(std::vector<std::string> words) {
    words.insert(words.begin(), "neo4j-backup-runner");
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    return parse_options(static_cast<int>(argv.size()), argv.data());
}

base::Result<Options> parse(std::vector<std::string> words) {
    words.insert(words.begin(), "backup");
    return parse_line(std::move(words));
}

std::vector<std::string> with(std::vector<std::string> more) {
    std::vector<std::string> words{"--from", "a,b:6000", "--source", "s", "--database", "d", "--to", "/x"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

TEST(BackupOptions, TakeWhatIsAskedOfASource) {
    const auto options = parse(with({"--policy", "ReplicaOnly", "--max-lag", "7", "--bandwidth-limit", "100Mi"}));
    ASSERT_TRUE(options) << options.error().message;
    const auto& spec = std::get<BackupOptions>(*options).spec;
    EXPECT_EQ(spec.endpoints.size(), 2U);
    EXPECT_EQ(spec.policy, contract::SourcePolicy::kReplicaOnly);
    EXPECT_EQ(spec.max_lag, 7);
    EXPECT_EQ(spec.bandwidth_limit, 100 << 20);
    const auto plain = parse(with({}));
    EXPECT_EQ(std::get<BackupOptions>(*plain).spec.policy, contract::SourcePolicy::kPreferReplica);
    EXPECT_FALSE(std::get<BackupOptions>(*plain).spec.max_lag);
    EXPECT_EQ(std::get<BackupOptions>(*plain).spec.bandwidth_limit, 0);
}

TEST(BackupOptions, RefuseWhatIsWrong) {
    using ::testing::HasSubstr;
    EXPECT_THAT(parse(with({"--bandwidth-limit", "fast"})).error().message, HasSubstr("--bandwidth-limit: \"fast\""));
    EXPECT_THAT(parse(with({"--bandwidth-limit", "1k"})).error().message, HasSubstr("64 KiB to 1 TiB"));
    EXPECT_THAT(parse(with({"--max-lag", "-1"})).error().message, HasSubstr("maxLag: negative"));
    const auto policy = parse(with({"--policy", "Core"}));
    ASSERT_TRUE(policy);
    EXPECT_EQ(std::get<Exit>(*policy).code, 10);
}

/// A file with a RunSpec, for a test.
class SpecFile {
public:
    explicit SpecFile(const contract::RunSpec& spec) {
        char pattern[] = "/tmp/n4b-options-test-XXXXXX";
        ::close(::mkstemp(pattern));
        path_ = pattern;
        std::ofstream(path_) << contract::to_json(spec);
    }
    SpecFile(const SpecFile&) = delete;
    SpecFile& operator=(const SpecFile&) = delete;
    ~SpecFile() { ::unlink(path_.c_str()); }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

TEST(BackupOptions, OfARunSpecComeFromItAlone) {
    using ::testing::HasSubstr;
    const SpecFile backup({.run = {.uid = "u"},
                           .source = "prod",
                           .endpoints = {{.host = "h", .port = 6362}},
                           .database = "graph.db",
                           .storage_path = "/b"});
    const auto with_spec = [](const SpecFile& spec, std::vector<std::string> more) {
        more.insert(more.begin(), {"--spec", spec.path()});
        return parse(std::move(more));
    };
    const auto plain = with_spec(backup, {});
    ASSERT_TRUE(plain) << plain.error().message;
    EXPECT_EQ(std::get<BackupOptions>(*plain).output, BackupOutput::kReport);
    const auto dry = with_spec(backup, {"--dry-run", "--output", "text", "-q"});
    ASSERT_TRUE(dry) << dry.error().message;
    EXPECT_EQ(std::get<BackupOptions>(*dry).output, BackupOutput::kText);
    EXPECT_TRUE(std::get<BackupOptions>(*dry).dry_run);
    EXPECT_EQ(std::get<BackupOptions>(*with_spec(backup, {"--output", "json"})).output, BackupOutput::kJson);
    for (const auto& flag : {"--from", "--to", "--deadline", "--source", "--compression", "--s3-bucket"}) {
        const auto refused = with_spec(backup, {flag, std::string_view(flag) == "--compression" ? "none" : "1h"});
        ASSERT_FALSE(refused) << flag;
        EXPECT_THAT(refused.error().message, HasSubstr(std::string(flag) + ": found beside --spec"));
    }
    const SpecFile check({.command = contract::Command::kCheckStorage, .run = {.uid = "u"}, .storage_path = "/b"});
    EXPECT_TRUE(with_spec(check, {}));
    EXPECT_THAT(with_spec(check, {"--dry-run"}).error().message, HasSubstr("--dry-run"));
    EXPECT_THAT(with_spec(check, {"--output", "json"}).error().message, HasSubstr("--output"));
}

/// What a pod's environment asks for.
base::Result<Options> from_environment(const contract::RunSpec& spec) {
    ::setenv("N4B_RUN_SPEC", contract::to_json(spec).c_str(), 1);
    auto options = parse_line({});
    ::unsetenv("N4B_RUN_SPEC");
    return options;
}

TEST(EnvironmentOptions, CheckAStorageOfEitherKind) {
    contract::RunSpec spec{.command = contract::Command::kCheckStorage, .run = {.uid = "u"}, .storage_path = "/b"};
    auto options = from_environment(spec);
    ASSERT_TRUE(options) << options.error().message;
    EXPECT_EQ(std::get<CheckStorageRunOptions>(*options).spec, spec);
    spec.storage_path.clear();
    spec.storage_s3 = contract::S3Location{.bucket = "bucket"};
    options = from_environment(spec);
    ASSERT_TRUE(options) << options.error().message;
    EXPECT_EQ(std::get<CheckStorageRunOptions>(*options).spec, spec);
}

TEST(RestoreOptions, TakeAnOwnerInNumbers) {
    const auto restore = [](const std::string& owner) {
        return parse_line({"restore", "--in", "/r", "--source", "s", "--database", "d", "--to", "/t", "--tx-log-to",
                           "/l", "--owner", owner});
    };
    const auto options = restore("101:102");
    ASSERT_TRUE(options) << options.error().message;
    const auto& target = std::get<RestoreOptions>(*options).target;
    EXPECT_EQ(target.access.owner->user, 101U);
    EXPECT_EQ(target.access.owner->group, 102U);
    EXPECT_FALSE(target.access.modes);
    EXPECT_EQ(target.log_directory, "/l");
    for (const char* wrong : {"neo4j", "neo4j:neo4j", "101", "101:", ":101", "101:-1", "101:102:103", "4294967295:1"}) {
        EXPECT_THAT(restore(wrong).error().message, ::testing::HasSubstr("--owner: found \"")) << wrong;
    }
}

TEST(RestoreOptions, TakeATimeOrATransactionAndNotBoth) {
    const auto restore = [](std::vector<std::string> more) {
        std::vector<std::string> line{"restore", "--in", "/r", "--source", "s", "--database", "d", "--to", "/t"};
        line.insert(line.end(), more.begin(), more.end());
        return parse_line(line);
    };
    const auto options = restore({"--until", "2026-11-27T10:30:00+01:00"});
    ASSERT_TRUE(options) << options.error().message;
    EXPECT_EQ(std::get<RestoreOptions>(*options).wish.until, *base::parse_rfc3339("2026-11-27T09:30:00Z"));
    EXPECT_THAT(restore({"--until", "yesterday"}).error().message,
                ::testing::HasSubstr("--until: found \"yesterday\""));
    EXPECT_FALSE(restore({"--until", ""})) << "an unset variable must not restore what was to be undone";
    const auto both = restore({"--until", "2026-11-27T09:30:00Z", "--until-transaction", "5"});
    EXPECT_EQ(std::get<Exit>(*both).code, 10);
}

TEST(RestoreOptions, TakeModesInOctal) {
    const auto restore = [](const std::string& modes) {
        return parse_line(
            {"restore", "--in", "/r", "--source", "s", "--database", "d", "--to", "/t", "--modes", modes, "--dry-run"});
    };
    const auto options = restore("0600:0700");
    ASSERT_TRUE(options) << options.error().message;
    EXPECT_EQ(std::get<RestoreOptions>(*options).target.access.modes->file, 0600U);
    EXPECT_EQ(std::get<RestoreOptions>(*options).target.access.modes->directory, 0700U);
    EXPECT_TRUE(std::get<RestoreOptions>(*options).dry_run);
    EXPECT_EQ(std::get<RestoreOptions>(*restore("644:755")).target.access.modes->file, 0644U);
    for (const char* wrong : {"0640", "0640:", "rw:rwx", "0440:0750", "0640:0640", "01777:0750", "0648:0750"}) {
        EXPECT_THAT(restore(wrong).error().message, ::testing::HasSubstr("--modes: found \"")) << wrong;
    }
}

TEST(BackupOptions, TakeEveryTimeoutAndTheRun) {
    const auto plain = parse(with({}));
    ASSERT_TRUE(plain) << plain.error().message;
    EXPECT_EQ(std::get<BackupOptions>(*plain).spec.timeouts, contract::RunTimeouts{}) << "the defaults are the same";
    EXPECT_FALSE(std::get<BackupOptions>(*plain).spec.duration);
    EXPECT_EQ(std::get<BackupOptions>(*plain).output, BackupOutput::kText);
    const auto options =
        parse(with({"--connect-timeout", "1s", "--prepare-timeout", "1h30m", "--stall-timeout", "500ms", "--deadline",
                    "6h", "--run-uid", "nightly-7", "--attempt", "2", "--dry-run", "--output", "json"}));
    ASSERT_TRUE(options) << options.error().message;
    const auto& backup = std::get<BackupOptions>(*options);
    EXPECT_EQ(backup.spec.timeouts.connect, std::chrono::seconds(1));
    EXPECT_EQ(backup.spec.timeouts.prepare, std::chrono::minutes(90));
    EXPECT_EQ(backup.spec.timeouts.stall, std::chrono::milliseconds(500));
    EXPECT_EQ(backup.spec.duration, std::chrono::hours(6));
    EXPECT_EQ(backup.spec.run.uid, "nightly-7");
    EXPECT_EQ(backup.spec.run.attempt, 2);
    EXPECT_TRUE(backup.dry_run);
    EXPECT_EQ(backup.output, BackupOutput::kJson);
}

TEST(BackupOptions, RefuseSpansAndRunsThatAreNone) {
    using ::testing::HasSubstr;
    EXPECT_EQ(parse(with({"--stall-timeout", "10"})).error().message,
              "--stall-timeout: \"10\" is not a duration such as 90s, 10m or 1h30m");
    EXPECT_THAT(parse(with({"--deadline", "0s"})).error().message, HasSubstr("--deadline: found \"0s\""));
    EXPECT_THAT(parse(with({"--attempt", "2"})).error().message, HasSubstr("--run-uid"));
    EXPECT_THAT(parse(with({"--run-uid", "A"})).error().message, HasSubstr("run.uid"));
}

TEST(LookOptions, NarrowWhatIsLookedAt) {
    const auto list = parse_line({"list", "--in", "/r", "--source", "s", "--database", "d", "--chain", "c"});
    ASSERT_TRUE(list) << list.error().message;
    EXPECT_EQ(std::get<ListOptions>(*list).scope.database, "d");
    const auto verify = parse_line({"verify", "--in", "/r", "--database", "d", "--chain", "c", "--deadline", "1h"});
    ASSERT_TRUE(verify) << verify.error().message;
    EXPECT_EQ(std::get<VerifyOptions>(*verify).scope.chain, "c");
    EXPECT_GT(std::get<VerifyOptions>(*verify).deadline.left(), std::chrono::minutes(59));
    EXPECT_FALSE(parse_line({"list", "--in", "/r", "--source", "../x"}));
}

TEST(LookOptions, VerifyGoesAsFarAsItIsAskedTo) {
    EXPECT_EQ(std::get<VerifyOptions>(*parse_line({"verify", "--in", "/r"})).level, contract::VerifyLevel::kChecksum);
    EXPECT_EQ(std::get<VerifyOptions>(*parse_line({"verify", "--in", "/r", "--level", "Chain"})).level,
              contract::VerifyLevel::kChain);
    EXPECT_EQ(std::get<Exit>(*parse_line({"verify", "--in", "/r", "--level", "all"})).code, 10);
    EXPECT_EQ(std::get<Exit>(*parse_line({"list", "--in", "/r", "--level", "Chain"})).code, 10);
    EXPECT_EQ(std::get<BackupOptions>(*parse(with({}))).spec.verify, contract::VerifyLevel::kWritten);
    EXPECT_EQ(std::get<BackupOptions>(*parse(with({"--verify", "Checksum"}))).spec.verify,
              contract::VerifyLevel::kChecksum);
}

TEST(EveryCommand, IsAsLoudAsItIsAskedToBe) {
    const auto loud = [](const char* flag) {
        std::vector<std::string> words{"list", "--in", "/r"};
        if (*flag != '\0') words.emplace_back(flag);
        EXPECT_TRUE(parse_line(words));
        return base::tells_everything() ? 2 : base::tells_usual() ? 1 : 0;
    };
    EXPECT_EQ(loud("--quiet"), 0);
    EXPECT_EQ(loud("-v"), 2);
    EXPECT_EQ(loud(""), 1);
    EXPECT_EQ(std::get<Exit>(*parse_line({"list", "--in", "/r", "-q", "-v"})).code, 10) << "both";
}

TEST(ProbeOptions, TakeTheServersAndTls) {
    const auto options = parse_line({"probe", "--from", "a,[fd00::1]:6000", "--from", "b", "--tls", "/t"});
    ASSERT_TRUE(options) << options.error().message;
    const auto& probe = std::get<ProbeOptions>(*options);
    EXPECT_EQ(probe.output, ProbeOutput::kTable);
    EXPECT_EQ(probe.spec.command, contract::Command::kProbe);
    ASSERT_EQ(probe.spec.endpoints.size(), 3U);
    EXPECT_EQ(probe.spec.endpoints[1].host, "fd00::1");
    EXPECT_EQ(probe.spec.endpoints[1].port, 6000);
    EXPECT_EQ(probe.spec.tls->directory, "/t");
    const auto json = parse_line({"probe", "--from", "a", "--output", "json"});
    ASSERT_TRUE(json);
    EXPECT_EQ(std::get<ProbeOptions>(*json).output, ProbeOutput::kJson);
}

TEST(ProbeOptions, RefuseWhatIsWrong) {
    using ::testing::HasSubstr;
    EXPECT_EQ(std::get<Exit>(*parse_line({"probe"})).code, 10);
    EXPECT_THAT(parse_line({"probe", "--from", "a:x"}).error().message, HasSubstr("\"x\" is not a port"));
    EXPECT_THAT(parse_line({"probe", "--from", "a", "--tls-server-name", "n"}).error().message,
                HasSubstr("nothing to verify"));
}

TEST(StorageOptions, AreThoseOfEveryCommandThatReadsOrWritesBackups) {
    const std::vector<std::string> bucket{"--s3-bucket",       "backups", "--s3-endpoint",   "https://minio:9000",
                                          "--s3-prefix",       "neo4j",   "--s3-ca-file",    "/ca",
                                          "--credentials-dir", "/keys",   "--s3-path-style", "yes",
                                          "--s3-encryption",   "AES256"};
    const auto in_bucket = [&](std::vector<std::string> words) {
        words.insert(words.end(), bucket.begin(), bucket.end());
        return parse_line(std::move(words));
    };
    EXPECT_EQ(std::get<InitOptions>(*in_bucket({"init"})).store.s3->location.bucket, "backups");
    EXPECT_EQ(std::get<ListOptions>(*in_bucket({"list"})).store.s3->location.prefix, "neo4j");
    const auto release = in_bucket({"release", "--source", "prod"});
    EXPECT_EQ(std::get<ReleaseOptions>(*release).store.s3->location.bucket, "backups");
    EXPECT_EQ(std::get<ReleaseOptions>(*release).source, "prod");
    EXPECT_EQ(in_bucket({"release", "--source", "a/b"}).error().reason, base::Reason::kInvalidRunSpec);
    EXPECT_EQ(std::get<VerifyOptions>(*in_bucket({"verify"})).store.s3->ca_file, "/ca");
    const auto restore = in_bucket({"restore", "--source", "s", "--database", "d", "--to", "/x"});
    EXPECT_EQ(std::get<RestoreOptions>(*restore).store.s3->credentials_dir, "/keys");
    EXPECT_EQ(std::get<RestoreOptions>(*restore).target.directory, "/x");
    const auto backup = in_bucket({"backup", "--from", "a", "--source", "s", "--database", "d", "--init"});
    ASSERT_TRUE(backup) << backup.error().message;
    const auto& spec = std::get<BackupOptions>(*backup).spec;
    EXPECT_TRUE(spec.initialize);
    ASSERT_TRUE(spec.storage_s3);
    EXPECT_EQ(spec.storage_s3->path_style, true);
    const auto there = store_of(spec);
    EXPECT_EQ(there.s3->location.endpoint, "https://minio:9000");
    EXPECT_EQ(there.s3->location.encryption, s3::Encryption::kAes256);
    EXPECT_EQ(there.s3->location.addressing, s3::Addressing::kPath);
    const auto volume = parse(with({}));
    EXPECT_EQ(std::get<BackupOptions>(*volume).spec.storage_path, "/x");
    EXPECT_FALSE(std::get<BackupOptions>(*volume).spec.initialize);
    EXPECT_EQ(parse(with({"--s3-bucket", "b"})).error().message,
              "--to: found --s3-bucket beside it, expected one storage");
    EXPECT_EQ(parse_line({"list"}).error().message, "--in or --s3-bucket is required");
}

TEST(PruneOptions, TakeNoPruneWithoutARule) {
    const auto with = [](std::vector<std::string> words) {
        words.insert(words.begin(), {"prune", "--in", "/x", "--source", "s", "--database", "d"});
        return parse_line(std::move(words));
    };
    EXPECT_THAT(with({"--minimum-chains", "3"}).error().message, ::testing::HasSubstr("expected one of --keep-last"));
    const auto all = with({"--keep-last", "2", "--keep-within", "36h", "--keep-daily", "7", "--keep-weekly", "4",
                           "--keep-monthly", "12", "--keep-yearly", "1", "--time-zone", "Europe/Berlin", "--dry-run"});
    ASSERT_TRUE(all) << all.error().message;
    const auto& options = std::get<PruneOptions>(*all);
    EXPECT_EQ(options.rules.last, 2);
    EXPECT_EQ(options.rules.within, std::chrono::hours(36));
    EXPECT_EQ(options.rules.yearly, 1);
    EXPECT_EQ(options.rules.minimum_chains, 1);
    EXPECT_TRUE(options.dry_run);
    EXPECT_THAT(with({"--keep-last", "1", "--time-zone", "Berlin"}).error().message,
                ::testing::HasSubstr("--time-zone"));
}

TEST(HoldOptions, NameAChainAndAHold) {
    const auto with = [](std::vector<std::string> words) {
        words.insert(words.begin(), {"hold", "--in", "/x", "--source", "s", "--database", "d", "--chain", "c"});
        return parse_line(std::move(words));
    };
    const auto until = with({"--name", "legal", "--until", "2027-01-01T00:00:00Z"});
    ASSERT_TRUE(until) << until.error().message;
    EXPECT_EQ(std::get<HoldOptions>(*until).until, base::SystemTime(std::chrono::seconds(1'798'761'600)));
    EXPECT_TRUE(std::get<HoldOptions>(*with({"--name", "legal", "--release"})).release);
    EXPECT_THAT(with({"--name", "legal", "--until", "soon"}).error().message, ::testing::HasSubstr("--until"));
    EXPECT_THAT(with({"--name", "a/b"}).error().message, ::testing::HasSubstr("--name"));
}

TEST(CheckStorageOptions, NameADirectoryOrABucket) {
    const auto directory = parse_line({"check-storage", "--in", "/backups", "--output", "json", "--timeout", "5s"});
    ASSERT_TRUE(directory) << directory.error().message;
    const auto& in = std::get<CheckStorageOptions>(*directory);
    EXPECT_EQ(in.store.directory, "/backups");
    EXPECT_FALSE(in.store.s3);
    EXPECT_TRUE(in.json);
    EXPECT_EQ(in.timeout, std::chrono::seconds(5));
    const auto bucket =
        parse_line({"check-storage", "--s3-bucket", "backups", "--s3-prefix", "neo4j", "--s3-endpoint",
                    "https://minio:9000", "--s3-region", "eu-central-1", "--s3-path-style", "no", "--s3-encryption",
                    "aws:kms", "--s3-kms-key-id", "k1", "--s3-ca-file", "/ca", "--credentials-dir", "/keys"});
    ASSERT_TRUE(bucket) << bucket.error().message;
    const auto& s3 = *std::get<CheckStorageOptions>(*bucket).store.s3;
    EXPECT_EQ(s3.location.bucket, "backups");
    EXPECT_EQ(s3.location.prefix, "neo4j");
    EXPECT_EQ(s3.location.region, "eu-central-1");
    EXPECT_EQ(s3.location.addressing, s3::Addressing::kVirtualHost);
    EXPECT_EQ(s3.location.encryption, s3::Encryption::kKms);
    EXPECT_EQ(s3.location.kms_key_id, "k1");
    EXPECT_FALSE(s3.location.allow_insecure);
    EXPECT_EQ(s3.ca_file, "/ca");
    EXPECT_EQ(s3.credentials_dir, "/keys");
}

TEST(CheckStorageOptions, NameCredentialsAndALock) {
    const auto s3_of = [](std::vector<std::string> more) {
        std::vector<std::string> words{"check-storage", "--s3-bucket", "backups", "--s3-region", "r"};
        words.insert(words.end(), more.begin(), more.end());
        const auto options = parse_line(words);
        EXPECT_TRUE(options) << options.error().message;
        return *std::get<CheckStorageOptions>(*options).store.s3;
    };
    using From = contract::S3CredentialsFrom;
    EXPECT_EQ(s3_of({}).credentials_from, From::kAutomatic);
    EXPECT_EQ(s3_of({}).location.lock.mode, s3::LockMode::kNone);
    EXPECT_EQ(s3_of({"--s3-credentials", "pod-identity"}).credentials_from, From::kPodIdentity);
    EXPECT_EQ(s3_of({"--s3-credentials", "instance-metadata"}).credentials_from, From::kInstanceMetadata);
    const auto role = s3_of({"--s3-credentials", "web-identity", "--s3-role-arn", "arn", "--s3-web-identity-token-file",
                             "/token", "--s3-sts-endpoint", "https://sts"});
    EXPECT_EQ(role.credentials_from, From::kWebIdentity);
    EXPECT_EQ(role.web_identity,
              (contract::WebIdentity{.role_arn = "arn", .token_file = "/token", .sts_endpoint = "https://sts"}));
    const auto locked = s3_of({"--s3-object-lock-mode", "compliance", "--s3-object-lock-days", "30"});
    EXPECT_EQ(locked.location.lock.mode, s3::LockMode::kCompliance);
    EXPECT_EQ(locked.location.lock.time, std::chrono::days(30));
}

TEST(CheckStorageOptions, AreRefusedWhereTheyNameNoneOrTwo) {
    const auto message = [](std::vector<std::string> words) {
        words.insert(words.begin(), "check-storage");
        const auto options = parse_line(std::move(words));
        return options ? "accepted" : options.error().message;
    };
    EXPECT_EQ(message({}), "--in or --s3-bucket is required");
    EXPECT_EQ(message({"--in", "/b", "--s3-bucket", "bucket"}),
              "--in: found --s3-bucket beside it, expected one storage");
    EXPECT_EQ(message({"--in", "/b", "--allow-insecure"}),
              "--in: found --allow-insecure beside it, expected one storage");
    EXPECT_THAT(message({"--s3-bucket", "bucket", "--s3-endpoint", "http://minio"}),
                ::testing::HasSubstr("clear text"));
    EXPECT_THAT(message({"--s3-bucket", "bucket"}), ::testing::HasSubstr("region: "));
    EXPECT_THAT(message({"--s3-bucket", "bucket", "--s3-role-arn", "arn"}),
                ::testing::HasSubstr("need --s3-credentials web-identity"));
    EXPECT_THAT(message({"--s3-bucket", "bucket", "--s3-credentials", "pod-identity", "--credentials-dir", "/k"}),
                ::testing::HasSubstr("found --s3-credentials pod-identity beside it"));
    EXPECT_THAT(message({"--s3-bucket", "bucket", "--s3-object-lock-days", "1"}),
                ::testing::HasSubstr("found no --s3-object-lock-mode"));
    EXPECT_THAT(message({"--s3-bucket", "bucket", "--s3-object-lock-mode", "governance"}),
                ::testing::HasSubstr("--s3-object-lock-days: found 0, expected 1 to 36500"));
}

}  // namespace
}  // namespace n4b::runner
