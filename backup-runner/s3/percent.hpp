#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace n4b::s3 {

enum class Slash {
    kKeep,    ///< As paths have it.
    kEncode,  ///< As queries have it.
};

/// Percent-encodes as Signature Version 4 wants it: all but A-Z a-z 0-9 - _ . ~, with upper-case digits.
std::string percent_encode(std::string_view text, Slash slash);

/// Undoes the encoding of a listing (encoding-type=url), where '+' is a space too. Invalid: a '%' without two
/// hexadecimal digits after it.
base::Result<std::string> decode_listed(std::string_view text);

/// Text from outside as it may stand in a message: at most 200 bytes of it, what is not printable ASCII as '?'.
std::string printable(std::string_view text);

}  // namespace n4b::s3
