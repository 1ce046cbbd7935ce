#include "backup-runner/app/options.hpp"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "backup-runner/app/command_line.hpp"
#include "backup-runner/app/flag_values.hpp"
#include "backup-runner/app/output.hpp"
#include "backup-runner/app/reference.hpp"
#include "common/base/check.hpp"
#include "common/base/hex.hpp"
#include "common/base/notice.hpp"
#include "common/base/quantity.hpp"
#include "common/contract/exit_code.hpp"

namespace n4b::runner {
namespace {

using base::Result;
using contract::RunSpec;

Result<RunSpec> read_spec(const std::string& path) {
    std::ifstream file(path);
    if (!file) return bad_flag(fmt::format("--spec: cannot read {}", path));
    std::string text(contract::kMaxRunSpecBytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    return contract::parse_run_spec(text);
}

Result<Options> by_command(RunSpec spec) {
    switch (spec.command) {
        case contract::Command::kBackup:
            return BackupOptions{.spec = std::move(spec)};
        case contract::Command::kLookUp:
            return LookUpOptions{std::move(spec)};
        case contract::Command::kProbe:
            return ProbeOptions{.spec = std::move(spec)};
        case contract::Command::kCheckStorage:
            return CheckStorageRunOptions{std::move(spec)};
        case contract::Command::kRestore:
            return RestoreRunOptions{std::move(spec)};
        case contract::Command::kPrune:
            return PruneRunOptions{std::move(spec)};
    }
    return BackupOptions{.spec = std::move(spec)};
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
Result<RunSpec> spec_from_flags(RunSpec spec, const SourceFlags& flags, const CommonFlags& common) {
    for (const auto& text : flags.from) {
        N4B_TRY(auto endpoint, parse_endpoint(text));
        spec.endpoints.push_back(std::move(endpoint));
    }
    spec.tls = tls_from_flags(flags);
    N4B_TRY(spec.timeouts.connect, parse_span("--connect-timeout", flags.connect_timeout));
    if (!common.deadline.empty()) {
        N4B_TRY(spec.duration, parse_span("--deadline", common.deadline));
    }
    if (spec.run.uid.empty()) spec.run.uid = base::random_digits();
    return contract::parse_run_spec(contract::to_json(spec));
}

/// What a RunSpec says comes from it alone, so that nobody believes a flag that nothing heeds.
Result<void> refuse_flags_beside_spec(const CLI::App& command) {
    for (const auto* flag : command.get_options()) {
        const auto name = flag->get_name();
        const bool heeded =
            name == "--spec" || name == "--dry-run" || name == "--output" || name == "--quiet" || name == "--verbose";
        if (flag->count() > 0 && !heeded) return bad_flag(name + ": found beside --spec, expected in the RunSpec");
    }
    return {};
}

BackupOutput backup_output(const std::string& form) {
    return form == "json" ? BackupOutput::kJson : BackupOutput::kText;
}

ProbeOutput probe_output(const std::string& form) {
    return form == "json" ? ProbeOutput::kJson : ProbeOutput::kTable;
}

Result<Options> options_of_spec(const CommandLine::Backup& flags) {
    N4B_TRY_VOID(refuse_flags_beside_spec(*flags.command));
    N4B_TRY(auto read, read_spec(flags.spec_file));
    N4B_TRY(auto options, by_command(std::move(read)));
    auto* backup = std::get_if<BackupOptions>(&options);
    auto* probe = std::get_if<ProbeOptions>(&options);
    if (flags.dry_run && backup == nullptr) {
        return bad_flag("--dry-run: found a RunSpec of another command, expected that of a backup");
    }
    if (backup != nullptr) backup->dry_run = flags.dry_run;
    if (flags.command->count("--output") == 0) return options;
    if (backup == nullptr && probe == nullptr) {
        return bad_flag("--output: found a RunSpec whose report is JSON always, expected that of a backup or a probe");
    }
    if (backup != nullptr) backup->output = backup_output(flags.common.output);
    if (probe != nullptr) probe->output = probe_output(flags.common.output);
    return options;
}

Result<Options> options_of(CommandLine::Backup& flags) {
    if (!flags.spec_file.empty()) return options_of_spec(flags);
    auto& spec = flags.spec;
    spec.policy = contract::parse_source_policy(flags.policy).value_or(spec.policy);
    const auto limit = base::parse_quantity(flags.bandwidth);
    if (!limit) return bad_flag("--bandwidth-limit: " + limit.error().message);
    spec.bandwidth_limit = *limit;
    if (flags.type != "full") {
        spec.type = flags.type == "auto" ? contract::BackupType::kAuto : contract::BackupType::kIncremental;
    }
    if (flags.when_impossible == "fail") spec.when_impossible = contract::WhenImpossible::kFail;
    spec.compression = flags.compression == "zstd" ? contract::Compression::kZstd : contract::Compression::kNone;
    spec.verify = contract::parse_verify_level(flags.verify).value_or(spec.verify);
    if (flags.source.from.empty()) return bad_flag("--from is required (or --spec FILE)");
    N4B_TRY(const auto store, choice_of(*flags.command, flags.storage));
    name_store(store, spec);
    N4B_TRY_VOID(check_name("--source", spec.source));
    N4B_TRY_VOID(check_name("--database", spec.database));
    N4B_TRY(spec.timeouts.prepare, parse_span("--prepare-timeout", flags.prepare_timeout));
    N4B_TRY(spec.timeouts.stall, parse_span("--stall-timeout", flags.stall_timeout));
    if (spec.run.uid.empty() && flags.command->count("--attempt") > 0) {
        return bad_flag("--attempt: found it alone, expected --run-uid as well");
    }
    N4B_TRY(auto made, spec_from_flags(std::move(spec), flags.source, flags.common));
    return BackupOptions{
        .spec = std::move(made), .output = backup_output(flags.common.output), .dry_run = flags.dry_run};
}

Result<Options> options_of(const CommandLine::Probe& flags) {
    RunSpec spec;
    spec.command = contract::Command::kProbe;
    N4B_TRY(auto made, spec_from_flags(std::move(spec), flags.source, flags.common));
    return ProbeOptions{.spec = std::move(made), .output = probe_output(flags.common.output)};
}

Result<base::Deadline> deadline_of(const CommonFlags& flags) {
    if (flags.deadline.empty()) return base::Deadline::never();
    return parse_span("--deadline", flags.deadline).map([](auto span) { return base::Deadline::after(span); });
}

Result<Options> options_of(const CommandLine::CheckStorage& flags) {
    N4B_TRY(auto store, choice_of(*flags.command, flags.storage));
    N4B_TRY(const auto timeout, parse_span("--timeout", flags.timeout));
    return CheckStorageOptions{.store = std::move(store), .timeout = timeout, .json = flags.common.output == "json"};
}

Result<Options> options_of(const CommandLine::Init& flags) {
    N4B_TRY(auto store, choice_of(*flags.command, flags.storage));
    N4B_TRY(const auto deadline, deadline_of(flags.common));
    return InitOptions{
        .store = std::move(store), .adopt = flags.adopt, .json = flags.common.output == "json", .deadline = deadline};
}

Result<Options> options_of(const CommandLine::Release& flags) {
    N4B_TRY(auto store, choice_of(*flags.command, flags.storage));
    N4B_TRY_VOID(check_name("--source", flags.source));
    N4B_TRY(const auto deadline, deadline_of(flags.common));
    return ReleaseOptions{
        .store = std::move(store), .source = flags.source, .json = flags.common.output == "json", .deadline = deadline};
}

/// Of list and of verify, which look at the same.
template <typename LookOptions>
Result<LookOptions> options_of_look(const CommandLine::Look& flags) {
    N4B_TRY(auto store, choice_of(*flags.command, flags.storage));
    N4B_TRY(const auto deadline, deadline_of(flags.common));
    if (!flags.source.empty()) N4B_TRY_VOID(check_name("--source", flags.source));
    if (!flags.database.empty()) N4B_TRY_VOID(check_name("--database", flags.database));
    LookOptions options;
    options.store = std::move(store);
    options.scope = {.source = flags.source, .database = flags.database, .chain = flags.chain};
    options.json = flags.common.output == "json";
    options.deadline = deadline;
    return options;
}

Result<Options> options_of_verify(const CommandLine::Look& flags) {
    N4B_TRY(auto options, options_of_look<VerifyOptions>(flags));
    options.level = contract::parse_verify_level(flags.level).value_or(options.level);
    return options;
}

Result<Options> options_of(const CommandLine::Prune& flags) {
    N4B_TRY(auto store, choice_of(*flags.command, flags.storage));
    N4B_TRY_VOID(check_name("--source", flags.source));
    N4B_TRY_VOID(check_name("--database", flags.database));
    auto rules = flags.rules;
    if (!flags.within.empty()) {
        N4B_TRY(const auto within, parse_span("--keep-within", flags.within));
        rules.within = std::chrono::ceil<std::chrono::seconds>(within);
    }
    if (!rules.any()) {
        return bad_flag(
            "found no rule that keeps anything, expected one of --keep-last, --keep-within, --keep-daily, "
            "--keep-weekly, --keep-monthly, --keep-yearly");
    }
    auto zone = calendar::TimeZone::find(flags.time_zone);
    if (!zone) return bad_flag("--time-zone: " + zone.error().message);
    N4B_TRY(const auto deadline, deadline_of(flags.common));
    return PruneOptions{.store = std::move(store),
                        .source = flags.source,
                        .database = flags.database,
                        .rules = rules,
                        .zone = *std::move(zone),
                        .dry_run = flags.dry_run,
                        .json = flags.common.output == "json",
                        .deadline = deadline};
}

Result<Options> options_of(const CommandLine::Hold& flags) {
    N4B_TRY(auto store, choice_of(*flags.command, flags.storage));
    N4B_TRY_VOID(check_name("--source", flags.source));
    N4B_TRY_VOID(check_name("--database", flags.database));
    N4B_TRY_VOID(check_name("--chain", flags.chain));
    N4B_TRY_VOID(check_name("--name", flags.name));
    std::optional<base::SystemTime> until;
    if (!flags.until.empty()) {
        N4B_TRY(until, parse_time("--until", flags.until));
    }
    N4B_TRY(const auto deadline, deadline_of(flags.common));
    return HoldOptions{.store = std::move(store),
                       .source = flags.source,
                       .database = flags.database,
                       .chain = flags.chain,
                       .name = flags.name,
                       .until = until,
                       .release = flags.release,
                       .json = flags.common.output == "json",
                       .deadline = deadline};
}

Result<Options> options_of(const CommandLine::Restore& flags) {
    auto options = flags.options;
    N4B_TRY(options.store, choice_of(*flags.command, flags.storage));
    auto& wish = options.wish;
    N4B_TRY_VOID(check_name("--source", wish.source));
    N4B_TRY_VOID(check_name("--database", wish.database));
    wish.asked_by = "--until-transaction";
    if (flags.command->count("--until") > 0) {
        wish.asked_by = "--until";
        N4B_TRY(wish.until, parse_time(wish.asked_by.c_str(), flags.until));
    }
    if (!flags.owner.empty()) {
        N4B_TRY(options.target.access.owner, parse_owner(flags.owner));
    }
    if (!flags.modes.empty()) {
        N4B_TRY(options.target.access.modes, parse_modes(flags.modes));
    }
    options.json = flags.common.output == "json";
    N4B_TRY(options.deadline, deadline_of(flags.common));
    return options;
}

void speak_as_asked(const CommonFlags& flags) {
    const auto loudness = flags.quiet     ? base::Loudness::kErrors
                          : flags.verbose ? base::Loudness::kEverything
                                          : base::Loudness::kUsual;
    base::set_notices(loudness, base::NoticeForm::kText);
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

Result<Options> print_reference(const CommandLine& line) {
    Output output;
    output.print("{}", line.reference == "man" ? man_page(line.app) : flag_tables(line.app));
    N4B_TRY_VOID(output.check());
    return Exit{0};
}

}  // namespace

Result<Options> parse_options(int argc, char** argv) {
    const char* inherited = std::getenv(contract::kRunSpecVariable);
    if (argc == 1 && inherited != nullptr) {
        base::set_notices(base::Loudness::kUsual, base::NoticeForm::kJson);
        N4B_TRY(auto spec, contract::parse_run_spec(inherited));
        return by_command(std::move(spec));
    }
    CommandLine line;
    // The generators of the reference name no command.
    if (argc > 1 && std::string_view(argv[1]).starts_with("--print-reference")) line.app.require_subcommand(0);
    try {
        line.app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return answer(line.app, error);
    }
    if (!line.reference.empty()) return print_reference(line);
    const auto chosen = [](const auto& flags) {
        if (flags.command->parsed()) speak_as_asked(flags.common);
        return flags.command->parsed();
    };
    if (chosen(line.backup)) return options_of(line.backup);
    if (chosen(line.probe)) return options_of(line.probe);
    if (chosen(line.check_storage)) return options_of(line.check_storage);
    if (chosen(line.init)) return options_of(line.init);
    if (chosen(line.release)) return options_of(line.release);
    if (chosen(line.list)) return options_of_look<ListOptions>(line.list);
    if (chosen(line.verify)) return options_of_verify(line.verify);
    if (chosen(line.prune)) return options_of(line.prune);
    if (chosen(line.hold)) return options_of(line.hold);
    N4B_CHECK(chosen(line.restore), "a subcommand without options");
    return options_of(line.restore);
}

}  // namespace n4b::runner
