#pragma once

namespace n4b::process {

/// Makes sure that the descriptors 0, 1 and 2 are taken. Where the caller has closed one, the next file to be opened
/// would get its number, and what is meant for standard output would be written into a backup. What stands in for a
/// closed one answers every write with an error. Called first of all, before anything is opened. Also lets writes to
/// pipes without readers and to files beyond the size limit fail, where signals would end the process.
void hold_standard_streams();

}  // namespace n4b::process
