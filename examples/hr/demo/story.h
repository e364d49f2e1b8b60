// Story: the acts of the demo, from the first hire to the table.
//
//   HR appends; payroll follows; payroll is killed half way, HR does not notice; payroll comes
//   back; gift cards join, replay every hire of the past and go live; HR keeps hiring to the end.
//
// Threads. One thread.
#ifndef TIDEMARK_EXAMPLES_HR_DEMO_STORY_H_
#define TIDEMARK_EXAMPLES_HR_DEMO_STORY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "examples/hr/demo/latency.h"
#include "examples/hr/demo/narrator.h"
#include "examples/hr/demo/sabotage.h"
#include "examples/hr/demo/stage.h"
#include "examples/hr/hr_events.h"
#include "tidemark/client.h"
#include "tidemark/event.h"

namespace hr_example {

struct StoryOptions {
  HrEventsOptions events;
  // How long HR takes to append everything.
  double hr_seconds = 10;
  Sabotage sabotage = Sabotage::kNone;
};

class Story {
 public:
  // `events` is what options.events loads. Everything given outlives the story.
  Story(const StoryOptions& options, const std::vector<tidemark::Event>& events, Stage* stage,
        Narrator* narrator);

  // Plays, and prints the tables. True: the table is right. The server is left running.
  absl::StatusOr<bool> Play();

 private:
  absl::Status OpenTheCompany();
  absl::Status PayrollIsKilledHalfWay();
  absl::Status PayrollComesBack();
  absl::Status GiftCardsJoin();
  absl::Status EverybodyFinishes();
  absl::StatusOr<bool> Conclude();

  absl::Status StartHr();
  // Waits until HR has another share of its events acknowledged, or has finished.
  absl::Status WaitForHr(double share);
  // The last hire is handled before the events behind it, which no service wants, are passed.
  absl::Status WaitForServer();
  absl::Status WaitForAllWork(const std::string& name, absl::string_view done);
  // Ends the act that is on and begins the next.
  void BeginAct(absl::string_view name);
  void SayHowFar();

  // Lines of this word in a service's ledger; 0 before its start.
  size_t CountOf(const std::string& name, absl::string_view word) const;
  size_t Acked() const;
  size_t Paid() const;
  size_t Sent() const;
  // Hires among the events that HR has acknowledged.
  size_t HiredSoFar() const;

  const StoryOptions& options_;
  const std::vector<tidemark::Event>& events_;
  // [n]: the hires among the first n events.
  std::vector<size_t> hires_before_;
  Stage& stage_;
  Narrator& narrator_;
  std::vector<Act> acts_;
  absl::Time last_said_;
};

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_DEMO_STORY_H_
