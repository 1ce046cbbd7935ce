#include "backup-runner/engine/copied_neostore.hpp"

#include <fmt/format.h>

#include "backup-runner/txlog/neostore.hpp"

namespace n4b::engine {

using base::ErrorCode;
using base::Reason;

base::Result<std::vector<std::string>> fit_neostore(catchup::Bytes& contents, const txlog::StoreId& id,
                                                    const TransactionSink& sink) {
    using txlog::NeostoreField;
    if (const auto good = txlog::check_neostore(contents); !good) {
        return base::fail(ErrorCode::kInvalid, Reason::kSourceProtocolError, good.error().message);
    }
    if (txlog::store_id_of(contents) != id) {
        return base::fail(ErrorCode::kUnavailable, Reason::kCopyInconsistent,
                          "the copied neostore has another store id than the source said");
    }
    if (const auto last = txlog::get(contents, NeostoreField::kLastTransaction); last > sink.last()) {
        return base::fail(
            ErrorCode::kUnavailable, Reason::kCopyInconsistent,
            fmt::format("the copied neostore knows transaction {}, the log ends at {}", last, sink.last()));
    }
    std::vector<std::string> patched{"logVersion", "lastClosedLogVersion", "lastClosedLogOffset"};
    txlog::set(contents, NeostoreField::kLogVersion, kLogVersion);
    txlog::set(contents, NeostoreField::kLastClosedLogVersion, kLogVersion);
    txlog::set(contents, NeostoreField::kLastClosedLogOffset, 16);
    if (!sink.empty()) {
        txlog::set(contents, NeostoreField::kLastTransaction, sink.last());
        patched.emplace_back("lastTransaction");
    }
    return patched;
}

}  // namespace n4b::engine
