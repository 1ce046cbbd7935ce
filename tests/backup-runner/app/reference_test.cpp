#include "backup-runner/app/reference.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "backup-runner/app/command_line.hpp"

namespace n4b::runner {
namespace {

std::string text_of(const std::string& path) {
    std::ifstream file(std::string(N4B_DOCS) + "/" + path);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Reference, OfTheDocumentsIsThatOfTheCommandLine) {
    const CommandLine line;
    EXPECT_TRUE(text_of("man/neo4j-backup-runner.1") == man_page(line.app)) << "run `make reference`";
    EXPECT_TRUE(text_of("runner-flags.md") == flag_tables(line.app)) << "run `make reference`";
}

TEST(Reference, ExplainsEveryFlagAndShowsNoHiddenOne) {
    const CommandLine line;
    for (const auto* command : line.app.get_subcommands([](const CLI::App*) { return true; })) {
        for (const auto* option : command->get_options()) {
            EXPECT_FALSE(option->get_description().empty()) << command->get_name() << " " << option->get_name();
        }
    }
    EXPECT_EQ(man_page(line.app).find("print\\-reference"), std::string::npos);
    EXPECT_EQ(flag_tables(line.app).find("print-reference"), std::string::npos);
}

}  // namespace
}  // namespace n4b::runner
