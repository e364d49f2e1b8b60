#include "examples/hr/demo/story.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/cli/table.h"
#include "examples/hr/demo/verdict.h"
#include "examples/hr/gift_cards_line.h"
#include "examples/hr/line_file.h"

namespace hr_example {
namespace {

using tidemark::cli::GroupDigits;

constexpr char kDemo[] = "demo";
constexpr char kHr[] = "HR";
constexpr char kPayroll[] = "payroll";
constexpr char kGiftCards[] = "gift cards";
constexpr uint32_t kPartitions = 8;

// In shares of HR's events. Payroll is killed when half of its work is done, or here at the latest:
// the later acts need HR at work too.
constexpr double kKillAt = 0.4;
constexpr double kDownFor = 0.2;
constexpr double kCatchesUpFor = 0.08;

constexpr absl::Duration kSayHowFarEvery = absl::Seconds(1);

}  // namespace

Story::Story(const StoryOptions& options, const std::vector<tidemark::Event>& events, Stage* stage,
             Narrator* narrator)
    : options_(options), events_(events), stage_(*stage), narrator_(*narrator) {
  hires_before_.push_back(0);
  for (const tidemark::Event& event : events) {
    hires_before_.push_back(hires_before_.back() + (event.type == "employee.created" ? 1 : 0));
  }
}

absl::StatusOr<bool> Story::Play() {
  for (const auto act :
       {&Story::OpenTheCompany, &Story::PayrollIsKilledHalfWay, &Story::PayrollComesBack,
        &Story::GiftCardsJoin, &Story::EverybodyFinishes}) {
    if (absl::Status status = (this->*act)(); !status.ok()) return status;
  }
  return Conclude();
}

absl::Status Story::OpenTheCompany() {
  const absl::Time begin = absl::Now();
  if (absl::Status status = stage_.StartServer(); !status.ok()) return status;
  narrator_.Say(kDemo, absl::StrCat("tidemarkd on ", stage_.address(), " ready after ",
                                    DurationText(absl::Now() - begin), ", data in ",
                                    stage_.workspace().path()));
  const auto client = tidemark::Client::Connect(stage_.address());
  if (!client.ok()) return client.status();
  if (auto topic = client->CreateTopic("hr", {.partitions = kPartitions}); !topic.ok()) {
    return topic.status();
  }
  narrator_.Say(kDemo, absl::StrCat("topic hr with ", kPartitions, " partitions"));
  if (absl::Status status = StartHr(); !status.ok()) return status;
  if (absl::Status status = stage_.StartService(kPayroll, "payroll"); !status.ok()) return status;
  narrator_.Say(kPayroll, absl::StrCat("starts, process ", stage_.PidOf(kPayroll),
                                       ": pays who is hired, in the background"));
  BeginAct("while payroll follows");
  last_said_ = absl::Now();
  stage_.OnLook([this] { SayHowFar(); });
  return absl::OkStatus();
}

absl::Status Story::StartHr() {
  const double events_per_s = static_cast<double>(events_.size()) / options_.hr_seconds;
  std::vector<std::string> arguments = {"--rate", absl::StrCat(events_per_s)};
  if (options_.events.file.empty()) {
    arguments.insert(arguments.end(), {"--seed", absl::StrCat(options_.events.seed), "--count",
                                       absl::StrCat(options_.events.count)});
  } else {
    arguments.insert(arguments.end(), {"--events", options_.events.file});
  }
  if (absl::Status status = stage_.StartService(kHr, "hr", arguments); !status.ok()) return status;
  narrator_.Say(kHr, absl::StrFormat("starts, process %d: %s events, %s of them employee.created, "
                                     "%.0f a second",
                                     stage_.PidOf(kHr), GroupDigits(events_.size()),
                                     GroupDigits(hires_before_.back()), events_per_s));
  return absl::OkStatus();
}

absl::Status Story::PayrollIsKilledHalfWay() {
  const size_t half = (hires_before_.back() + 1) / 2;
  const auto kill_at = static_cast<size_t>(kKillAt * static_cast<double>(events_.size()));
  const auto is_half_way = [&] { return Paid() > 0 && (Paid() >= half || Acked() >= kill_at); };
  if (absl::Status status = stage_.WaitUntil(is_half_way, "payroll is half way"); !status.ok()) {
    return status;
  }
  const pid_t pid = stage_.PidOf(kPayroll);
  stage_.KillService(kPayroll);
  narrator_.Shout(kPayroll,
                  absl::StrCat("killed: kill -9 ", pid, ", with ", GroupDigits(Paid()), " of ",
                               GroupDigits(HiredSoFar()), " hires paid; HR goes on"));
  BeginAct("while payroll is down");
  return absl::OkStatus();
}

absl::Status Story::PayrollComesBack() {
  if (absl::Status status = WaitForHr(kDownFor); !status.ok()) return status;
  if (absl::Status status = stage_.StartService(kPayroll, "payroll"); !status.ok()) return status;
  narrator_.Shout(kPayroll, absl::StrCat("back, process ", stage_.PidOf(kPayroll), ": ",
                                         GroupDigits(HiredSoFar() - std::min(Paid(), HiredSoFar())),
                                         " hires are waiting"));
  BeginAct("while payroll catches up");
  return absl::OkStatus();
}

absl::Status Story::GiftCardsJoin() {
  if (absl::Status status = WaitForHr(kCatchesUpFor); !status.ok()) return status;
  narrator_.Shout(kGiftCards, "a new service, which nobody has heard of, joins with one line:");
  narrator_.Print(absl::StrCat("\n    ", kGiftCardsLine, "\n\n"));
  BeginAct("while gift cards replay");
  const absl::Time begin = absl::Now();
  if (absl::Status status = stage_.StartService(kGiftCards, "gift-cards"); !status.ok()) {
    return status;
  }
  const Tally& tally = *stage_.TallyOf(kGiftCards);
  const auto is_live = [&] { return tally.Count("live") > 0; };
  if (absl::Status status = stage_.WaitUntil(is_live, "gift cards are live"); !status.ok()) {
    return status;
  }
  narrator_.Shout(kGiftCards,
                  absl::StrCat("from its start to live: ", DurationText(absl::Now() - begin),
                               "; HR and payroll took no notice"));
  BeginAct("after that");
  return absl::OkStatus();
}

absl::Status Story::EverybodyFinishes() {
  const size_t sent_before = Sent();
  const auto hr_is_done = [&] { return !stage_.IsRunning(kHr); };
  if (absl::Status status = stage_.WaitUntil(hr_is_done, "HR is done"); !status.ok()) return status;
  narrator_.Say(kHr, absl::StrCat("done: ", GroupDigits(Acked()), " events acknowledged"));
  BeginAct("");
  if (absl::Status status = WaitForAllWork(kGiftCards, "sent"); !status.ok()) return status;
  narrator_.Say(kGiftCards, absl::StrCat(GroupDigits(Sent()), " sent, ",
                                         GroupDigits(Sent() - sent_before), " of them live"));
  if (absl::Status status = WaitForAllWork(kPayroll, "paid"); !status.ok()) return status;
  narrator_.Say(kPayroll, absl::StrCat("done: ", GroupDigits(Paid()), " paid"));
  if (absl::Status status = WaitForServer(); !status.ok()) return status;
  for (const char* name : {kPayroll, kGiftCards}) {
    if (absl::Status status = stage_.StopService(name); !status.ok()) return status;
  }
  stage_.OnLook([] {});
  return absl::OkStatus();
}

absl::StatusOr<bool> Story::Conclude() {
  const std::string& payroll_ledger = stage_.TallyOf(kPayroll)->path();
  if (auto status = Spoil(options_.sabotage, payroll_ledger, "paid"); !status.ok()) return status;
  acts_.pop_back();  // Nothing is appended any more.
  const auto client = tidemark::Client::Connect(stage_.address());
  if (!client.ok()) return client.status();
  const auto verdict = Judge(*client, events_,
                             {.hr_record = stage_.TallyOf(kHr)->path(),
                              .payroll_ledger = payroll_ledger,
                              .gift_cards_ledger = stage_.TallyOf(kGiftCards)->path(),
                              .acts = acts_});
  if (!verdict.ok()) return verdict.status();
  narrator_.Title("How long HR waited until its events were durable");
  narrator_.Print(LatencyTable(*verdict, narrator_.color()));
  narrator_.Title("What was done, against what HR was told is durable");
  narrator_.Print(FindingTable(*verdict, narrator_.color()));
  return verdict->IsRight();
}

absl::Status Story::WaitForHr(double share) {
  const auto more = static_cast<size_t>(share * static_cast<double>(events_.size()));
  const size_t until = Acked() + more;
  return stage_.WaitUntil([&] { return Acked() >= until || !stage_.IsRunning(kHr); },
                          absl::StrCat("HR has appended ", more, " more events"));
}

absl::Status Story::WaitForAllWork(const std::string& name, absl::string_view done) {
  const Tally& tally = *stage_.TallyOf(name);
  return stage_.WaitUntil([&] { return tally.Count(done) >= hires_before_.back(); },
                          absl::StrCat(name, " have handled every hire"));
}

absl::Status Story::WaitForServer() {
  const auto client = tidemark::Client::Connect(stage_.address());
  if (!client.ok()) return client.status();
  const auto has_no_lag = [&](absl::string_view group) {
    const auto info = client->GetGroup(group);
    return info.ok() && info->lag_offsets == 0;
  };
  return stage_.WaitUntil([&] { return has_no_lag("payroll") && has_no_lag("gift-cards"); },
                          "the server has passed what nobody asked for");
}

void Story::BeginAct(absl::string_view name) {
  const int64_t now_us = MonotonicUs();
  if (!acts_.empty()) acts_.back().until_us = now_us;
  acts_.push_back({std::string(name), now_us, now_us});
}

void Story::SayHowFar() {
  if (absl::Now() - last_said_ < kSayHowFarEvery) return;
  last_said_ = absl::Now();
  const std::string payroll = stage_.IsRunning(kPayroll) ? "" : " (down)";
  narrator_.Say(kDemo,
                absl::StrCat("HR ", GroupDigits(Acked()), " events, ", GroupDigits(HiredSoFar()),
                             " hires; payroll", payroll, " ", GroupDigits(Paid()),
                             " paid; gift cards ", GroupDigits(Sent()), " sent"));
}

size_t Story::CountOf(const std::string& name, absl::string_view word) const {
  const Tally* tally = stage_.TallyOf(name);
  return tally == nullptr ? 0 : tally->Count(word);
}

size_t Story::Acked() const { return CountOf(kHr, "acked"); }
size_t Story::Paid() const { return CountOf(kPayroll, "paid"); }
size_t Story::Sent() const { return CountOf(kGiftCards, "sent"); }
size_t Story::HiredSoFar() const { return hires_before_[std::min(Acked(), events_.size())]; }

}  // namespace hr_example
