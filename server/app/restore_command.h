// `tidemarkd restore --from DIR --data DIR [--backup ID]`: a backup becomes a store.
//
// Exit codes: 0 restored, 1 for a wrong command line, 2 if it cannot be done; then `data` holds no
// store that opens.
#pragma once

namespace tidemark::app {

// argv[0] is "restore".
int RunRestore(int argc, const char* const* argv);

}  // namespace tidemark::app
