// Narrator: tells on standard output what happens, with the seconds since the beginning and who.
//
// Threads. One thread.
#ifndef TIDEMARK_EXAMPLES_HR_DEMO_NARRATOR_H_
#define TIDEMARK_EXAMPLES_HR_DEMO_NARRATOR_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cli/terminal.h"

namespace hr_example {

class Narrator {
 public:
  // Colours only where the terminal wants them.
  explicit Narrator(bool color);

  // "  3.2 s  payroll     at work". Control characters in `text` are made visible.
  void Say(absl::string_view who, absl::string_view text);
  // Something of importance.
  void Shout(absl::string_view who, absl::string_view text);
  // Text as it is, without time.
  void Print(absl::string_view text);
  // A heading.
  void Title(absl::string_view text);

  bool color() const { return color_; }
  // True if nobody reads standard output any more.
  bool IsUnheard() const;

 private:
  void Tell(absl::string_view who, absl::string_view text, tidemark::cli::Color color);

  const bool color_;
  const absl::Time begin_;
};

// 0.000834 s as "0.83 ms", 2.5 s as "2.5 s".
std::string DurationText(absl::Duration duration);

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_DEMO_NARRATOR_H_
