#include "backup-runner/app/source_dialer.hpp"

#include "backup-runner/net/tls.hpp"

namespace n4b::runner {
namespace {

net::Verification verification_of(contract::TlsVerification verification) {
    switch (verification) {
        case contract::TlsVerification::kFull:
            return net::Verification::kFull;
        case contract::TlsVerification::kChain:
            return net::Verification::kChain;
        case contract::TlsVerification::kNone:
            return net::Verification::kNone;
    }
    return net::Verification::kFull;
}

}  // namespace

base::Result<std::unique_ptr<net::Dialer>> dialer_for(const contract::RunSpec& spec) {
    if (!spec.tls) return net::tcp_dialer();
    return net::tls_dialer({.directory = spec.tls->directory,
                            .trust = spec.tls->trust,
                            .verification = verification_of(spec.tls->verification),
                            .server_name = spec.tls->server_name});
}

}  // namespace n4b::runner
