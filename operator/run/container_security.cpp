#include "operator/run/container_security.hpp"

#include "common/base/json_object.hpp"

namespace n4b::run {

base::Json container_security() {
    return {{"allowPrivilegeEscalation", false},
            {"readOnlyRootFilesystem", true},
            {"capabilities", {{"drop", base::Json::array({"ALL"})}}}};
}

}  // namespace n4b::run
