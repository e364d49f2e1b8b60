#include "server/rpc/control_methods.h"

#include <google/protobuf/descriptor.h>

#include "server/rpc/event_store_service.h"
#include "server/rpc/groups_service.h"
#include "server/rpc/operations_service.h"
#include "server/rpc/topics_service.h"

namespace tidemark::rpc {

namespace {

const google::protobuf::ServiceDescriptor& Definition(absl::string_view service) {
  return *google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
      std::string(service));
}

}  // namespace

size_t ControlMethods::MethodsOf(absl::string_view service) {
  return static_cast<size_t>(Definition(service).method_count());
}

ControlMethods::ControlMethods(EventStoreService& events, GroupsService& groups,
                               TopicsService& topics, OperationsService& operations) {
  Add("EventStore/GetProducer", Lane::kLook, events, &EventStoreService::GetProducer);
  AddTopics(topics);
  AddGroups(groups);
  AddOperations(operations);
}

const ControlMethod* ControlMethods::Find(absl::string_view path) const {
  const auto it = methods_.find(path);
  return it == methods_.end() ? nullptr : &it->second;
}

std::vector<int> ControlMethods::IndexesIn(absl::string_view service) const {
  const google::protobuf::ServiceDescriptor& defined = Definition(service);
  std::vector<int> indexes;
  for (int i = 0; i < defined.method_count(); ++i) {
    const std::string& method = defined.method(i)->name();
    if (Find(absl::StrCat("/", service, "/", method)) != nullptr) indexes.push_back(i);
  }
  return indexes;
}

void ControlMethods::AddTopics(TopicsService& topics) {
  Add("Topics/CreateTopic", Lane::kChange, topics, &TopicsService::CreateTopic);
  Add("Topics/GetTopic", Lane::kLook, topics, &TopicsService::GetTopic);
  Add("Topics/ListTopics", Lane::kLook, topics, &TopicsService::ListTopics);
  Add("Topics/UpdateTopic", Lane::kChange, topics, &TopicsService::UpdateTopic);
  Add("Topics/DeleteTopic", Lane::kChange, topics, &TopicsService::DeleteTopic);
  Add("Topics/ListEventTypes", Lane::kLook, topics, &TopicsService::ListEventTypes);
  Add("Topics/GetKey", Lane::kLook, topics, &TopicsService::GetKey);
  Add("Topics/EraseEvents", Lane::kChange, topics, &TopicsService::EraseEvents);
  Add("Topics/GetErasure", Lane::kLook, topics, &TopicsService::GetErasure);
  Add("Topics/ListErasures", Lane::kLook, topics, &TopicsService::ListErasures);
  Add("Topics/GetWatermarks", Lane::kLook, topics, &TopicsService::GetWatermarks);
}

void ControlMethods::AddGroups(GroupsService& groups) {
  Add("ConsumerGroups/CommitOffsets", Lane::kChange, groups, &GroupsService::CommitOffsets);
  Add("ConsumerGroups/GetOffsets", Lane::kLook, groups, &GroupsService::GetOffsets);
  Add("ConsumerGroups/ListGroups", Lane::kLook, groups, &GroupsService::ListGroups);
  Add("ConsumerGroups/GetGroup", Lane::kLook, groups, &GroupsService::GetGroup);
  Add("ConsumerGroups/UpdateGroup", Lane::kChange, groups, &GroupsService::UpdateGroup);
  Add("ConsumerGroups/SeekGroup", Lane::kChange, groups, &GroupsService::SeekGroup);
  Add("ConsumerGroups/PauseGroup", Lane::kChange, groups, &GroupsService::PauseGroup);
  Add("ConsumerGroups/ResumeGroup", Lane::kChange, groups, &GroupsService::ResumeGroup);
  Add("ConsumerGroups/DeleteGroup", Lane::kChange, groups, &GroupsService::DeleteGroup);
  Add("ConsumerGroups/ListDeadLetters", Lane::kLook, groups, &GroupsService::ListDeadLetters);
  Add("ConsumerGroups/RedriveDeadLetters", Lane::kChange, groups,
      &GroupsService::RedriveDeadLetters);
  Add("ConsumerGroups/DiscardDeadLetters", Lane::kChange, groups,
      &GroupsService::DiscardDeadLetters);
}

void ControlMethods::AddOperations(OperationsService& operations) {
  Add("Operations/GetServerInfo", Lane::kLook, operations, &OperationsService::GetServerInfo);
  Add("Operations/GetConfig", Lane::kLook, operations, &OperationsService::GetConfig);
  Add("Operations/ListBackups", Lane::kLook, operations, &OperationsService::ListBackups);
  Add("Operations/CreateBackup", Lane::kOperate, operations, &OperationsService::CreateBackup);
  Add("Operations/VerifyBackup", Lane::kOperate, operations, &OperationsService::VerifyBackup);
  Add("Operations/DeleteBackup", Lane::kOperate, operations, &OperationsService::DeleteBackup);
  Add("Operations/RotateMasterKey", Lane::kOperate, operations,
      &OperationsService::RotateMasterKey);
  Add("Operations/VerifyStore", Lane::kOperate, operations, &OperationsService::VerifyStore);
}

}  // namespace tidemark::rpc
