#include <cstdint>
#include <span>

#include "backup-runner/catchup/decoder.hpp"
#include "backup-runner/engine/transaction_sink.hpp"
#include "tests/support/memory_store.hpp"

namespace {

using namespace n4b;
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
    testing::MemoryStore store({.forgets = true});
    engine::ProgressCounters progress;
    const auto artifact = blocks::ArtifactWriter::create(
        store, "s/",
        {.block_bytes = 4096, .blocks = 1, .streams = 1, .threads = 1, .encoding = format::Encoding::kNone}, {});
    const auto sink = engine::TransactionSink::create(**artifact, progress, {.previous = 4});
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
