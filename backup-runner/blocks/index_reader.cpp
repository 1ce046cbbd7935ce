#include "backup-runner/blocks/index_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "backup-runner/blocks/index_writer.hpp"
#include "backup-runner/format/damage.hpp"

namespace n4b::blocks {
namespace {

using base::ErrorCode;
using base::Reason;
using base::Result;
using format::damaged;

/// Cuts text that comes in pieces into lines.
class Lines {
public:
    explicit Lines(const LineTaker& take) : take_(take) {}

    Result<void> add(std::string_view text) {
        for (;;) {
            const auto end = text.find('\n');
            if (begun_.size() + std::min(end, text.size()) > format::kMaxIndexLineBytes) {
                return damaged("index: a line is too long");
            }
            begun_ += text.substr(0, end);
            if (end == std::string_view::npos) return {};
            N4B_TRY(const auto line, format::parse_index_line(begun_));
            N4B_TRY_VOID(take_(line));
            begun_.clear();
            text.remove_prefix(end + 1);
        }
    }
    Result<void> finish() const {
        if (begun_.empty()) return {};
        return damaged("index: its last line is cut short");
    }

private:
    const LineTaker& take_;
    std::string begun_{};
};

}  // namespace

Result<std::span<const std::byte>> load_block(const StoredArtifact& artifact, const format::BlockDigest& block,
                                              std::span<std::byte> buffer, const object_store::Call& call) {
    const auto name = format::block_name(block.number);
    const auto size = static_cast<std::size_t>(block.bytes);
    if (size > buffer.size()) {
        return damaged(fmt::format("block {}: {} bytes, at most {} expected", name, size, buffer.size()));
    }
    const auto key = artifact.prefix + name;
    const auto got = artifact.store.get(key, 0, buffer.first(size), call);
    if (!got && got.error().code == ErrorCode::kNotFound) return damaged(fmt::format("block {}: missing", name));
    if (!got) return base::fail(got.error().wrap("block " + name));
    if (*got != size) return damaged(fmt::format("block {}: {} bytes, {} expected", name, *got, size));
    const auto bytes = std::span<const std::byte>(buffer).first(size);
    if (digest_of_block(block.number, bytes) != block) return damaged(fmt::format("block {}: other bytes", name));
    return bytes;
}

Result<void> read_index(const StoredArtifact& artifact, std::span<std::byte> buffer, const LineTaker& take,
                        const object_store::Call& call) {
    Lines lines(take);
    format::ExtentDecoder decoder;
    for (const auto& block : artifact.head.index) {
        N4B_TRY(const auto frames, load_block(artifact, block, buffer, call));
        N4B_TRY_VOID(decoder.decode_all(frames, [&](std::span<const std::byte> text) {
            return lines.add({reinterpret_cast<const char*>(text.data()), text.size()});
        }));
    }
    return lines.finish();
}

}  // namespace n4b::blocks
