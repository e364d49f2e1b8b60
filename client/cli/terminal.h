// What the terminal can show, and text that is safe to show on it.
//
// Events come from other people: a name with an escape sequence in it must not be able to move the
// cursor, change the title or answer questions on behalf of the user.
#ifndef TIDEMARK_CLIENT_CLI_TERMINAL_H_
#define TIDEMARK_CLIENT_CLI_TERMINAL_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace tidemark::cli {

struct Terminal {
  bool stdin_is_terminal = false;
  bool stdout_is_terminal = false;
  bool stderr_is_terminal = false;
  // Colour is wanted: a terminal, NO_COLOR unset or empty (no-color.org), TERM not "dumb".
  bool color_stdout = false;
  bool color_stderr = false;
};

// Looks at the process's own descriptors and environment.
Terminal DetectTerminal();

// Columns of the terminal behind `fd`, 80 if it does not say. Asked anew each time: it changes.
size_t TerminalColumns(int fd);

// `text` with control characters and invalid UTF-8 made visible: \n, \t, \x1b, \u{202e}. For
// people: a backslash of the text itself stays single, so it cannot be undone.
std::string EscapeForTerminal(absl::string_view text);

// Replaces DEL, C1 and bidi controls in valid JSON by their \u escapes; the JSON means the same.
std::string EscapeJsonForTerminal(absl::string_view json);

// Cuts `text`, which is already escaped, to `columns`, the last of them "…".
std::string CutToColumns(absl::string_view text, size_t columns);

enum class Color { kNone, kBold, kDim, kRed, kGreen, kYellow, kCyan };

// `text` in `color` if `enabled`, else as it is.
std::string Paint(absl::string_view text, Color color, bool enabled);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_TERMINAL_H_
