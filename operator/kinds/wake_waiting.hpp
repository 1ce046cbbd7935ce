#pragma once

#include <string>

#include "operator/kinds/kind_loop.hpp"

namespace n4b::kinds {

/// Objects of a kind whose runs have not finished look again when the object changes to whose name, in their namespace,
/// a member of their spec refers. Before watch() only.
template <typename T, typename Other, typename Spec>
void wake_waiting(KindLoop<T>& loop, KindLoop<Other>& others, std::string Spec::*member) {
    others.on_change([&loop, member](const std::string& key, const auto&, const auto&) {
        for (const auto& object : loop.store().all()) {
            if (object->status.run.finished()) continue;
            if (object->meta.object_namespace + "/" + object->spec.*member == key) loop.look_at(object->meta.key());
        }
    });
}

}  // namespace n4b::kinds
