#include "tests/backup-runner/engine/hostile_cases.hpp"

namespace n4b::engine {

using testing::Answer;
using testing::Asked;
using testing::FakeCatchupServer;
using testing::Request;
using testing::ScriptedPeer;
using testing::Then;

Arrange on(Asked type, Change change) {
    return [type, change = std::move(change)](FakeCatchupServer&, ScriptedPeer& peer) {
        peer.script = [type, change](const Request& request, Answer& answer) {
            if (request.type == type) change(answer);
        };
    };
}

Arrange on_file(std::string name, Change change) {
    return [name = std::move(name), change = std::move(change)](FakeCatchupServer&, ScriptedPeer& peer) {
        peer.script = [name, change](const Request& request, Answer& answer) {
            if (request.type == Asked::kFile && request.name == name) change(answer);
        };
    };
}

Arrange on_pull(Change change) {
    return [change = std::move(change)](FakeCatchupServer&, ScriptedPeer& peer) {
        peer.script = [change](const Request& request, Answer& answer) {
            if (request.type == Asked::kPull && request.ours) change(answer);
        };
    };
}

Change frames(FrameChange change) {
    return [change = std::move(change)](Answer& answer) {
        testing::Frames parts(answer.bytes);
        change(parts);
        answer.bytes = parts.bytes();
    };
}

Change cut(std::size_t at, Then then) {
    return [at, then](Answer& answer) {
        answer.bytes.resize(std::min(at, answer.bytes.size()));
        answer.then = then;
    };
}

Change instead(catchup::Bytes bytes, Then then) {
    return [bytes = std::move(bytes), then](Answer& answer) {
        answer.bytes = bytes;
        answer.then = then;
    };
}

Change nothing(Then then) {
    return instead({}, then);
}

Change then_for_ever(catchup::Bytes bytes) {
    return [bytes = std::move(bytes)](Answer& answer) { answer.more = [bytes] { return bytes; }; };
}

void short_stall(contract::RunSpec& spec) {
    spec.timeouts = {.connect = std::chrono::milliseconds(500),
                     .prepare = std::chrono::milliseconds(400),
                     .stall = std::chrono::milliseconds(300)};
}

void short_deadline(contract::RunSpec& spec) {
    spec.duration = std::chrono::milliseconds(1500);
    spec.bandwidth_limit = 16 * 1024 * 1024;
}

}  // namespace n4b::engine
