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
    // A name that is accepted comes out of the index as it went in.
    if (const auto path = n4b::archive::file_path(text)) {
        auto line = n4b::archive::to_line(n4b::archive::IndexFile{.path = *path, .key = "files/x"});
        line.pop_back();
        const auto read = n4b::archive::parse_index_line(line);
        if (!read || std::get<n4b::archive::IndexFile>(*read).path != *path) __builtin_trap();
    }
    for (const char c : n4b::archive::quoted_name(text)) {
        if (c < 0x20 || c > 0x7E) __builtin_trap();
    }
    (void)n4b::archive::parse_artifact_name(text);
    return 0;
}
