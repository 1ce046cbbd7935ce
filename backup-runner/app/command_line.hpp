#pragma once

// Heavy: includes CLI11. Only the sources that need the flags themselves include this header.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "backup-runner/app/options.hpp"
#include "backup-runner/app/storage_flags.hpp"
#include "common/contract/run_spec.hpp"

namespace n4b::runner {

/// The flags that say which servers are spoken to, and how.
struct SourceFlags {
    std::vector<std::string> from{};
    contract::TlsSpec tls{};
    std::string verification{};
    std::string connect_timeout = "10s";
};

/// The flags that every command has.
struct CommonFlags {
    std::string output{};    ///< "json", or the form for people.
    std::string deadline{};  ///< Empty: none.
    bool quiet = false;
    bool verbose = false;
};

/// The command line as it is declared: what --help, the manual page and docs/runner-flags.md tell is read from here,
/// and the flags stand here once it is parsed. Neither copied nor moved, since the parser points at them.
class CommandLine {
public:
    CommandLine();
    CommandLine(const CommandLine&) = delete;
    CommandLine& operator=(const CommandLine&) = delete;

    struct Backup {
        CLI::App* command = nullptr;
        CommonFlags common{};
        SourceFlags source{};
        StorageFlags storage{.directory_flag = "--to"};
        contract::RunSpec spec{};
        std::string spec_file{};
        std::string type = "full";
        std::string when_impossible = "full";
        std::string compression = "zstd";
        std::string verify = "Written";
        std::string policy = "PreferReplica";
        std::string bandwidth = "0";
        std::string prepare_timeout = "30m";
        std::string stall_timeout = "10m";
        bool dry_run = false;
    };
    struct Probe {
        CLI::App* command = nullptr;
        CommonFlags common{};
        SourceFlags source{};
    };
    struct CheckStorage {
        CLI::App* command = nullptr;
        CommonFlags common{};
        StorageFlags storage{};
        std::string timeout = "60s";
    };
    struct Init {
        CLI::App* command = nullptr;
        CommonFlags common{};
        StorageFlags storage{};
        bool adopt = false;
    };
    struct Release {
        CLI::App* command = nullptr;
        CommonFlags common{};
        StorageFlags storage{};
        std::string source{};
    };
    struct Look {
        CLI::App* command = nullptr;
        CommonFlags common{};
        StorageFlags storage{};
        std::string source{};
        std::string database{};
        std::string chain{};
        std::string level = "Checksum";  ///< Of verify.
    };
    struct Prune {
        CLI::App* command = nullptr;
        CommonFlags common{};
        StorageFlags storage{};
        std::string source{};
        std::string database{};
        retention::KeepRules rules{};
        std::string within{};
        std::string time_zone = "UTC";
        bool dry_run = false;
    };
    struct Hold {
        CLI::App* command = nullptr;
        CommonFlags common{};
        StorageFlags storage{};
        std::string source{};
        std::string database{};
        std::string chain{};
        std::string name{};
        std::string until{};
        bool release = false;
    };
    struct Restore {
        CLI::App* command = nullptr;
        CommonFlags common{};
        StorageFlags storage{};
        RestoreOptions options{};
        std::string until{};
        std::string owner{};
        std::string modes{};
    };

    CLI::App app;
    Backup backup{};
    Look list{};
    Look verify{};
    Restore restore{};
    Init init{};
    Release release{};
    Prune prune{};
    Hold hold{};
    Probe probe{};
    CheckStorage check_storage{};
    std::string reference{};  ///< "man" or "markdown": print that and end.

private:
    void add_backup();
    void add_verify();
    void add_look(Look& look, const char* name, const char* description);
    void add_restore();
    void add_init();
    void add_release();
    void add_prune();
    void add_hold();
    void add_probe();
    void add_check_storage();
};

}  // namespace n4b::runner
