#include "server/groups/live_group.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/groups/topic_names.h"

namespace tidemark::groups {
namespace {

absl::Status TopicGone(absl::string_view name) {
  return NoSuch("topic", name, ": it was deleted. Create it, or join another group");
}

absl::Status TooManyMembers(const std::string& group, size_t limit) {
  return MakeError(
      absl::StatusCode::kResourceExhausted,
      absl::StrCat("group \"", group, "\" has ", limit, " members, and group_members_max is ",
                   limit, ". Repeat later, or raise the limit"),
      {.reason = "GROUP_MEMBERS_EXHAUSTED",
       .metadata = {{"group", group},
                    {"limit_name", "group_members_max"},
                    {"limit", absl::StrCat(limit)},
                    {"value", absl::StrCat(limit + 1)}},
       .retry_delay = absl::Seconds(1)});
}

}  // namespace

LiveGroup::LiveGroup(std::shared_ptr<const GroupContext> context, storage::GroupRecord record)
    : context_(std::move(context)),
      group_(std::move(record), {.revoke_timeout = context_->options.revoke_timeout,
                                 .scan_commit_interval = context_->options.scan_commit_interval}),
      watch_(context_->options.stall_time) {}

bool LiveGroup::NeedsLoadLocked() const {
  if (!group_.offsets_loaded()) return true;
  if (group_.is_work() && WorkLacksLocked()) return true;
  const log::Catalog& catalog = context_->log.catalog();
  // Before the topics are looked at: what changes meanwhile is looked at the next time.
  const uint64_t version = catalog.version();
  if (catalog_version_ == version) return false;
  for (const log::TopicPtr& topic : TopicsOf(catalog, group_.record().topics)) {
    if (!group_.HasTopic(topic->id())) return true;
  }
  for (const log::TopicPtr& topic : group_.topics()) {
    if (catalog.FindById(topic->id()) == nullptr) return true;  // To be dropped first.
  }
  catalog_version_ = version;
  return false;
}

void LiveGroup::DropDeletedTopicsLocked() {
  if (catalog_version_ == context_->log.catalog().version()) return;
  for (const log::TopicPtr& topic : group_.topics()) {
    if (context_->log.catalog().FindById(topic->id()) != nullptr) continue;
    group_.RemoveTopic(topic->id(), TopicGone(topic->name()), context_->clock.Now());
    if (work_ != nullptr) AnswerLocked([work = work_, topic] { work->RemoveTopic(*topic); });
  }
  CollectLocked();
}

bool LiveGroup::Refresh() {
  bool needs_load = false;
  {
    absl::MutexLock lock(&mu_);
    DropDeletedTopicsLocked();
    needs_load = NeedsLoadLocked();
  }
  Drain();
  return needs_load;
}

absl::StatusOr<std::vector<LoadedTopic>> LiveGroup::OpenTopics(
    const std::vector<std::string>& names) const {
  std::vector<LoadedTopic> loaded;
  for (log::TopicPtr& found : TopicsOf(context_->log.catalog(), names)) {
    LoadedTopic topic{.topic = std::move(found)};
    for (uint32_t i = 0; i < topic.topic->partitions(); ++i) {
      absl::StatusOr<log::PartitionPtr> partition =
          context_->log.OpenPartition(*topic.topic, PartitionIndex(i));
      if (absl::IsNotFound(partition.status())) break;  // Deleted meanwhile.
      if (!partition.ok()) return partition.status();
      topic.partitions.push_back(*std::move(partition));
    }
    if (topic.partitions.size() == topic.topic->partitions()) loaded.push_back(std::move(topic));
  }
  return loaded;
}

absl::Status LiveGroup::Load() {
  storage::GroupRecord record;
  bool offsets_loaded = false;
  {
    absl::MutexLock lock(&mu_);
    record = group_.record();
    offsets_loaded = group_.offsets_loaded();
  }
  // Nobody writes offsets of this group before they are loaded, so these cannot be outdated.
  absl::StatusOr<std::vector<std::pair<LogId, Offset>>> offsets =
      std::vector<std::pair<LogId, Offset>>();
  if (!offsets_loaded) offsets = context_->log.store().ReadOffsets(record.id);
  if (!offsets.ok()) return offsets.status();
  const absl::StatusOr<std::vector<LoadedTopic>> topics = OpenTopics(record.topics);
  if (!topics.ok()) return topics.status();
  {
    absl::MutexLock lock(&mu_);
    if (!group_.offsets_loaded()) group_.LoadOffsets(*offsets);
    DropDeletedTopicsLocked();
    for (const LoadedTopic& topic : *topics) {
      const bool exists = context_->log.catalog().FindById(topic.topic->id()) != nullptr;
      // Dropped above, unless it was deleted and made again since: then the next Load adds it.
      const bool free = !group_.HasTopicNamed(topic.topic->name());
      if (exists && free) group_.AddTopic(topic, context_->clock.Now());
    }
    CollectLocked();
  }
  Drain();
  return LoadWork();
}

absl::Status LiveGroup::CheckJoinLocked(const JoinRequest& request) const {
  if (absl::Status status = group_.CheckLive(); !status.ok()) return status;
  if (absl::Status status = CheckSettings(group_.record(), request); !status.ok()) return status;
  const std::string missing = MissingTopic(context_->log.catalog(), group_.record().topics);
  if (!missing.empty()) return TopicGone(missing);
  const size_t limit = context_->options.members_max;
  if (group_.members() >= limit) return TooManyMembers(group_.record().name, limit);
  return absl::OkStatus();
}

LiveGroup::Outcome LiveGroup::Join(const JoinRequest& request, bool created, MemberNumber number,
                                   const std::shared_ptr<MemberListener>& listener,
                                   JoinCallback& done) {
  Outcome outcome = Outcome::kTaken;
  {
    absl::MutexLock lock(&mu_);
    if (group_.life() == Group::Life::kDeleted) return Outcome::kDeleted;
    DropDeletedTopicsLocked();
    if (absl::Status status = CheckJoinLocked(request); !status.ok()) {
      AnswerLocked([done = std::move(done), status]() mutable { std::move(done)(status); });
    } else if (NeedsLoadLocked()) {
      outcome = Outcome::kNeedsLoad;
    } else {
      JoinResult result{
          .member = std::make_shared<Member>(shared_from_this(), number),
          .work = work_ == nullptr ? nullptr : std::make_shared<WorkMember>(work_, number),
          .group = group_.record(),
          .created = created};
      AnswerLocked([done = std::move(done), result = std::move(result)]() mutable {
        std::move(done)(std::move(result));
      });
      listeners_[number] = listener;
      const absl::Time now = context_->clock.Now();
      group_.Join(
          number,
          {.client_name = request.client_name.empty() ? request.address : request.client_name,
           .address = request.address,
           .join_time = now},
          now);
      context_->metrics.group_rebalances_total.Increment();
      CollectLocked();
      if (work_ != nullptr) {
        AnswerLocked(
            [work = work_, number, name = request.client_name, listener = listener]() mutable {
              work->Join(number, std::move(name), std::move(listener));
            });
      }
    }
  }
  Drain();
  return outcome;
}

LiveGroup::Outcome LiveGroup::CommitOffsets(const std::vector<OffsetEntry>& entries,
                                            bool allow_rewind, log::DoneCallback& done) {
  Outcome outcome = Outcome::kTaken;
  {
    absl::MutexLock lock(&mu_);
    if (group_.life() == Group::Life::kDeleted) return Outcome::kDeleted;
    DropDeletedTopicsLocked();
    if (NeedsLoadLocked()) {
      outcome = Outcome::kNeedsLoad;
    } else if (group_.is_work()) {
      CommitWorkLocked(entries, allow_rewind, done);
    } else {
      group_.CommitOffsets(entries, allow_rewind, std::move(done), context_->clock.Now());
      CollectLocked();
    }
  }
  Drain();
  return outcome;
}

LiveGroup::Outcome LiveGroup::Delete(bool force, absl::AnyInvocable<void()> forget,
                                     log::DoneCallback& done) {
  {
    absl::MutexLock lock(&mu_);
    if (group_.life() == Group::Life::kDeleted) return Outcome::kDeleted;
    if (absl::Status status = group_.StartDelete(force, context_->clock.Now()); !status.ok()) {
      AnswerLocked([done = std::move(done), status]() mutable { std::move(done)(status); });
    } else {
      forget_ = std::move(forget);
      deleted_ = std::move(done);
      if (work_ != nullptr) work_->SetClosed(true);
    }
    CollectLocked();
  }
  Drain();
  return Outcome::kTaken;
}

bool LiveGroup::Progress(MemberNumber member, LogId log, Offset delivered_end, Offset scanned_to,
                         uint64_t delivered_events) {
  absl::MutexLock lock(&mu_);
  return group_.Progress(member, log, delivered_end, scanned_to, delivered_events,
                         context_->clock.Now());
}

bool LiveGroup::PassGap(MemberNumber member, LogId log, Offset from, Offset until) {
  absl::MutexLock lock(&mu_);
  return group_.PassGap(member, log, from, until, context_->clock.Now());
}

void LiveGroup::Ack(MemberNumber member, std::vector<TopicPartitionOffset> offsets,
                    AckCallback done) {
  {
    absl::MutexLock lock(&mu_);
    // A reference that outlives the log's last answer.
    metrics::Metrics& metrics = context_->metrics;
    group_.Ack(
        member, std::move(offsets),
        [&metrics, done = std::move(done)](absl::StatusOr<AckResult> result) mutable {
          if (result.ok()) {
            metrics.group_acks_total.Increment(static_cast<double>(result->committed.size()));
          }
          std::move(done)(std::move(result));
        },
        context_->clock.Now());
    CollectLocked();
  }
  Drain();
}

void LiveGroup::Release(MemberNumber member, const std::vector<TopicPartition>& partitions,
                        std::optional<uint64_t> revocation) {
  {
    absl::MutexLock lock(&mu_);
    group_.Release(member, partitions, revocation, context_->clock.Now());
    CollectLocked();
  }
  Drain();
}

void LiveGroup::Leave(MemberNumber member) {
  {
    absl::MutexLock lock(&mu_);
    if (listeners_.erase(member) == 0) return;
    group_.Leave(member, context_->clock.Now());
    context_->metrics.group_rebalances_total.Increment();
    CollectLocked();
    if (work_ != nullptr) {
      AnswerLocked([work = work_, member] { work->Leave(member, /*failed=*/true); });
    }
  }
  Drain();
}

bool LiveGroup::Tick(absl::Time now) {
  bool again = false;
  std::shared_ptr<LiveWork> work;
  {
    absl::MutexLock lock(&mu_);
    DropDeletedTopicsLocked();
    group_.Tick(now);
    CollectLocked();
    again = group_.needs_tick();
    work = work_;
  }
  Drain();
  if (work != nullptr && work->Tick(now)) again = true;
  return again;
}

std::vector<TopicPartitionOffset> LiveGroup::DurableOffsets(
    const std::vector<std::string>& topics) const {
  absl::MutexLock lock(&mu_);
  return group_.DurableOffsets(topics);
}

storage::GroupRecord LiveGroup::Record() const {
  absl::MutexLock lock(&mu_);
  return group_.record();
}

GroupSummary LiveGroup::Summary() const {
  absl::MutexLock lock(&mu_);
  return {.record = group_.record(),
          .members = static_cast<uint32_t>(group_.members()),
          .lag_offsets = group_.LagOffsets()};
}

}  // namespace tidemark::groups
