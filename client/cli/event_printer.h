// Events on standard output, in the format asked for.
//
//   table  a line for people: when stored, partition/offset, type, key, data; control characters
//          made visible; cut to the width of a terminal
//   jsonl  a CloudEvent a line
//   json   one array of CloudEvents
//
// Threads. One thread at a time.
#ifndef TIDEMARK_CLIENT_CLI_EVENT_PRINTER_H_
#define TIDEMARK_CLIENT_CLI_EVENT_PRINTER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "client/cli/context.h"
#include "client/cli/stdout_writer.h"
#include "client/cli/terminal.h"
#include "tidemark/event.h"

namespace tidemark::cli {

class EventPrinter {
 public:
  // `out` outlives it.
  EventPrinter(Format format, const Terminal& terminal, StdoutWriter* out);

  // Puts the event into the buffer of `out`. False: nothing can be printed any more.
  bool Print(const ReceivedEvent& received);

  // Writes out what was printed. False: it may be lost.
  bool Flush() { return out_->Flush(); }

  // Ends the array, where there is one, and flushes. Call once.
  bool Finish();

  uint64_t events() const { return events_; }

 private:
  void PrintLine(const ReceivedEvent& received);
  void PrintTitles();
  const std::string& TextOf(absl::Time append_time);

  Format format_;
  Terminal terminal_;
  StdoutWriter* out_;
  uint64_t events_ = 0;
  // The text of the last append_time: events of a batch share it.
  absl::Time append_time_ = absl::InfinitePast();
  std::string append_time_text_;
  // Widths of the columns so far; they grow to fit, within limits.
  size_t type_width_;
  size_t key_width_;
  std::string scratch_;
};

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_EVENT_PRINTER_H_
