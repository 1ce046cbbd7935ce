#include "backup-runner/app/reference.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "backup-runner/app/version.hpp"

namespace n4b::runner {
namespace {

/// CLI11's name for flags that were put into no group.
constexpr char kOwnGroup[] = "Options";

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<const CLI::Option*> flags_of(const CLI::App& command, const std::string& group) {
    return command.get_options(
        [&](const CLI::Option* option) { return option->get_group() == group && option != command.get_help_ptr(); });
}

/// Flags that several commands share.
struct Shared {
    std::string group{};
    std::vector<std::string> commands{};
    std::vector<const CLI::Option*> flags{};  ///< Each once, as the first command that has it declares it.
};

std::vector<Shared> shared_flags(const CLI::App& app) {
    std::vector<Shared> all;
    for (const auto* command : commands_of(app)) {
        for (const auto& group : command->get_groups()) {
            if (group == kOwnGroup || group.empty()) continue;
            auto found = std::find_if(all.begin(), all.end(), [&](const Shared& one) { return one.group == group; });
            if (found == all.end()) found = all.insert(all.end(), Shared{.group = group});
            found->commands.push_back(command->get_name());
            for (const auto* option : flags_of(*command, group)) {
                const bool known = std::any_of(found->flags.begin(), found->flags.end(), [&](const auto* flag) {
                    return flag->get_name() == option->get_name();
                });
                if (!known) found->flags.push_back(option);
            }
        }
    }
    return all;
}

/// What stands behind a flag: "zstd|none" where CLI11 says "TEXT:{zstd,none}"; empty: nothing does.
std::string value_of(const CLI::Option& option) {
    if (option.get_type_size() == 0) return "";
    auto type = option.get_type_name();
    const auto brace = type.find('{');
    if (brace == std::string::npos) return type;
    auto members = type.substr(brace + 1, type.find('}') - brace - 1);
    std::replace(members.begin(), members.end(), ',', '|');
    return members;
}

/// The description with what else there is to know, as a sentence.
std::string meaning_of(const CLI::Option& option) {
    auto text = option.get_description();
    if (option.get_required()) text += "; required";
    if (!option.get_default_str().empty()) text += fmt::format(" (unless given: {})", option.get_default_str());
    return text + ".";
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
        text += words[i];
    }
    return text;
}

std::string troff(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        if (c == '\\') {
            escaped += "\\e";
        } else if (c == '-') {
            escaped += "\\-";
        } else if (c == '\'') {
            escaped += "\\(aq";
        } else {
            escaped += c;
        }
    }
    // A control character only at the start of a line.
    if (escaped.starts_with('.')) escaped.insert(0, "\\&");
    return escaped;
}

std::string names_of(const CLI::Option& option) {
    auto names = option.get_name(false, true);
    std::string spaced;
    for (const char c : names) spaced += c == ',' ? std::string(", ") : std::string(1, c);
    return spaced;
}

std::string troff_flag(const CLI::Option& option) {
    const auto value = value_of(option);
    return fmt::format(".TP\n\\fB{}\\fR{}\n{}\n", troff(names_of(option)),
                       value.empty() ? "" : " \\fI" + troff(value) + "\\fR", troff(meaning_of(option)));
}

/// A '|' would end a table's cell.
std::string cell(std::string text) {
    for (auto at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) text.insert(at, "\\");
    return text;
}

std::string table_of(const std::vector<const CLI::Option*>& flags) {
    std::string text = "| flag | value | meaning |\n| --- | --- | --- |\n";
    for (const auto* option : flags) {
        const auto value = value_of(*option);
        text += fmt::format("| `{}` | {} | {} |\n", names_of(*option), value.empty() ? "" : "`" + cell(value) + "`",
                            cell(meaning_of(*option)));
    }
    return text;
}

}  // namespace

std::string man_page(const CLI::App& app) {
    auto page = fmt::format(
        ".\\\" Made from the declaration of the command line by `make reference`; edit that instead.\n"
        ".TH {} 1 \"\" \"{} {}\" \"\"\n.SH NAME\n{} \\- backups of Neo4j databases\n.SH SYNOPSIS\n"
        ".B {}\n.I COMMAND\n[\\fIFLAG\\fR]...\n.SH DESCRIPTION\n{}\n",
        "NEO4J\\-BACKUP\\-RUNNER", troff(app.get_name()), kVersion, troff(app.get_name()), troff(app.get_name()),
        troff(app.get_description()));
    page += ".SH COMMANDS\n";
    for (const auto* command : commands_of(app)) {
        page += fmt::format(".SS {}\n{}.\n", troff(command->get_name()), troff(command->get_description()));
        for (const auto* option : flags_of(*command, kOwnGroup)) page += troff_flag(*option);
    }
    for (const auto& shared : shared_flags(app)) {
        page += fmt::format(".SH \"FLAGS: {}\"\nOf {}.\n", troff(shared.group), troff(joined(shared.commands)));
        for (const auto* option : shared.flags) page += troff_flag(*option);
    }
    page +=
        ".SH EXIT STATUS\n0 done, 10 bad input, 20 worth another attempt, 30 another attempt would end alike,\n"
        "40 stored data is damaged, 50 cancelled.\n"
        ".SH ENVIRONMENT\n.TP\n.B N4B_RUN_SPEC\nA RunSpec (JSON), read where there are no flags at all.\n"
        ".TP\n.B AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN\nCredentials for a bucket, unless "
        "\\fB\\-\\-credentials\\-dir\\fR is given.\n"
        ".TP\n.B HTTPS_PROXY, NO_PROXY\nThe way to object storage.\n";
    return page;
}

std::string flag_tables(const CLI::App& app) {
    std::string text =
        "# Flags of neo4j-backup-runner\n\nMade from the declaration of the command line by `make reference`, as "
        "`--help` and the manual page\n([man/neo4j-backup-runner.1](man/neo4j-backup-runner.1)) are; edit that "
        "instead. What the commands do: [runner.md](runner.md).\n";
    const auto shared = shared_flags(app);
    for (const auto* command : commands_of(app)) {
        std::vector<std::string> others;
        for (const auto& one : shared) {
            const auto& names = one.commands;
            if (std::find(names.begin(), names.end(), command->get_name()) != names.end()) others.push_back(one.group);
        }
        text += fmt::format("\n## {}\n\n{}. Beside these it has the flags of {} below.\n\n{}", command->get_name(),
                            command->get_description(), joined(others), table_of(flags_of(*command, kOwnGroup)));
    }
    for (const auto& one : shared) {
        text += fmt::format("\n## {}\n\nOf {}.\n\n{}", one.group, joined(one.commands), table_of(one.flags));
    }
    return text;
}

}  // namespace n4b::runner
