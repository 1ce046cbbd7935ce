// How long a backup lets the source hold its checkpoint lock while it answers PREPARE, with a storage that is slow:
// 2,000 files of 4 KiB at 200 ms a PUT or an fsync, and 400 MB at 20 MB/s. The server is one in memory, so that nothing
// but our own waiting counts. Blocks and connections are those of a pod with the memory limit that stands in each line.
// prepare_lock
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>

#include "backup-runner/engine/backup.hpp"
#include "backup-runner/engine/budget.hpp"
#include "tests/support/fake_catchup_server.hpp"
#include "tests/support/memory_store.hpp"

namespace {

using namespace n4b;
using base::Result;
using std::chrono::milliseconds;

constexpr std::int64_t kMiB = 1024 * 1024;
constexpr milliseconds kSlow{200};

/// A volume whose every sync takes kSlow.
class SlowVolume final : public storage::Storage {
public:
    explicit SlowVolume(std::unique_ptr<storage::Storage> inner) : inner_(std::move(inner)) {}

    Result<void> make_directories(std::string_view key) override { return inner_->make_directories(key); }
    Result<std::unique_ptr<storage::Writer>> create(std::string_view key, storage::Caching caching) override {
        N4B_TRY(auto writer, inner_->create(key, caching));
        return std::make_unique<SlowWriter>(std::move(writer));
    }
    Result<std::unique_ptr<storage::Writer>> create_from(std::string_view key, std::string_view beginning,
                                                         std::int64_t bytes, storage::Caching caching) override {
        N4B_TRY(auto writer, inner_->create_from(key, beginning, bytes, caching));
        return std::make_unique<SlowWriter>(std::move(writer));
    }
    Result<void> publish(std::string_view from, std::string_view to) override {
        std::this_thread::sleep_for(kSlow);
        return inner_->publish(from, to);
    }
    Result<void> rename(std::string_view from, std::string_view to) override { return inner_->rename(from, to); }
    Result<void> replace(std::string_view from, std::string_view to) override {
        std::this_thread::sleep_for(kSlow);
        return inner_->replace(from, to);
    }
    Result<void> replace_directory(std::string_view from, std::string_view to) override {
        return inner_->replace_directory(from, to);
    }
    Result<void> sync_directory(std::string_view key) override {
        std::this_thread::sleep_for(kSlow);
        return inner_->sync_directory(key);
    }
    Result<void> list(std::string_view key, const std::function<bool(const storage::Entry&)>& take) override {
        return inner_->list(key, take);
    }
    Result<bool> exists(std::string_view key) override { return inner_->exists(key); }
    Result<void> remove(std::string_view key) override { return inner_->remove(key); }
    Result<bool> remove_directory(std::string_view key) override { return inner_->remove_directory(key); }

private:
    class SlowWriter final : public storage::Writer {
    public:
        explicit SlowWriter(std::unique_ptr<storage::Writer> inner) : inner_(std::move(inner)) {}
        Result<void> write(std::span<const std::byte> bytes) override { return inner_->write(bytes); }
        Result<std::int64_t> sync() override {
            std::this_thread::sleep_for(kSlow);
            return inner_->sync();
        }
        Result<void> finish() override {
            std::this_thread::sleep_for(kSlow);
            return inner_->finish();
        }

    private:
        std::unique_ptr<storage::Writer> inner_;
    };

    std::unique_ptr<storage::Storage> inner_;
};

/// What PREPARE is answered with.
struct Files {
    std::string_view name;
    int count;
    std::size_t bytes;
};

void fill(testing::FakeCatchupServer& server, const Files& files) {
    std::mt19937_64 random(1);
    for (int i = 0; i < files.count; ++i) {
        catchup::Bytes contents(files.bytes);
        // Nothing that a compressor could make smaller.
        for (std::size_t at = 0; at < contents.size(); ++at) contents[at] = static_cast<std::byte>(random());
        server.atomic_files[fmt::format("schema/index/lucene/1/{}", i)] = std::move(contents);
    }
}

/// One backup into the store, within the memory limit of a pod; prints a line.
bool measure(std::string_view what, const Files& files, object_store::ObjectStore& store, std::int64_t limit,
             engine::Demand demand) {
    testing::FakeCatchupServer server;
    fill(server, files);
    const auto budget = engine::fit(limit, demand);
    if (!budget) return false;
    contract::RunSpec spec;
    spec.run = {.uid = "run-1", .attempt = 1};
    spec.source = "prod";
    spec.database = "graph.db";
    spec.endpoints = {{.host = "10.0.0.1", .port = 6362}};
    spec.initialize = true;
    spec.connections = budget->connections;
    spec.compression = demand.compression;
    engine::ProgressCounters progress;
    const base::RealClock clock;
    std::uint32_t number = 0;
    const auto report = engine::back_up(spec,
                                        {.dialer = server,
                                         .store = store,
                                         .clock = clock,
                                         .random = [&] { return ++number; },
                                         .progress = progress,
                                         .buffers = budget->buffers,
                                         .version = "bench"},
                                        {});
    if (report.reason != base::Reason::kCompleted || !report.source || !report.source->checkpoint_lock) {
        fmt::print(stderr, "{}: {}\n", what, report.message);
        return false;
    }
    fmt::print("| {} | {} | {} | {} | {} x {} MiB | {:.2f} |\n", files.name, what,
               contract::to_string(demand.compression), limit / kMiB, budget->buffers.blocks,
               static_cast<std::int64_t>(budget->buffers.block) / kMiB,
               static_cast<double>(report.source->checkpoint_lock->count()) / 1000.0);
    return true;
}

bool measure_bucket(std::string_view what, const Files& files, testing::MemoryStore::Trouble trouble,
                    std::int64_t limit, const engine::Demand& demand) {
    testing::MemoryStore store(trouble);
    return measure(what, files, store, limit, demand);
}

bool measure_volume(const Files& files, std::int64_t limit, engine::Demand demand) {
    char pattern[] = "/tmp/n4b-prepare-lock-XXXXXX";
    const std::string root = ::mkdtemp(pattern);
    demand.to_bucket = false;
    bool done = false;
    if (auto volume = storage::open_volume(root)) {
        const auto store = object_store::volume_store(root, std::make_shared<SlowVolume>(std::move(*volume)));
        done = measure("200 ms an fsync", files, *store, limit, demand);
    }
    std::filesystem::remove_all(root);
    return done;
}

}  // namespace

int main() {
    constexpr auto kZstd = contract::Compression::kZstd;
    const Files small{.name = "2,000 files of 4 KiB", .count = 2'000, .bytes = 4'096};
    const Files large{.name = "400 MB", .count = 100, .bytes = 4'000'000};
    const testing::MemoryStore::Trouble slow_puts{.put_takes = kSlow};
    const testing::MemoryStore::Trouble slow_rate{.bytes_per_second = 20e6};
    fmt::print(
        "| PREPARE's answer | storage | compression | limit, MiB | blocks | checkpoint lock, s |\n| --- | --- | --- | "
        "--- | --- | --- |\n");
    bool done = true;
    for (const auto compression : {contract::Compression::kNone, kZstd}) {
        const engine::Demand two{.connections = 2, .compression = compression, .to_bucket = true};
        const engine::Demand one{.connections = 1, .compression = compression, .to_bucket = true};
        done = measure_bucket("200 ms a PUT", small, slow_puts, 128 * kMiB, two) && done;
        done = measure_bucket("200 ms a PUT", small, slow_puts, 48 * kMiB, one) && done;
        done = measure_volume(small, 64 * kMiB, two) && done;
        done = measure_volume(small, 32 * kMiB, one) && done;
        done = measure_bucket("20 MB/s", large, slow_rate, 128 * kMiB, two) && done;
        done = measure_bucket("20 MB/s", large, slow_rate, 48 * kMiB, one) && done;
    }
    return done ? 0 : 1;
}
