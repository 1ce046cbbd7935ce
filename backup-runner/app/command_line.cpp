#include "backup-runner/app/command_line.hpp"

#include "backup-runner/app/version.hpp"

namespace n4b::runner {
namespace {

constexpr char kTlsGroup[] = "TLS";
constexpr char kOutputGroup[] = "Output";
constexpr char kDuration[] = "DURATION";
constexpr char kName[] = "NAME";
constexpr char kDirectory[] = "DIR";

void add_deadline(CLI::App& command, CommonFlags& flags) {
    command
        .add_option("--deadline", flags.deadline, "End within this time, such as 90s, 10m or 1h30m, whatever happens")
        ->type_name(kDuration);
}

void add_place(CLI::App& command, StorageFlags& flags,
               const std::string& directory_help = "Directory of the repository, on a mounted volume") {
    add_storage_flags(command, flags, directory_help);
    command.get_option(flags.directory_flag)->type_name(kDirectory);
}

/// `form`: the one for people.
void add_common_flags(CLI::App& command, CommonFlags& flags, const std::string& form) {
    flags.output = form;
    command.add_option("--output", flags.output, form + " for people, json for programs")
        ->check(CLI::IsMember({form, std::string("json")}))
        ->capture_default_str();
    auto* quiet =
        command.add_flag("-q,--quiet", flags.quiet,
                         "Say nothing but errors; what was asked for, a list or JSON, is printed all the same");
    command.add_flag("-v,--verbose", flags.verbose, "Say each request, each retry, and which server was passed over")
        ->excludes(quiet)
        ->group(kOutputGroup);
    quiet->group(kOutputGroup);
}

/// Returns --from.
CLI::Option* add_source_flags(CLI::App& command, SourceFlags& flags) {
    auto* from = command.add_option("--from", flags.from, "Servers, in order of preference")
                     ->delimiter(',')
                     ->type_name("HOST[:PORT],...");
    command
        .add_option("--connect-timeout", flags.connect_timeout,
                    "How long a server may take to accept a connection; a refused one is tried again so long")
        ->type_name(kDuration)
        ->capture_default_str();
    command
        .add_option("--tls", flags.tls.directory,
                    "Speak TLS with what lies in this directory: private.key, public.crt, trusted/ and revoked/ as in "
                    "Neo4j's policy directory, or trusted.* and revoked.*, or tls.key, tls.crt, ca.crt; passphrase")
        ->type_name(kDirectory)
        ->group(kTlsGroup);
    command.add_option("--tls-trust", flags.tls.trust, "A file of more trusted certificates; may be repeated")
        ->allow_extra_args(false)
        ->type_name("FILE")
        ->group(kTlsGroup);
    command
        .add_option("--tls-verification", flags.verification,
                    "full, unless given: the server's certificate is trusted and bears its name; chain: it is trusted; "
                    "none: any will do")
        ->check(CLI::IsMember({"full", "chain", "none"}))
        ->group(kTlsGroup);
    command.add_option("--tls-server-name", flags.tls.server_name, "The name to expect in place of the host of --from")
        ->type_name(kName)
        ->group(kTlsGroup);
    return from;
}

}  // namespace

CommandLine::CommandLine()
    : app("Copies Neo4j databases over the catchup protocol, and lists, verifies and restores the copies.",
          "neo4j-backup-runner") {
    app.set_version_flag("--version", kVersion, "Print the version and end");
    app.require_subcommand(1);
    // No group: it is shown nowhere. `make reference` uses it.
    app.add_option("--print-reference", reference)->check(CLI::IsMember({"man", "markdown"}))->group("");
    add_init();
    add_release();
    add_backup();
    add_look(list, "list", "List the backups of a repository");
    add_verify();
    add_restore();
    add_prune();
    add_hold();
    add_probe();
    add_check_storage();
}

void CommandLine::add_backup() {
    auto& command = *app.add_subcommand("backup", "Back up one database, in full or what is new");
    backup.command = &command;
    auto& spec = backup.spec;
    add_source_flags(command, backup.source);
    command.add_option("--source", spec.source, "Name of the database cluster in the storage; stays when hosts change")
        ->type_name(kName);
    command.add_option("--database", spec.database, "Name of the database in the storage, e.g. graph.db")
        ->type_name(kName);
    add_place(command, backup.storage);
    command.add_flag("--init", spec.initialize,
                     "Make the place a repository first, where it is empty; a directory is made where it is missing");
    command
        .add_option(
            "--type", backup.type,
            "full: all of the database; incremental: what was committed since the last backup; auto: that where "
            "there is one to go on from, else full")
        ->check(CLI::IsMember({"full", "incremental", "auto"}))
        ->capture_default_str();
    command
        .add_option(
            "--on-incremental-impossible", backup.when_impossible,
            "What to do where the last backup can't be gone on from, such as when the source was set back or has "
            "thrown away what is needed: make a full one, or fail")
        ->check(CLI::IsMember({"full", "fail"}))
        ->capture_default_str();
    command
        .add_option("--max-chain-length", spec.max_chain_length,
                    "How many backups a chain may have, its full included, before the next one is a full; 1 to 4096")
        ->type_name("NUMBER")
        ->capture_default_str();
    command.add_option("--compression", backup.compression, "Of what is stored")
        ->check(CLI::IsMember({"none", "zstd"}))
        ->capture_default_str();
    command
        .add_option("--verify", backup.verify,
                    "What the backup must reach to count as done: a level as --level of verify tells them. Chain reads "
                    "the whole chain again with each increment")
        ->check(CLI::IsMember({"Written", "Checksum", "Chain"}))
        ->capture_default_str();
    command.add_option("--connections", spec.connections, "Connections side by side, 1 to 8")->capture_default_str();
    command.add_option("--policy", backup.policy, "Which members may be copied from")
        ->check(CLI::IsMember({"ReplicaOnly", "PreferReplica", "Any"}))
        ->capture_default_str();
    command
        .add_option("--max-lag", spec.max_lag,
                    "How many transactions a source may be behind the newest known member; any number unless given")
        ->type_name("NUMBER");
    command
        .add_option("--bandwidth-limit", backup.bandwidth,
                    "Bytes per second over all connections, such as 100Mi; none unless given")
        ->type_name("BYTES");
    command
        .add_option("--prepare-timeout", backup.prepare_timeout,
                    "How long a server may be silent before a copy, while it makes its check point")
        ->type_name(kDuration)
        ->capture_default_str();
    command
        .add_option("--stall-timeout", backup.stall_timeout,
                    "How long a server may be silent, or away, once its bytes have flowed")
        ->type_name(kDuration)
        ->capture_default_str();
    add_deadline(command, backup.common);
    command
        .add_option("--run-uid", spec.run.uid,
                    "Of the run this is an attempt of, 1 to 64 of 0-9, a-z and -; a new one unless given. What another "
                    "attempt of the same run has finished is taken for its own")
        ->type_name("UID");
    command.add_option("--attempt", spec.run.attempt, "The number of the attempt, with --run-uid")
        ->type_name("NUMBER")
        ->capture_default_str();
    command.add_flag("--dry-run", backup.dry_run,
                     "Ask the servers and look at the storage, and tell what a backup would do; copies and writes "
                     "nothing");
    command
        .add_option(
            "--spec", backup.spec_file,
            "A RunSpec file in place of all other flags but --dry-run and those of the output; the report is JSON "
            "unless --output text is given")
        ->type_name("FILE");
    add_common_flags(command, backup.common, "text");
}

void CommandLine::add_look(Look& look, const char* name, const char* description) {
    auto& command = *app.add_subcommand(name, description);
    look.command = &command;
    add_place(command, look.storage);
    command.add_option("--source", look.source, "Only backups of this source")->type_name(kName);
    command.add_option("--database", look.database, "Only backups of this database")->type_name(kName);
    command.add_option("--chain", look.chain, "Only this chain")->type_name(kName);
    add_deadline(command, look.common);
    add_common_flags(command, look.common, "table");
}

void CommandLine::add_verify() {
    add_look(verify, "verify", "Read backups whole and check every digest, or as far as --level says");
    verify.command
        ->add_option(
            "--level", verify.level,
            "Written: a listing shows all blocks. Checksum: every block is read and has its digest, every file "
            "can be restored. Chain: also the entries of every transaction, none of which is missing from the "
            "full to the end of the chain, sizes of store files, and neostore")
        ->check(CLI::IsMember({"Written", "Checksum", "Chain"}))
        ->capture_default_str();
}

void CommandLine::add_restore() {
    auto& command = *app.add_subcommand("restore", "Write a plain database directory");
    restore.command = &command;
    auto& options = restore.options;
    add_place(command, restore.storage);
    command.add_option("--source", options.wish.source, "Whose backup")->required()->type_name(kName);
    command.add_option("--database", options.wish.database, "Which database's backup")->required()->type_name(kName);
    command.add_option("--chain", options.wish.chain, "Which chain; else the one that reaches the highest transaction")
        ->type_name(kName);
    command
        .add_option(
            "--until-transaction", options.wish.until_transaction,
            "The last transaction to restore; all of the chain's unless given. None below the end of its full can "
            "be restored to")
        ->type_name("NUMBER");
    command
        .add_option(
            "--until", restore.until,
            "Restore to a time, such as 2026-11-27T09:30:00Z: to the last transaction before the first one that "
            "was committed later")
        ->type_name("TIME")
        ->excludes("--until-transaction");
    command.add_option("--to", options.target.directory, "An empty or missing directory")
        ->required()
        ->type_name(kDirectory);
    command
        .add_option("--tx-log-to", options.target.log_directory,
                    "An empty or missing directory for the transaction log, where the server has "
                    "dbms.directories.tx_log; else it goes into the directory of --to")
        ->type_name(kDirectory);
    command
        .add_option("--owner", restore.owner,
                    "Whose all files and directories shall be, in numbers: those the server runs with; needs root")
        ->type_name("UID:GID");
    command
        .add_option("--modes", restore.modes,
                    "Modes of all files and directories in octal; else 0640:0750 less the umask")
        ->type_name("FILES:DIRECTORIES");
    command.add_flag("--ignore-free-space", options.target.ignore_room,
                     "Begin even where there is less room than the backup has bytes: the file system compresses");
    command.add_flag("--dry-run", options.dry_run,
                     "Tell what would be restored, how much room there is and what stands in the way; writes nothing");
    add_deadline(command, restore.common);
    add_common_flags(command, restore.common, "text");
}

void CommandLine::add_init() {
    auto& command =
        *app.add_subcommand("init", "Make an empty place a repository, once; a backup goes to no other place");
    init.command = &command;
    add_place(command, init.storage, "Directory on a mounted volume; made where it is missing");
    command.add_flag("--adopt", init.adopt, "The place holds backups that were copied from another repository");
    add_deadline(command, init.common);
    add_common_flags(command, init.common, "text");
}

void CommandLine::add_release() {
    auto& command = *app.add_subcommand("release",
                                        "Remove the owner of a source's name, so that the next backup under that name "
                                        "becomes its owner; deletes no backup");
    release.command = &command;
    add_place(command, release.storage);
    command.add_option("--source", release.source, "The name that is to have no owner")->required()->type_name(kName);
    add_deadline(command, release.common);
    add_common_flags(command, release.common, "text");
}

void CommandLine::add_prune() {
    auto& command = *app.add_subcommand(
        "prune", "Remove the chains of backups that no rule keeps, and what unfinished backups left");
    prune.command = &command;
    add_place(command, prune.storage);
    command.add_option("--source", prune.source, "Whose backups")->required()->type_name(kName);
    command.add_option("--database", prune.database, "Which database's backups")->required()->type_name(kName);
    constexpr char kKeep[] = "What stays";
    const auto add_count = [&](const char* flag, int& count, const char* help) {
        command.add_option(flag, count, help)->type_name("NUMBER")->check(CLI::Range(0, 10'000))->group(kKeep);
    };
    add_count("--keep-last", prune.rules.last, "The newest chains");
    command
        .add_option("--keep-within", prune.within,
                    "Whatever is needed to restore to any time from so long before the newest backup on, such as 720h")
        ->type_name(kDuration)
        ->group(kKeep);
    add_count("--keep-daily", prune.rules.daily, "The newest chain of each of so many days that have one");
    add_count("--keep-weekly", prune.rules.weekly, "The same of weeks, which begin on Monday");
    add_count("--keep-monthly", prune.rules.monthly, "The same of months");
    add_count("--keep-yearly", prune.rules.yearly, "The same of years");
    command.add_option("--minimum-chains", prune.rules.minimum_chains, "Never fewer chains than that")
        ->type_name("NUMBER")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str()
        ->group(kKeep);
    command
        .add_option("--time-zone", prune.time_zone,
                    "When days begin: a name of the IANA database, such as Europe/Berlin")
        ->type_name(kName)
        ->capture_default_str()
        ->group(kKeep);
    command.add_flag("--dry-run", prune.dry_run, "Tell what would go and what stays, and why; removes nothing");
    add_deadline(command, prune.common);
    add_common_flags(command, prune.common, "table");
}

void CommandLine::add_hold() {
    auto& command = *app.add_subcommand("hold", "Keep a chain of backups from being removed, whatever the rules say");
    hold.command = &command;
    add_place(command, hold.storage);
    command.add_option("--source", hold.source, "Whose backups")->required()->type_name(kName);
    command.add_option("--database", hold.database, "Which database's backups")->required()->type_name(kName);
    command.add_option("--chain", hold.chain, "Which chain, as list names it")->required()->type_name(kName);
    command.add_option("--name", hold.name, "Of the hold; a chain may have several")->required()->type_name(kName);
    auto* until = command
                      .add_option("--until", hold.until,
                                  "When the hold ends, such as 2027-11-27T00:00:00Z; else with --release only")
                      ->type_name("TIME");
    command.add_flag("--release", hold.release, "Take the hold away")->excludes(until);
    add_deadline(command, hold.common);
    add_common_flags(command, hold.common, "text");
}

void CommandLine::add_probe() {
    auto& command = *app.add_subcommand(
        "probe",
        "Ask every server for its role, its lag, its store id and what protects the connection; changes nothing");
    probe.command = &command;
    add_source_flags(command, probe.source)->required();
    add_deadline(command, probe.common);
    add_common_flags(command, probe.common, "table");
}

void CommandLine::add_check_storage() {
    auto& command = *app.add_subcommand(
        "check-storage",
        "Write, read, list and delete an object, and tell what the storage can do; leaves nothing behind");
    check_storage.command = &command;
    add_place(command, check_storage.storage);
    command.add_option("--timeout", check_storage.timeout, "For all of it")
        ->type_name(kDuration)
        ->capture_default_str();
    add_common_flags(command, check_storage.common, "text");
}

}  // namespace n4b::runner
