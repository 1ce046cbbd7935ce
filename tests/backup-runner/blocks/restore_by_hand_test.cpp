#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "backup-runner/blocks/artifact_reader.hpp"
#include "backup-runner/blocks/artifact_writer.hpp"
#include "backup-runner/format/head_trailer.hpp"
#include "tests/support/content_collector.hpp"
#include "tests/support/example_head.hpp"

// Runs the script of docs/restore-by-hand.md on a volume, as its reader would, and compares by cmp.
namespace n4b::blocks {
namespace {

namespace fs = std::filesystem;
using testing::ContentCollector;
using Bytes = std::vector<std::byte>;

Bytes noise(std::size_t size) {
    static std::mt19937_64 random(4);
    Bytes bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random() % 50);
    return bytes;
}

void write_file(const fs::path& path, const Bytes& bytes) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary | std::ios::app)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

class RestoreByHand : public ::testing::TestWithParam<format::Encoding> {
protected:
    void SetUp() override {
        std::string name = fs::temp_directory_path() / "n4b-by-hand-XXXXXX";
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        root_ = name;
        fs::create_directory(root_ / "storage");
        store_ = object_store::open_volume_store(root_ / "storage").value();
        std::ifstream page(N4B_RESTORE_BY_HAND);
        std::stringstream text;
        text << page.rdbuf();
        const auto begin = text.str().find("```bash\n") + 8;
        std::ofstream(root_ / "restore.sh") << text.str().substr(begin, text.str().find("```", begin) - begin);
    }
    void TearDown() override { fs::remove_all(root_); }

    /// Stores an artifact and its head; adds what its reader makes of it to the expected directory. The head's name.
    std::string add(format::Head head, const std::vector<std::pair<std::string, Bytes>>& files, const Bytes& log) {
        head.encodings = {GetParam() == format::Encoding::kNone ? "none" : "zstd"};
        const auto prefix = layout_.blocks(head.name);
        const WriterOptions options{.block_bytes = 1024 * 1024, .blocks = 2, .streams = 1, .encoding = GetParam()};
        {
            const auto writer = ArtifactWriter::create(*store_, prefix, options, {}).value();
            const auto stream = writer->open_stream().value();
            for (const auto& [path, bytes] : files) {
                EXPECT_TRUE(stream->open(path) && stream->write(std::span(bytes).first(bytes.size() / 2)) &&
                            stream->abandon());
                EXPECT_TRUE(stream->open(path) && stream->write(bytes) && stream->done() && stream->flush());
            }
            const auto logs = writer->open_log().value();
            EXPECT_TRUE(logs->open(std::nullopt) && logs->write(log) && logs->done() && logs->flush());
            const auto totals = writer->finish().value();
            head.counts = totals.counts;
            head.index = totals.index;
        }
        const auto text = format::print_head(head).value();
        EXPECT_TRUE(store_->create(layout_.head(format::name_of(head)), std::as_bytes(std::span(text)), {}));
        expect(head, prefix);
        return format::to_string(format::name_of(head));
    }

    void expect(const format::Head& head, const std::string& prefix) {
        ContentCollector collector;
        const auto read = ArtifactReader({.store = *store_, .prefix = prefix, .head = head}).read_all(collector, {});
        ASSERT_TRUE(read) << read.error().message;
        for (const auto& [path, bytes] : collector.files()) {
            const bool log = path == ContentCollector::kLog;
            auto name = log ? std::string("neostore.transaction.db.0") : path;
            std::replace(name.begin(), name.end(), '\\', '/');
            if (log && head.name.sequence == 0) write_file(root_ / "expected" / name, {std::byte{0}, std::byte{0xff}});
            write_file(root_ / "expected" / name, bytes);
        }
    }

    int restore(const std::string& heads) const {
        const auto command = "cd " + root_.string() +
                             " && rm -rf target && bash restore.sh storage/prod/graph.db target " + heads +
                             " 2> errors";
        return std::system(command.c_str());
    }
    [[nodiscard]] int compare() const {
        const auto command = "cd " + root_.string() +
                             "/expected && find . -type f -exec cmp {} ../target/{} ';' > ../differences 2>&1 && "
                             "test ! -s ../differences && diff -rq . ../target";
        return std::system(command.c_str());
    }
    [[nodiscard]] std::string errors() const {
        std::stringstream text;
        text << std::ifstream(root_ / "errors").rdbuf();
        return text.str();
    }

    /// A full and an increment; "<full> <increment>".
    std::string make_chain() {
        auto full = testing::example_head();
        full.supersedes.clear();
        const auto first = add(full,
                               {{"neostore.nodestore.db", noise(3'000'000)},
                                {"empty", {}},
                                {"index\\lucene/ä \"b\" 'c' $x/1", noise(4'096)},
                                {"neostore", noise(8'192)}},
                               noise(1'500'000));
        auto increment = testing::example_head();
        increment.name.sequence = 1;
        increment.name.kind = "incr";
        increment.name.run.uid = "0";
        increment.name.run.writer = "w3f9c21";
        increment.supersedes.clear();
        increment.neostore_patches = {{.offset = 13, .hex = "00000000000000ff"}, {.offset = 100, .hex = "aa"}};
        const auto text = format::print_head(read_head(first)).value();
        increment.parent = format::Parent{.name = first, .sha256 = format::hex_sha256(text)};
        const auto second = add(increment, {}, noise(10));
        std::fstream neostore(root_ / "expected" / "neostore", std::ios::in | std::ios::out | std::ios::binary);
        neostore.seekp(13);
        neostore.write("\0\0\0\0\0\0\0\xff", 8);
        neostore.seekp(100);
        neostore.write("\xaa", 1);
        return first + " " + second;
    }
    format::Head read_head(const std::string& name) {
        std::string text(format::kMaxHeadBytes, '\0');
        text.resize(store_->get(layout_.heads() + name, 0, std::as_writable_bytes(std::span(text)), {}).value());
        return format::parse_head(text, format::parse_head_name(name).value()).value();
    }

    fs::path root_{};
    std::unique_ptr<object_store::ObjectStore> store_{};
    const format::Layout layout_ = format::Layout::create("prod", "graph.db").value();
};

TEST_P(RestoreByHand, GivesWhatTheReaderGives) {
    const auto heads = make_chain();
    EXPECT_EQ(restore(heads), 0) << errors();
    EXPECT_EQ(errors(), "");
    EXPECT_EQ(compare(), 0);
}

TEST_P(RestoreByHand, StopsAtWhatIsDamagedOrMissing) {
    const auto heads = make_chain();
    const auto space = heads.find(' ');
    EXPECT_NE(restore(heads.substr(space + 1)), 0) << "an increment alone";
    std::vector<fs::path> all;
    for (const auto& entry : fs::recursive_directory_iterator(root_ / "storage")) {
        if (entry.is_regular_file()) all.push_back(entry.path());
    }
    EXPECT_GE(all.size(), 6U);
    for (const auto& path : all) {
        const auto size = static_cast<std::streamoff>(fs::file_size(path));
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        const auto flip = [&] {
            file.seekg(size / 2);
            const char c = static_cast<char>(file.get());
            file.seekp(size / 2);
            file.put(static_cast<char>(c ^ 1)).flush();
        };
        flip();
        EXPECT_NE(restore(heads), 0) << path;
        flip();
    }
    EXPECT_EQ(restore(heads), 0) << errors();
}

INSTANTIATE_TEST_SUITE_P(Encodings, RestoreByHand, ::testing::Values(format::Encoding::kNone, format::Encoding::kZstd));

}  // namespace
}  // namespace n4b::blocks
