#include "common/contract/run_spec.hpp"

#include <gtest/gtest.h>

namespace n4b::contract {
namespace {

RunSpec example() {
    RunSpec spec;
    spec.run = {.uid = "0b3c-1", .object_namespace = "db", .name = "nightly", .attempt = 2, .cluster = "4f1d-9"};
    spec.source = "prod";
    spec.endpoints = {{.host = "10.1.2.3", .port = 6362}, {.host = "fd00::1", .port = 6000, .member = "replica-0"}};
    spec.policy = SourcePolicy::kReplicaOnly;
    spec.max_lag = 0;
    spec.bandwidth_limit = 1 << 20;
    spec.tls = TlsSpec{.directory = "/tls/source",
                       .trust = {"/tls/trust-0/ca.crt"},
                       .verification = TlsVerification::kChain,
                       .server_name = "neo4j"};
    spec.database = "graph.db";
    spec.storage_path = "/backup/neo4j";
    spec.initialize = true;
    spec.new_repository = "77aa-1";
    spec.type = BackupType::kAuto;
    spec.when_impossible = WhenImpossible::kFail;
    spec.max_chain_length = 7;
    spec.compression = Compression::kNone;
    spec.connections = 3;
    spec.duration = std::chrono::hours(6);
    spec.timeouts.stall = std::chrono::seconds(5);
    spec.http_port = 8080;
    return spec;
}

TEST(RunSpec, SurvivesItsJsonForm) {
    const auto parsed = parse_run_spec(to_json(example()));
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(*parsed, example());
    auto another = example();
    another.initialize = false;
    another.new_repository.clear();
    another.repository = "9f0c";
    EXPECT_EQ(*parse_run_spec(to_json(another)), another);
}

S3Location bucket() {
    return {.endpoint = "https://minio:9000",
            .bucket = "backups",
            .region = "eu-central-1",
            .prefix = "neo4j",
            .path_style = false,
            .allow_insecure = true,
            .ca_file = "/storage/ca/ca.crt",
            .credentials_dir = "/storage/credentials"};
}

TEST(RunSpec, NamesABucketInPlaceOfADirectory) {
    auto spec = example();
    spec.storage_path.clear();
    spec.storage_s3 = bucket();
    for (const auto& style : {std::optional<bool>(), std::optional(true), std::optional(false)}) {
        spec.storage_s3->path_style = style;
        const auto parsed = parse_run_spec(to_json(spec));
        ASSERT_TRUE(parsed) << parsed.error().message;
        EXPECT_EQ(*parsed, spec);
    }
}

TEST(RunSpec, NamesTheWayToABucket) {
    auto spec = example();
    spec.storage_path.clear();
    spec.storage_s3 = bucket();
    auto& s3 = *spec.storage_s3;
    s3.proxy = ProxySpec{.url = "http://proxy:3128", .no_proxy = ".svc", .credentials_dir = "/storage/proxy"};
    s3.encryption = "aws:kms";
    s3.kms_key_id = "k";
    s3.lock = ObjectLock{.mode = LockMode::kCompliance, .days = 30};
    const auto survives = [&] {
        const auto parsed = parse_run_spec(to_json(spec));
        ASSERT_TRUE(parsed) << parsed.error().message;
        EXPECT_EQ(*parsed, spec);
    };
    survives();
    s3.credentials_dir.clear();
    survives();
    s3.credentials_from = S3CredentialsFrom::kWebIdentity;
    s3.web_identity = {.role_arn = "arn", .token_file = "/storage/token/token", .sts_endpoint = "https://sts"};
    survives();
    s3.web_identity = {};
    for (const auto from :
         {S3CredentialsFrom::kWebIdentity, S3CredentialsFrom::kPodIdentity, S3CredentialsFrom::kInstanceMetadata}) {
        s3.credentials_from = from;
        survives();
    }
}

TEST(RunSpec, KeepsTheLevelThatABackupMustReach) {
    auto spec = example();
    EXPECT_EQ(to_json(spec).find("verify"), std::string::npos) << "runners that know of no levels take it";
    for (const auto level : {VerifyLevel::kWritten, VerifyLevel::kChecksum, VerifyLevel::kChain}) {
        spec.verify = level;
        EXPECT_EQ(parse_run_spec(to_json(spec))->verify, level);
    }
}

TEST(RunSpec, ACheckOfAStorageHasNothingButItsStorage) {
    const RunSpec volume{.command = Command::kCheckStorage,
                         .run = example().run,
                         .storage_path = "/backup/neo4j",
                         .duration = std::chrono::minutes(5),
                         .http_port = 8080};
    RunSpec object_storage = volume;
    object_storage.storage_path.clear();
    object_storage.storage_s3 = bucket();
    for (const auto& spec : {volume, object_storage}) {
        const auto parsed = parse_run_spec(to_json(spec));
        ASSERT_TRUE(parsed) << parsed.error().message;
        EXPECT_EQ(*parsed, spec);
    }
}

TEST(RunSpec, NamesWhatIsWrongWithABucket) {
    struct Case {
        std::string storage, message;
    };
    const std::vector<Case> cases{
        {R"({"s3":{"bucket":"b"}})", ""},
        {R"({"path":"/b","repository":"9f0c","initialize":true})",
         "RunSpec: storage.initialize: found beside repository, expected none: what holds a repository already is not "
         "made one"},
        {R"({"path":"/b","newRepository":"9f0c"})",
         "RunSpec: storage.newRepository: found without initialize, expected both or none"},
        {R"({"s3":{"bucket":"b"},"path":"/b"})", "RunSpec: storage.path: found beside s3, expected one storage"},
        {R"({"s3":{"bucket":"b"},"gcs":{}})", "RunSpec: storage.gcs: unknown field"},
        {R"({"s3":{}})", "RunSpec: storage.s3.bucket: missing"},
        {R"({"s3":null})", "RunSpec: storage.path: missing"},
        {R"({"s3":"b"})", "RunSpec: storage.s3: found string, expected an object"},
        {R"({"s3":{"bucket":"b","secretAccessKey":"x"}})", "RunSpec: storage.s3.secretAccessKey: unknown field"},
        {R"({"s3":{"bucket":"b","pathStyle":"yes"}})",
         "RunSpec: storage.s3.pathStyle: found string, expected true or false"},
        {R"({"s3":{"bucket":"b","credentialsDir":"/c","podIdentity":{}}})",
         "RunSpec: storage.s3.podIdentity: found beside another source of credentials, expected one"},
        {R"({"s3":{"bucket":"b","webIdentity":{},"instanceMetadata":{}}})",
         "RunSpec: storage.s3.instanceMetadata: found beside another source of credentials, expected one"},
        {R"({"s3":{"bucket":"b","webIdentity":{"token":"x"}}})",
         "RunSpec: storage.s3.webIdentity.token: unknown field"},
        {R"({"s3":{"bucket":"b","podIdentity":{"url":"x"}}})", "RunSpec: storage.s3.podIdentity.url: unknown field"},
        {R"({"s3":{"bucket":"b","proxy":{}}})", "RunSpec: storage.s3.proxy.url: missing"},
        {R"({"s3":{"bucket":"b","proxy":{"url":"http://u:geheim@p"}}})",
         "RunSpec: storage.s3.proxy.url: found user or password, expected none"},
        {R"({"s3":{"bucket":"b","objectLock":{"mode":"Legal","days":1}}})",
         "RunSpec: storage.s3.objectLock.mode: found \"Legal\", expected Governance or Compliance"},
        {R"({"s3":{"bucket":"b","objectLock":{"mode":"Governance","days":0}}})",
         "RunSpec: storage.s3.objectLock.days: expected 1 to 36500"},
        {R"({"s3":{"bucket":"b","caFile":"/c\u0000"}})", "RunSpec: storage.s3.caFile: holds a zero byte"},
        {R"({"s3":{"bucket":"b","prefix":")" + std::string(513, 'p') + R"("}})",
         "RunSpec: storage.s3.prefix: longer than 512 characters"},
    };
    for (const auto& c : cases) {
        const auto parsed =
            parse_run_spec(R"({"schemaVersion":2,"command":"CheckStorage","run":{"uid":"u","attempt":1},"storage":)" +
                           c.storage + "}");
        EXPECT_EQ(parsed ? "" : parsed.error().message, c.message) << c.storage;
    }
}

TEST(RunSpec, HoldsThePartsOfItsCommandOnly) {
    RunSpec look_up{.command = Command::kLookUp,
                    .run = example().run,
                    .source = "prod",
                    .database = "graph.db",
                    .storage_path = "/backup",
                    .duration = std::chrono::minutes(30)};
    RunSpec probe = example();
    probe.command = Command::kProbe;
    probe.database.clear();
    probe.storage_path.clear();
    probe.repository.clear();
    probe.initialize = false;
    probe.new_repository.clear();
    probe.type = BackupType::kFull;
    probe.when_impossible = WhenImpossible::kFull;
    probe.max_chain_length = kUsualChainLength;
    probe.compression = Compression::kZstd;
    probe.connections = 2;
    probe.bandwidth_limit = 0;
    RunSpec restore{.command = Command::kRestore,
                    .run = example().run,
                    .source = "prod",
                    .database = "graph.db",
                    .storage_path = "/backup",
                    .repository = "9f0c",
                    .restore = {.chain = "20261122T215049Z-3f9c21",
                                .before_time = base::SystemTime(std::chrono::milliseconds(1'795'384'249'123)),
                                .directory = "/target/databases/graph.db",
                                .log_directory = "/target/logs"},
                    .http_port = 8080};
    RunSpec prune{.command = Command::kPrune,
                  .run = example().run,
                  .source = "prod",
                  .database = "graph.db",
                  .storage_path = "/backup",
                  .prune = {.keep = {.last = 3,
                                     .within = std::chrono::hours(48),
                                     .daily = 7,
                                     .weekly = 4,
                                     .monthly = 12,
                                     .yearly = 5,
                                     .minimum_chains = 2,
                                     .time_zone = "Europe/Berlin"}}};
    prune.run.schedule = "nightly";
    auto removal = prune;
    removal.prune.chains = {"20261122T215049Z-3f9c21"};
    auto nothing_goes = prune;
    nothing_goes.prune.chains.emplace();
    for (const auto& spec : {look_up, probe, restore, prune, removal, nothing_goes}) {
        const auto parsed = parse_run_spec(to_json(spec));
        ASSERT_TRUE(parsed) << parsed.error().message;
        EXPECT_EQ(*parsed, spec);
    }
    restore.restore.before_time.reset();
    restore.restore.transaction = 7;
    EXPECT_EQ(*parse_run_spec(to_json(restore)), restore);
    restore.restore.transaction.reset();
    restore.restore.before_transaction = 8;
    EXPECT_EQ(*parse_run_spec(to_json(restore)), restore);
    probe.source.clear();
    EXPECT_TRUE(parse_run_spec(to_json(probe))) << "a probe looks at no storage";
    auto full = example();
    full.command = Command::kLookUp;
    EXPECT_EQ(to_json(full).find("endpoints"), std::string::npos) << "a look-up speaks to no source";
}

TEST(RunSpec, RefusesThePartsOfAnotherCommand) {
    struct Case {
        std::string parts, message;
    };
    const std::string source = R"("source":{"name":"p","endpoints":[{"host":"h","port":1}]})";
    const std::string storage = R"("storage":{"path":"/b"})";
    const std::string backup = R"("backup":{"database":"d"})";
    const std::string name = R"("source":{"name":"p"})";
    const std::string restore = R"("restore":{"database":"d","directory":"/t"})";
    const std::vector<Case> cases{
        {R"("command":"Backup",)" + source + "," + storage + "," + backup, ""},
        {R"("command":"Backup",)" + storage + "," + backup, "RunSpec: source: missing"},
        {R"("command":"Backup",)" + source + "," + backup, "RunSpec: storage: missing"},
        {R"("command":"Backup",)" + source + "," + storage, "RunSpec: backup: missing"},
        {R"("command":"Backup",)" + name + "," + storage + "," + backup,
         "RunSpec: source.endpoints: at least one expected"},
        {R"("command":"Probe",)" + source, ""},
        {R"("command":"Probe",)" + name, "RunSpec: source.endpoints: at least one expected"},
        {R"("command":"Probe",)" + source + "," + storage, "RunSpec: storage: not a part of the command Probe"},
        {R"("command":"Probe",)" + source + "," + backup, "RunSpec: backup: not a part of the command Probe"},
        {R"("command":"LookUp",)" + name + "," + storage + "," + backup, ""},
        {R"("command":"LookUp",)" + source + "," + storage + "," + backup, "RunSpec: source.endpoints: unknown field"},
        {R"("command":"LookUp",)" + name + "," + storage + R"(,"backup":{"database":"d","connections":2})",
         "RunSpec: backup.connections: unknown field"},
        {R"("command":"LookUp",)" + name + "," + storage + R"(,"backup":{"database":"d","verify":"Chain"})", ""},
        {R"("command":"LookUp",)" + name + "," + storage + R"(,"backup":{"database":"d","verify":"chain"})",
         "RunSpec: backup.verify: found \"chain\", expected Written, Checksum or Chain"},
        {R"("command":"LookUp","timeouts":{},)" + name + "," + storage + "," + backup,
         "RunSpec: timeouts: not a part of the command LookUp"},
        {R"("command":"CheckStorage",)" + storage, ""},
        {R"("command":"CheckStorage","httpPort":1)", "RunSpec: storage: missing"},
        {R"("command":"CheckStorage",)" + storage + "," + name,
         "RunSpec: source: not a part of the command CheckStorage"},
        {R"("command":"CheckStorage",)" + storage + "," + backup,
         "RunSpec: backup: not a part of the command CheckStorage"},
        {R"("command":"CheckStorage","timeouts":{},)" + storage,
         "RunSpec: timeouts: not a part of the command CheckStorage"},
        {R"("command":"Restore",)" + name + "," + storage + "," + restore, ""},
        {R"("command":"Restore",)" + name + "," + storage, "RunSpec: restore: missing"},
        {R"("command":"Restore",)" + source + "," + storage + "," + restore,
         "RunSpec: source.endpoints: unknown field"},
        {R"("command":"Restore",)" + name + "," + storage + "," + backup + "," + restore,
         "RunSpec: backup: not a part of the command Restore"},
        {R"("command":"Backup",)" + source + "," + storage + "," + backup + "," + restore,
         "RunSpec: restore: not a part of the command Backup"},
        {R"("command":"Prune",)" + name + "," + storage, "RunSpec: prune: missing"},
        {R"("command":"Prune","prune":{"database":"d","keep":{}},)" + name + "," + storage,
         "RunSpec: run: a prune needs schedule and namespace: they tell whose chains may go"},
        {R"("command":"Prune","prune":{"database":"d","keep":{}},)" + source + "," + storage,
         "RunSpec: source.endpoints: unknown field"},
        {R"("command":"Restore","prune":{},)" + name + "," + storage + "," + restore,
         "RunSpec: prune: not a part of the command Restore"},
    };
    for (const auto& c : cases) {
        const auto parsed = parse_run_spec(R"({"schemaVersion":2,"run":{"uid":"u","attempt":1},)" + c.parts + "}");
        EXPECT_EQ(parsed ? "" : parsed.error().message, c.message) << c.parts;
    }
}

TEST(RunSpec, NamesWhatIsWrong) {
    struct Case {
        std::string find, replace, message;
    };
    const std::string good = to_json(example());
    const std::vector<Case> cases{
        {"\"schemaVersion\":2", "\"schemaVersion\":1", "RunSpec: schemaVersion: found 1, this runner knows 2"},
        {"\"connections\":3", "\"connections\":9", "RunSpec: backup.connections: expected 1 to 8"},
        {"\"type\":\"Auto\"", "\"type\":\"auto\"",
         "RunSpec: backup.type: found \"auto\", expected Full, Incremental or Auto"},
        {"\"Fail\"", "\"Retry\"", "RunSpec: backup.onIncrementalImpossible: found \"Retry\", expected Full or Fail"},
        {"\"maxChainLength\":7", "\"maxChainLength\":0", "RunSpec: backup.maxChainLength: expected 1 to 4096"},
        {"\"connections\":3", "\"conections\":3", "RunSpec: backup.conections: unknown field"},
        {"\"durationMs\":21600000", "\"durationMs\":-1", "RunSpec: durationMs: expected 0 ms to 366 days"},
        {"\"durationMs\":21600000", "\"deadline\":\"\"", "RunSpec: deadline: unknown field"},
        {"\"path\":\"/backup/neo4j\"", "\"path\":\"\"", "RunSpec: storage.path: empty"},
        {"\"77aa-1\"", "\"77AA-1\"", "RunSpec: storage.newRepository: expected 1 to 64 of [0-9a-z-]"},
        {"\"77aa-1\"", "\"a/b\"", "RunSpec: storage.newRepository: expected 1 to 64 of [0-9a-z-]"},
        {"\"4f1d-9\"", "\"" + std::string(65, 'a') + "\"", "RunSpec: run.cluster: expected 1 to 64 of [0-9a-z-]"},
        {"\"name\":\"prod\"", "\"name\":\"../x\"",
         "RunSpec: source.name: \"../x\" is not a name of 1 to 128 letters, digits, '.', '_' and '-'"},
        {"\"port\":6000", "\"port\":0", "RunSpec: source.endpoints[1].port: 0 is not a port"},
        {"\"command\":\"Backup\"", "\"command\":\"Format\"",
         "RunSpec: command: found \"Format\", expected Backup, LookUp, Probe, CheckStorage, Restore or Prune"},
        {"\"verification\":\"Chain\"", "\"verification\":\"Maybe\"",
         "RunSpec: source.tls.verification: found \"Maybe\", expected Full, Chain or None"},
        {"\"directory\":\"/tls/source\",", "\"dir\":\"/tls/source\",", "RunSpec: source.tls.dir: unknown field"},
        {"\"maxLag\":0", "\"maxLag\":-1", "RunSpec: source.maxLag: negative"},
        {"ReplicaOnly", "Replicas",
         "RunSpec: source.policy: found \"Replicas\", expected ReplicaOnly, PreferReplica or Any"},
        {"\"bandwidthLimit\":1048576", "\"bandwidthLimit\":1",
         "RunSpec: backup.bandwidthLimit: expected 0 (none), or 64 KiB to 1 TiB a second"},
        {"\"/tls/source\"", "\"/tls\\u0000\"", "RunSpec: source.tls.directory: holds a zero byte"},
        {"[\"/tls/trust-0/ca.crt\"]", "[\"\"]", "RunSpec: source.tls.trust: expected paths of 1 to 4096 characters"},
        {"\"serverName\":\"neo4j\"", "\"serverName\":\"" + std::string(254, 'a') + "\"",
         "RunSpec: source.tls.serverName: longer than 253 characters"},
        {"\"stallMs\":5000", "\"stallMs\":\"5s\"", "RunSpec: timeouts.stallMs: found string, expected a whole number"},
    };
    for (const auto& c : cases) {
        auto text = good;
        ASSERT_NE(text.find(c.find), std::string::npos) << c.find << " in " << good;
        text.replace(text.find(c.find), c.find.size(), c.replace);
        const auto parsed = parse_run_spec(text);
        ASSERT_FALSE(parsed) << c.replace;
        EXPECT_EQ(parsed.error().message, c.message);
        EXPECT_EQ(parsed.error().reason, base::Reason::kInvalidRunSpec);
    }
}

TEST(RunSpec, NamesWhatIsWrongWithARestore) {
    struct Case {
        std::string restore, message;
    };
    const std::vector<Case> cases{
        {R"("directory":"/t")", "restore.database: missing"},
        {R"("database":"d")", "restore.directory: missing"},
        {R"("database":"../d","directory":"/t")",
         "restore.database: \"../d\" is not a name of 1 to 128 letters, digits, '.', '_' and '-'"},
        {R"("database":"d","directory":"t")", "restore.directory: expected a path from the root"},
        {R"("database":"d","directory":"/t","logDirectory":"l")",
         "restore.logDirectory: expected a path from the root"},
        {R"("database":"d","directory":"/t","transaction":0)", "restore.transaction: expected 1 or more"},
        {R"("database":"d","directory":"/t","beforeTransaction":-1)", "restore.beforeTransaction: expected 1 or more"},
        {R"("database":"d","directory":"/t","transaction":1,"beforeTransaction":2)",
         "restore.transaction: found several of transaction, beforeTransaction and beforeTime, expected one"},
        {R"("database":"d","directory":"/t","beforeTransaction":2,"beforeTime":"2026-11-22T21:50:49Z")",
         "restore.transaction: found several of transaction, beforeTransaction and beforeTime, expected one"},
        {R"("database":"d","directory":"/t","until":1)", "restore.until: unknown field"},
    };
    for (const auto& c : cases) {
        const auto parsed = parse_run_spec(R"({"schemaVersion":2,"run":{"uid":"u","attempt":1},"command":"Restore",)"
                                           R"("source":{"name":"p"},"storage":{"path":"/b"},"restore":{)" +
                                           c.restore + "}}");
        EXPECT_EQ(parsed ? "" : parsed.error().message, "RunSpec: " + c.message) << c.restore;
    }
    const auto odd = parse_run_spec(R"({"schemaVersion":2,"run":{"uid":"u","attempt":1},"command":"Restore",)"
                                    R"("source":{"name":"p"},"storage":{"path":"/b"},)"
                                    R"("restore":{"database":"d","directory":"/t","beforeTime":"noon"}})");
    ASSERT_FALSE(odd);
    EXPECT_TRUE(odd.error().message.starts_with("RunSpec: restore.beforeTime: ")) << odd.error().message;
}

TEST(RunSpec, NamesWhatIsWrongWithAPrune) {
    struct Case {
        std::string prune, message;
    };
    std::string many;
    for (int i = 0; i < 17; ++i) many += (i == 0 ? "\"c" : ",\"c") + std::to_string(i) + "\"";
    const std::vector<Case> cases{
        {R"("keep":{"last":1})", "prune.database: missing"},
        {R"("database":"d")", "prune.keep: missing"},
        {R"("database":"d","keep":{"last":-1})", "prune.keep.last: expected 0 to 10000"},
        {R"("database":"d","keep":{"yearly":10001})", "prune.keep.yearly: expected 0 to 10000"},
        {R"("database":"d","keep":{"withinSeconds":0})", "prune.keep.withinSeconds: expected 1 s to 100 years"},
        {R"("database":"d","keep":{"withinSeconds":9223372036854775807})",
         "prune.keep.withinSeconds: expected 1 s to 100 years"},
        {R"("database":"d","keep":{"minimumChains":0})", "prune.keep.minimumChains: expected 1 or more"},
        {R"("database":"d","keep":{"timeZone":""})", "prune.keep.timeZone: expected a name of 1 to 64 characters"},
        {R"("database":"d","keep":{"hourly":1})", "prune.keep.hourly: unknown field"},
        {R"("database":"d","keep":{},"chains":[)" + many + "]", "prune.chains: more than 16"},
        {R"("database":"d","keep":{},"chains":[""])", "prune.chains: expected names of chains"},
    };
    for (const auto& c : cases) {
        const auto parsed = parse_run_spec(
            R"({"schemaVersion":2,"run":{"uid":"u","attempt":1,"namespace":"db","schedule":"s"},"command":"Prune",)"
            R"("source":{"name":"p"},"storage":{"path":"/b"},"prune":{)" +
            c.prune + "}}");
        EXPECT_EQ(parsed ? "" : parsed.error().message, "RunSpec: " + c.message) << c.prune;
    }
}

TEST(RunSpec, RefusesVerificationWithNothingToVerifyWith) {
    auto spec = example();
    spec.tls->directory.clear();
    EXPECT_TRUE(parse_run_spec(to_json(spec))) << "further trusted certificates are enough";
    spec.tls->trust.clear();
    EXPECT_FALSE(parse_run_spec(to_json(spec)));
    spec.tls->verification = TlsVerification::kNone;
    EXPECT_TRUE(parse_run_spec(to_json(spec)));
}

TEST(RunSpec, LimitsItsSize) {
    EXPECT_FALSE(parse_run_spec(std::string(kMaxRunSpecBytes + 1, ' ')));
}

TEST(StorageName, KeepsPathsOut) {
    for (const char* good : {"a", "graph.db", "prod-1_x"}) EXPECT_TRUE(is_storage_name(good)) << good;
    for (const char* bad : {"", ".", "..", ".x", "a/b", "a b", "\xff"}) EXPECT_FALSE(is_storage_name(bad)) << bad;
    EXPECT_FALSE(is_storage_name(std::string(129, 'a')));
}

}  // namespace
}  // namespace n4b::contract
