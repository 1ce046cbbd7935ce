#include <cstdint>
#include <functional>
#include <span>

#include "backup-runner/catchup/decoder.hpp"
#include "backup-runner/engine/transaction_sink.hpp"

namespace {

using namespace n4b;
using base::Result;

/// A storage that takes everything and keeps nothing.
class Nowhere final : public storage::Storage {
public:
    Result<void> make_directories(std::string_view) override { return {}; }
    Result<std::unique_ptr<storage::Writer>> create(std::string_view) override { return std::make_unique<Hole>(); }
    Result<void> publish(std::string_view, std::string_view) override { return {}; }
    Result<void> replace_directory(std::string_view, std::string_view) override { return {}; }
    Result<void> sync_directory(std::string_view) override { return {}; }
    Result<void> list(std::string_view, const std::function<bool(const storage::Entry&)>&) override { return {}; }
    Result<std::unique_ptr<storage::Reader>> open(std::string_view) override {
        return base::fail(base::ErrorCode::kNotFound, "nowhere");
    }
    Result<bool> exists(std::string_view) override { return false; }
    Result<void> remove(std::string_view) override { return {}; }

private:
    class Hole final : public storage::Writer {
        Result<void> write(std::span<const std::byte>) override { return {}; }
        Result<void> finish() override { return {}; }
    };
};

/// Hands an event on; false ends the pull.
bool pass(const catchup::Event& event, engine::TransactionSink& sink) {
    if (const auto* begin = std::get_if<catchup::TransactionBegin>(&event)) return sink.begin(begin->bytes).has_value();
    if (const auto* data = std::get_if<catchup::TransactionData>(&event)) return sink.data(data->bytes).has_value();
    if (std::holds_alternative<catchup::TransactionEnd>(event)) return sink.end().has_value();
    return false;
}

}  // namespace

/// A pull of transactions from 5 on, over a connection that breaks: a first half, then the rest on a new one. The first
/// byte chooses where it breaks, the second the size of the pieces. Ids stay contiguous whatever comes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    Nowhere storage;
    engine::ProgressCounters progress;
    const auto artifact =
        engine::ArtifactWriter::create(storage, archive::artifact_keys("s", "d", "c", {}), "{}", false, 4096);
    const auto sink = engine::TransactionSink::create(**artifact, progress, 4);
    const std::size_t piece = data[1] + 1U;
    const auto input = std::as_bytes(std::span(data + 2, size - 2));
    const auto half = input.size() * data[0] / 255;
    for (const auto part : {input.first(half), input.subspan(half)}) {
        catchup::Decoder decoder;
        for (std::size_t at = 0; at < part.size(); at += piece) {
            auto rest = part.subspan(at, std::min(piece, part.size() - at));
            for (;;) {
                const auto before = (*sink)->last();
                const auto event = decoder.next(rest);
                if (!event) return 0;
                if (std::holds_alternative<catchup::NeedMore>(*event)) break;
                if (!pass(*event, **sink)) return 0;
                if ((*sink)->last() - before > 1 || (*sink)->last() < before) __builtin_trap();
            }
        }
    }
    return 0;
}
