#include <cstdint>
#include <span>
#include <vector>

#include "backup-runner/txlog/neostore.hpp"

/// What passes the check can be read and patched without harm.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace n4b;
    const auto bytes = std::as_bytes(std::span(data, size));
    std::vector<std::byte> file(bytes.begin(), bytes.end());
    if (!txlog::check_neostore(file)) return 0;
    const auto id = txlog::store_id_of(file);
    const auto parsed = txlog::parse_store_id(txlog::to_string(id));
    if (!parsed || *parsed != id) __builtin_trap();
    for (const char c : txlog::store_version_of(file)) {
        if (c < 0x20 || c > 0x7E) __builtin_trap();
    }
    txlog::set(file, txlog::NeostoreField::kLogVersion, 7);
    if (txlog::get(file, txlog::NeostoreField::kLogVersion) != 7 || txlog::store_id_of(file) != id) __builtin_trap();
    return 0;
}
