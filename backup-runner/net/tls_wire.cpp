#include "backup-runner/net/tls_wire.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace n4b::net {
namespace {

Wire& wire_of(BIO* bio) {
    return *static_cast<Wire*>(BIO_get_data(bio));
}

bool would_block(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

int on_read(BIO* bio, char* into, int size) {
    auto& wire = wire_of(bio);
    BIO_clear_retry_flags(bio);
    const auto n = ::recv(wire.socket.native(), into, static_cast<std::size_t>(size), 0);
    if (n < 0 && would_block(errno)) {
        BIO_set_retry_read(bio);
    } else if (n < 0) {
        wire.notes.error = errno;
    } else if (n == 0) {
        wire.notes.ended = true;
    }
    if (n <= 0) return static_cast<int>(n);
    auto& notes = wire.notes;
    for (std::size_t i = 0; notes.received + i < notes.first.size() && i < static_cast<std::size_t>(n); ++i) {
        notes.first[notes.received + i] = static_cast<unsigned char>(into[i]);
    }
    notes.received += static_cast<std::size_t>(n);
    return static_cast<int>(n);
}

int on_write(BIO* bio, const char* bytes, int size) {
    auto& wire = wire_of(bio);
    BIO_clear_retry_flags(bio);
    const auto n = ::send(wire.socket.native(), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (n < 0 && would_block(errno)) {
        BIO_set_retry_write(bio);
    } else if (n < 0) {
        wire.notes.error = errno;
    }
    return static_cast<int>(n);
}

long on_control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_EOF) return wire_of(bio).notes.ended ? 1 : 0;
    return 0;
}

using MethodHandle = std::unique_ptr<BIO_METHOD, Freed<BIO_meth_free>>;

MethodHandle make_method() {
    MethodHandle method(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "n4b wire"));
    if (!method) return method;
    BIO_meth_set_read(method.get(), on_read);
    BIO_meth_set_write(method.get(), on_write);
    BIO_meth_set_ctrl(method.get(), on_control);
    return method;
}

}  // namespace

BioHandle bio_over(Wire& wire) {
    static const MethodHandle kMethod = make_method();
    BioHandle bio(kMethod ? BIO_new(kMethod.get()) : nullptr);
    if (!bio) return bio;
    BIO_set_data(bio.get(), &wire);
    BIO_set_init(bio.get(), 1);
    return bio;
}

}  // namespace n4b::net
