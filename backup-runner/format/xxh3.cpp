#include "backup-runner/format/xxh3.hpp"

// In place of the shared library, of which a runner's image would need a package for one function.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/check.hpp"

namespace n4b::format {

struct Xxh3::State {
    XXH3_state_t xxh3{};
};

Xxh3::Xxh3() : state_(std::make_unique<State>()) {
    N4B_CHECK(XXH3_64bits_reset(&state_->xxh3) == XXH_OK, "XXH3 reset");
}
Xxh3::~Xxh3() = default;

void Xxh3::update(std::span<const std::byte> bytes) {
    N4B_CHECK(XXH3_64bits_update(&state_->xxh3, bytes.data(), bytes.size()) == XXH_OK, "XXH3 update");
}

std::uint64_t Xxh3::finish() {
    const std::uint64_t hash = XXH3_64bits_digest(&state_->xxh3);
    N4B_CHECK(XXH3_64bits_reset(&state_->xxh3) == XXH_OK, "XXH3 reset");
    return hash;
}

}  // namespace n4b::format
