#include "backup-runner/app/json_output.hpp"

#include <utility>

#include "backup-runner/app/outcome.hpp"

namespace n4b::runner {

void print_json(Output& output, const base::Json& json) {
    output.print("{}\n", json.dump(-1, ' ', false, base::Json::error_handler_t::replace));
}

void print_failure(Output& output, const base::Error& error, base::Json more) {
    more["reason"] = to_string(reason_of(error));
    more["message"] = error.message;
    print_json(output, more);
}

int finish(const base::Result<int>& result, Output& output, bool json, base::Json more) {
    if (!result && json && !output.used()) print_failure(output, result.error(), std::move(more));
    return finish(result, output);
}

}  // namespace n4b::runner
