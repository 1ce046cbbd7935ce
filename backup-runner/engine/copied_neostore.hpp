#pragma once

#include <string>
#include <vector>

#include "backup-runner/catchup/messages.hpp"
#include "backup-runner/engine/transaction_sink.hpp"
#include "backup-runner/format/head.hpp"

namespace n4b::engine {

/// Checks a copied `neostore`, and tells what a restored one must have in place of what the server sent, so that it
/// matches the log that lies beside it. Errors: SourceProtocolError when it is none; CopyInconsistent when it is of
/// another store or knows more than the log.
base::Result<std::vector<format::NeostorePatch>> fit_neostore(const catchup::Bytes& contents, const txlog::StoreId& id,
                                                              const TransactionSink& sink);

/// What `neostore` must have beside a log of ours that ends at `last`, whatever it has otherwise.
std::vector<format::NeostorePatch> log_patches(std::int64_t last);

}  // namespace n4b::engine
