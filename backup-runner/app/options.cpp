#include "backup-runner/app/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>

#include "backup-runner/app/output.hpp"
#include "backup-runner/app/storage_flags.hpp"
#include "backup-runner/app/version.hpp"
#include "common/base/check.hpp"
#include "common/base/notice.hpp"
#include "common/base/quantity.hpp"
#include "common/contract/exit_code.hpp"

namespace n4b::runner {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using contract::RunSpec;

constexpr std::uint16_t kBackupPort = 6362;

tl::unexpected<base::Error> bad(std::string message) {
    return base::fail(ErrorCode::kInvalid, Reason::kInvalidRunSpec, std::move(message));
}

/// HOST[:PORT] with [IPv6] in brackets.
Result<contract::Endpoint> parse_endpoint(const std::string& text) {
    std::string host = text;
    std::string port;
    const auto bracket = text.find(']');
    const auto colon = text.rfind(':');
    if (text.starts_with('[') && bracket != std::string::npos) {
        host = text.substr(1, bracket - 1);
        if (bracket + 1 < text.size()) {
            if (text[bracket + 1] != ':') return bad(fmt::format("--from: \"{}\" is not HOST:PORT", text));
            port = text.substr(bracket + 2);
        }
    } else if (colon != std::string::npos) {
        if (text.find(':') != colon) return bad(fmt::format("--from: write \"{}\" as [ADDRESS]:PORT", text));
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
    }
    std::uint16_t number = kBackupPort;
    const bool has_port = colon != std::string::npos && host != text;
    if (has_port && (bracket == std::string::npos || bracket + 1 < text.size())) {
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
        if (error != std::errc() || end != port.data() + port.size() || number == 0) {
            return bad(fmt::format("--from: \"{}\" is not a port", port));
        }
    }
    if (host.empty()) return bad(fmt::format("--from: \"{}\" has no host", text));
    return contract::Endpoint{.host = host, .port = number};
}

std::string random_uid() {
    std::random_device device;
    return fmt::format("{:08x}{:08x}", device(), device());
}

Result<RunSpec> read_spec(const std::string& path) {
    std::ifstream file(path);
    if (!file) return bad(fmt::format("--spec: cannot read {}", path));
    std::string text(contract::kMaxRunSpecBytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    return contract::parse_run_spec(text);
}

Result<Options> by_command(RunSpec spec) {
    switch (spec.command) {
        case contract::Command::kBackup:
            return BackupOptions{std::move(spec)};
        case contract::Command::kLookUp:
            return LookUpOptions{std::move(spec)};
        case contract::Command::kProbe:
            return ProbeOptions{.spec = std::move(spec)};
        case contract::Command::kCheckStorage:
            return CheckStorageRunOptions{std::move(spec)};
    }
    return BackupOptions{std::move(spec)};
}

/// What a flag holds must be there and be a name that can stand in the storage.
Result<void> check_name(const char* flag, const std::string& name) {
    if (name.empty()) return bad(fmt::format("{} is required", flag));
    if (contract::is_storage_name(name)) return {};
    return bad(fmt::format("{}: \"{}\" is not a name of 1 to 128 letters, digits, '.', '_' and '-'", flag, name));
}

/// The flags that say which servers are spoken to, and how.
struct SourceFlags {
    std::vector<std::string> from{};
    contract::TlsSpec tls{};
    std::string verification{};
};

/// Returns --from.
CLI::Option* add_source_flags(CLI::App& command, SourceFlags& flags) {
    command.add_option(
        "--tls", flags.tls.directory,
        "Speak TLS with what lies in this directory: private.key, public.crt, trusted/ and revoked/ as in "
        "Neo4j's policy directory, or trusted.* and revoked.*, or tls.key, tls.crt, ca.crt; passphrase");
    command.add_option("--tls-trust", flags.tls.trust, "A file of more trusted certificates; may be repeated")
        ->allow_extra_args(false);
    command
        .add_option("--tls-verification", flags.verification,
                    "full (default): the server's certificate is trusted and bears its name; chain: it is trusted; "
                    "none: any will do")
        ->check(CLI::IsMember({"full", "chain", "none"}));
    command.add_option("--tls-server-name", flags.tls.server_name, "The name to expect in place of the host of --from");
    return command.add_option("--from", flags.from, "Servers, in order of preference: HOST[:PORT],...")->delimiter(',');
}

/// Any TLS flag asks for TLS: a forgotten --tls must not end in clear text.
std::optional<contract::TlsSpec> tls_from_flags(SourceFlags flags) {
    if (flags.tls == contract::TlsSpec{} && flags.verification.empty()) return std::nullopt;
    if (flags.verification == "chain") flags.tls.verification = contract::TlsVerification::kChain;
    if (flags.verification == "none") flags.tls.verification = contract::TlsVerification::kNone;
    return std::move(flags.tls);
}

/// Fills in what the flags say of the source. Through the JSON form, so that flags are held to the same rules as a
/// RunSpec.
Result<RunSpec> spec_from_flags(RunSpec spec, const SourceFlags& flags) {
    for (const auto& text : flags.from) {
        N4B_TRY(auto endpoint, parse_endpoint(text));
        spec.endpoints.push_back(std::move(endpoint));
    }
    spec.tls = tls_from_flags(flags);
    spec.run.uid = random_uid();
    return contract::parse_run_spec(contract::to_json(spec));
}

struct BackupFlags {
    SourceFlags source{};
    RunSpec spec{};
    std::string spec_file{};
    std::string compression = "zstd";
    std::string policy = "PreferReplica";
    std::string bandwidth = "0";
    StorageFlags storage{.directory_flag = "--to"};
};

CLI::App* add_backup(CLI::App& app, BackupFlags& flags) {
    auto* backup = app.add_subcommand("backup", "Make a full backup of one database");
    auto* from = add_source_flags(*backup, flags.source);
    backup->add_option("--source", flags.spec.source,
                       "Name of the database cluster in the storage; stays when hosts change");
    backup->add_option("--database", flags.spec.database, "Name of the database in the storage, e.g. graph.db");
    add_storage_flags(*backup, flags.storage);
    backup->add_flag("--init", flags.spec.initialize,
                     "Make the place a repository first, where it is empty; a directory is made where it is missing");
    backup->add_option("--compression", flags.compression, "none or zstd")->check(CLI::IsMember({"none", "zstd"}));
    backup->add_option("--connections", flags.spec.connections, "Connections side by side, 1 to 8");
    backup->add_option("--policy", flags.policy, "ReplicaOnly, PreferReplica or Any: which members may be copied from")
        ->check(CLI::IsMember({"ReplicaOnly", "PreferReplica", "Any"}));
    backup->add_option("--max-lag", flags.spec.max_lag,
                       "Transactions that a source may be behind the newest known member");
    backup->add_option("--bandwidth-limit", flags.bandwidth, "Bytes per second over all connections, such as 100Mi");
    backup->add_option("--spec", flags.spec_file, "A RunSpec file in place of all other flags")->excludes(from);
    return backup;
}

Result<Options> backup_options(const CLI::App& command, BackupFlags flags) {
    if (!flags.spec_file.empty()) {
        N4B_TRY(auto read, read_spec(flags.spec_file));
        return by_command(std::move(read));
    }
    auto& spec = flags.spec;
    spec.policy = contract::parse_source_policy(flags.policy).value_or(spec.policy);
    const auto limit = base::parse_quantity(flags.bandwidth);
    if (!limit) return bad("--bandwidth-limit: " + limit.error().message);
    spec.bandwidth_limit = *limit;
    spec.compression = flags.compression == "zstd" ? contract::Compression::kZstd : contract::Compression::kNone;
    if (flags.source.from.empty()) return bad("--from is required (or --spec FILE)");
    N4B_TRY(const auto store, choice_of(command, flags.storage));
    name_store(store, spec);
    N4B_TRY_VOID(check_name("--source", spec.source));
    N4B_TRY_VOID(check_name("--database", spec.database));
    N4B_TRY(auto made, spec_from_flags(std::move(spec), flags.source));
    return BackupOptions{std::move(made)};
}

CLI::App* add_probe(CLI::App& app, SourceFlags& flags, std::string& output) {
    auto* probe = app.add_subcommand(
        "probe",
        "Ask every server for its role, its lag, its store id and what protects the connection; changes nothing");
    add_source_flags(*probe, flags)->required();
    probe->add_option("--output", output, "table or json (a line for each server)")
        ->check(CLI::IsMember({"table", "json"}));
    return probe;
}

Result<Options> probe_options(const SourceFlags& flags, const std::string& output) {
    RunSpec spec;
    spec.command = contract::Command::kProbe;
    N4B_TRY(auto made, spec_from_flags(std::move(spec), flags));
    return ProbeOptions{.spec = std::move(made), .output = output == "json" ? ProbeOutput::kJson : ProbeOutput::kTable};
}

CLI::App* add_restore(CLI::App& app, RestoreOptions& options, StorageFlags& storage, std::string& owner) {
    auto* restore = app.add_subcommand("restore", "Write a plain database directory");
    add_storage_flags(*restore, storage);
    restore->add_option("--source", options.source, "Source")->required();
    restore->add_option("--database", options.database, "Database")->required();
    restore->add_option("--chain", options.chain, "Chain; else the one that reaches the highest transaction");
    restore->add_option("--to", options.target, "An empty or missing directory")->required();
    restore->add_option("--tx-log-to", options.log_target,
                        "An empty or missing directory for the transaction log, where the server has "
                        "dbms.directories.tx_log; else it goes into the directory of --to");
    restore->add_option("--owner", owner,
                        "UID:GID whose all files shall be, in numbers: those the server runs with; needs root");
    return restore;
}

/// UID:GID. In numbers, since names mean something else in the server's container.
Result<storage::Owner> parse_owner(const std::string& text) {
    storage::Owner owner;
    const auto* const end = text.data() + text.size();
    const auto user = std::from_chars(text.data(), end, owner.user);
    const bool has_group = user.ec == std::errc() && user.ptr != end && *user.ptr == ':';
    const auto group = std::from_chars(has_group ? user.ptr + 1 : end, end, owner.group);
    constexpr std::uint32_t kUnchanged = UINT32_MAX;  // What chown() takes for: leave it.
    if (has_group && group.ec == std::errc() && group.ptr == end && owner.user != kUnchanged &&
        owner.group != kUnchanged) {
        return owner;
    }
    return bad(fmt::format("--owner: found \"{}\", expected UID:GID in numbers, such as 7474:7474", text));
}

/// What CLI11 calls an error: help and version as well as mistakes.
Result<Options> answer(const CLI::App& app, const CLI::ParseError& error) {
    std::ostringstream asked_for;
    std::ostringstream mistake;
    const int code = app.exit(error, asked_for, mistake);
    Output output;
    output.print("{}", asked_for.str());
    base::notice(mistake.str());
    N4B_TRY_VOID(output.check());
    return Exit{code == 0 ? 0 : static_cast<int>(contract::ExitCode::kBadInput)};
}

struct CheckStorageFlags {
    StorageFlags storage{};
    int timeout_seconds = 60;
    std::string output = "text";
};

CLI::App* add_check_storage(CLI::App& app, CheckStorageFlags& flags) {
    auto* check = app.add_subcommand(
        "check-storage",
        "Write, read, list and delete an object, and tell what the storage can do; leaves nothing behind");
    add_storage_flags(*check, flags.storage);
    check->add_option("--timeout", flags.timeout_seconds, "Seconds for all of it")->check(CLI::Range(1, 3600));
    check->add_option("--output", flags.output, "text or json")->check(CLI::IsMember({"text", "json"}));
    return check;
}

Result<Options> check_storage_options(const CLI::App& command, const CheckStorageFlags& flags) {
    N4B_TRY(auto store, choice_of(command, flags.storage));
    return CheckStorageOptions{.store = std::move(store),
                               .timeout = std::chrono::seconds(flags.timeout_seconds),
                               .json = flags.output == "json"};
}

}  // namespace

Result<Options> parse_options(int argc, char** argv) {
    const char* inherited = std::getenv(contract::kRunSpecVariable);
    if (argc == 1 && inherited != nullptr) {
        N4B_TRY(auto spec, contract::parse_run_spec(inherited));
        return by_command(std::move(spec));
    }
    CLI::App app("Copies Neo4j databases over the catchup protocol, and lists, verifies and restores the copies.");
    app.set_version_flag("--version", kVersion);
    app.require_subcommand(1);

    BackupFlags backup;
    const auto* backup_command = add_backup(app, backup);
    SourceFlags probed;
    std::string probe_output = "table";
    const auto* probe_command = add_probe(app, probed, probe_output);

    CheckStorageFlags checked;
    const auto* check_storage_command = add_check_storage(app, checked);

    InitOptions init;
    StorageFlags init_storage;
    auto* init_command =
        app.add_subcommand("init", "Make an empty place a repository, once; a backup goes to no other place");
    add_storage_flags(*init_command, init_storage, "Directory on a mounted volume; made where it is missing");
    init_command->add_flag("--adopt", init.adopt, "The place holds backups that were copied from another repository");

    ReleaseOptions released;
    StorageFlags released_storage;
    auto* release_command = app.add_subcommand(
        "release", "Give up whose a source's name is, so that the next backup under it claims it; backups stay");
    add_storage_flags(*release_command, released_storage);
    release_command->add_option("--source", released.source, "Source")->required();

    ListOptions list;
    StorageFlags list_storage;
    std::string output = "table";
    auto* list_command = app.add_subcommand("list", "List the backups of a repository");
    add_storage_flags(*list_command, list_storage);
    list_command->add_option("--output", output, "table or json")->check(CLI::IsMember({"table", "json"}));

    VerifyOptions verify;
    StorageFlags verify_storage;
    auto* verify_command = app.add_subcommand("verify", "Check every digest");
    add_storage_flags(*verify_command, verify_storage);
    verify_command->add_option("--source", verify.source, "Only this source");
    verify_command->add_option("--chain", verify.chain, "Only this chain");

    RestoreOptions restore;
    std::string owner;
    StorageFlags restore_storage;
    const auto* restore_command = add_restore(app, restore, restore_storage, owner);

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return answer(app, error);
    }
    if (backup_command->parsed()) return backup_options(*backup_command, std::move(backup));
    if (probe_command->parsed()) return probe_options(probed, probe_output);
    if (check_storage_command->parsed()) return check_storage_options(*check_storage_command, checked);
    if (init_command->parsed()) {
        N4B_TRY(init.store, choice_of(*init_command, init_storage));
        return init;
    }
    if (release_command->parsed()) {
        N4B_TRY(released.store, choice_of(*release_command, released_storage));
        N4B_TRY_VOID(check_name("--source", released.source));
        return released;
    }
    list.json = output == "json";
    if (list_command->parsed()) {
        N4B_TRY(list.store, choice_of(*list_command, list_storage));
        return list;
    }
    if (verify_command->parsed()) {
        N4B_TRY(verify.store, choice_of(*verify_command, verify_storage));
        return verify;
    }
    N4B_CHECK(restore_command->parsed(), "a subcommand without options");
    N4B_TRY(restore.store, choice_of(*restore_command, restore_storage));
    N4B_TRY_VOID(check_name("--source", restore.source));
    N4B_TRY_VOID(check_name("--database", restore.database));
    if (!owner.empty()) {
        N4B_TRY(restore.owner, parse_owner(owner));
    }
    return restore;
}

}  // namespace n4b::runner
