#include "examples/hr/demo/verdict.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "client/cli/table.h"
#include "examples/hr/demo/narrator.h"
#include "examples/hr/demo/records.h"
#include "tidemark/reader.h"

namespace hr_example {
namespace {

using tidemark::cli::GroupDigits;
using tidemark::cli::Table;

constexpr absl::string_view kHired = "employee.created";

absl::StatusOr<std::vector<Check::Stored>> ReadTopic(const tidemark::Client& client) {
  std::vector<Check::Stored> stored;
  tidemark::Reader reader(client, "hr");
  for (const tidemark::ReceivedEvent& e : reader) {
    stored.push_back({{e.partition, e.offset, std::string(e.event.id)}, e.event.ToEvent()});
  }
  if (!reader.status().ok()) return reader.status();
  return stored;
}

absl::StatusOr<uint64_t> LagOf(const tidemark::Client& client, absl::string_view group) {
  const auto info = client.GetGroup(group);
  if (!info.ok()) return info.status();
  return info->lag_offsets;
}

}  // namespace

bool Verdict::IsRight() const {
  return payroll_lag == 0 && gift_cards_lag == 0 &&
         std::all_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.IsRight(); });
}

absl::StatusOr<Verdict> Judge(const tidemark::Client& client,
                              const std::vector<tidemark::Event>& events,
                              const Evidence& evidence) {
  const auto acks = ReadHrRecord(evidence.hr_record);
  if (!acks.ok()) return acks.status();
  const auto stored = ReadTopic(client);
  if (!stored.ok()) return stored.status();
  const auto payroll = ReadServiceRecord(evidence.payroll_ledger, "paid");
  if (!payroll.ok()) return payroll.status();
  const auto gift_cards = ReadServiceRecord(evidence.gift_cards_ledger, "sent");
  if (!gift_cards.ok()) return gift_cards.status();
  const auto payroll_lag = LagOf(client, "payroll");
  if (!payroll_lag.ok()) return payroll_lag.status();
  const auto gift_cards_lag = LagOf(client, "gift-cards");
  if (!gift_cards_lag.ok()) return gift_cards_lag.status();

  const Check check(events, *acks);
  Verdict verdict;
  verdict.findings = {check.OfHr(), check.OfTopic(*stored),
                      check.OfService("payroll: handled, paid", kHired, *payroll),
                      check.OfService("gift cards: sent", kHired, *gift_cards)};
  verdict.payroll_again = payroll->again.size();
  verdict.gift_cards_again = gift_cards->again.size();
  verdict.payroll_lag = *payroll_lag;
  verdict.gift_cards_lag = *gift_cards_lag;
  for (const Act& act : evidence.acts) {
    verdict.latencies.emplace_back(act.name, LatencyDuring(act, *acks));
  }
  return verdict;
}

std::string LatencyTable(const Verdict& verdict, bool color) {
  constexpr auto kRight = Table::Align::kRight;
  Table table({{"append to acknowledgement"},
               {"events", kRight},
               {"p50", kRight},
               {"p99", kRight},
               {"max", kRight}});
  for (const auto& [act, latency] : verdict.latencies) {
    if (latency.events == 0) {
      table.AddRow({act, "0", "", "", ""});
    } else {
      table.AddRow({act, GroupDigits(latency.events), DurationText(latency.p50),
                    DurationText(latency.p99), DurationText(latency.max)});
    }
  }
  return table.Format(color);
}

std::string FindingTable(const Verdict& verdict, bool color) {
  constexpr auto kRight = Table::Align::kRight;
  Table table({{"checked"},
               {"expected", kRight},
               {"found", kRight},
               {"missing", kRight},
               {"duplicates", kRight},
               {"unknown", kRight},
               {"order violations", kRight},
               {""}});
  for (const Finding& finding : verdict.findings) {
    table.AddRow({finding.what, GroupDigits(finding.expected), GroupDigits(finding.found),
                  GroupDigits(finding.missing), GroupDigits(finding.duplicates),
                  GroupDigits(finding.unknown), GroupDigits(finding.order_violations),
                  finding.IsRight() ? "right" : "WRONG"});
  }
  const size_t paid_twice = verdict.findings[2].duplicates;
  return absl::StrCat(table.Format(color), "\npayroll:    delivered again after the crash: ",
                      GroupDigits(verdict.payroll_again), "; paid twice: ", GroupDigits(paid_twice),
                      "; unacknowledged, says the server: ", GroupDigits(verdict.payroll_lag),
                      "\ngift cards: delivered again: ", GroupDigits(verdict.gift_cards_again),
                      "; unacknowledged, says the server: ", GroupDigits(verdict.gift_cards_lag),
                      "\n");
}

}  // namespace hr_example
