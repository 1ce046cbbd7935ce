#include <cstdint>
#include <string_view>

#include "backup-runner/archive/index.hpp"
#include "backup-runner/archive/layout.hpp"

/// What parses must survive its own form; and no name a server sends may leave the artifact.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto line = n4b::archive::parse_index_line(text)) {
        auto form = n4b::archive::to_line(*line);
        form.pop_back();
        if (!n4b::archive::parse_index_line(form)) __builtin_trap();
    }
    if (const auto key = n4b::archive::file_key(text)) {
        if (key->empty() || key->front() == '/' || ("/" + *key + "/").find("/../") != std::string::npos)
            __builtin_trap();
    }
    (void)n4b::archive::parse_artifact_name(text);
    return 0;
}
