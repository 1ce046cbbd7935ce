#pragma once

#include <string>
#include <vector>

#include "backup-runner/catchup/messages.hpp"
#include "backup-runner/engine/transaction_sink.hpp"

namespace n4b::engine {

/// Checks a copied `neostore` and makes it match the log that lies beside it. Returns the fields that it changed.
/// Errors: SourceProtocolError when it is none; CopyInconsistent when it is of another store or knows more than the
/// log.
base::Result<std::vector<std::string>> fit_neostore(catchup::Bytes& contents, const txlog::StoreId& id,
                                                    const TransactionSink& sink);

}  // namespace n4b::engine
