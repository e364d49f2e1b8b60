#include "examples/hr/employee_lives.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <queue>
#include <random>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace hr_example {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFirstNames[] = {"Ada",   "Amir", "Bea",  "Chidi", "Dana",  "Emil",  "Fatou",
                                       "Goran", "Hana", "Ines", "Jonas", "Kofi",  "Leila", "Mateo",
                                       "Nadia", "Olga", "Paul", "Rosa",  "Samir", "Yuki"};
constexpr const char* kLastNames[] = {"Abebe",  "Bauer",  "Costa",  "Dubois",  "Eriksen",
                                      "Fofana", "Garcia", "Haddad", "Ivanova", "Jansen",
                                      "Kaya",   "Lindt",  "Moreau", "Novak",   "Okafor",
                                      "Petrov", "Rossi",  "Sato",   "Tanaka",  "Weber"};
constexpr const char* kDepartments[] = {"Development", "Production", "Sales",
                                        "Finance",     "Marketing",  "Customer Service"};
constexpr const char* kCities[] = {"Aarhus", "Bern", "Ghent", "Graz", "Porto", "Turin"};
constexpr const char* kTitles[] = {"Junior", "Associate", "Senior", "Staff", "Principal"};

// What the life of an employee holds after the first day.
enum class Turn { kRaise, kPromotion, kMove, kNewAddress, kFarewell };

constexpr absl::string_view kTypes[] = {"salary.changed", "title.changed", "department.assigned",
                                        "address.changed", "employee.left"};

constexpr int64_t kFoundingDays = 365;
constexpr int64_t kLaterDays = 9 * 365;

struct Employee {
  int64_t number;
  int64_t salary;
  size_t title;
};

class Company {
 public:
  Company(uint64_t seed, size_t count) : chance_(seed), count_(count) {}

  std::vector<tidemark::Event> Run() {
    const size_t hires = std::max<size_t>(count_ / 6, 1);
    for (int64_t day = 0; events_.size() < count_; ++day) {
      HireUntil(HiresUntil(hires, day + 1), day);
      for (; !plans_.empty() && plans_.top().day <= day; plans_.pop()) Happen(plans_.top());
    }
    events_.resize(count_);
    return std::move(events_);
  }

 private:
  struct Plan {
    int64_t day;
    size_t order;  // Of planning: makes the order of a day certain.
    size_t employee;
    Turn turn;
    bool operator>(const Plan& other) const {
      return std::pair(day, order) > std::pair(other.day, other.order);
    }
  };

  // The distributions of the standard library differ from system to system.
  int64_t Below(int64_t bound) {
    return static_cast<int64_t>(chance_() % static_cast<uint64_t>(bound));
  }
  template <size_t kSize>
  const char* OneOf(const char* const (&choices)[kSize]) {
    return choices[Below(kSize)];
  }

  // How many of `hires` are in the company before `day`.
  static size_t HiresUntil(size_t hires, int64_t day) {
    const size_t founders = hires / 2;
    if (day < kFoundingDays) return founders * static_cast<size_t>(day) / kFoundingDays;
    const auto later = static_cast<size_t>(day - kFoundingDays);
    return founders + (hires - founders) * later / kLaterDays;
  }

  void HireUntil(size_t employees, int64_t day) {
    while (employees_.size() < employees) {
      employees_.push_back({.number = 10001 + static_cast<int64_t>(employees_.size()),
                            .salary = 38'000 + 500 * Below(60),
                            .title = 0});
      Hire(employees_.back(), day);
      PlanLife(employees_.size() - 1, day);
    }
  }

  void Hire(const Employee& employee, int64_t day) {
    const std::string first = OneOf(kFirstNames);
    const std::string last = OneOf(kLastNames);
    Emit("employee.created", employee, day,
         {{"name", absl::StrCat(first, " ", last)},
          {"email", absl::StrCat(absl::AsciiStrToLower(first), ".", absl::AsciiStrToLower(last),
                                 ".", employee.number, "@example.com")},
          {"title", kTitles[employee.title]},
          {"department", OneOf(kDepartments)},
          {"salary", employee.salary},
          {"currency", "EUR"}});
  }

  void PlanLife(size_t employee, int64_t hired) {
    const int64_t years = Below(12);  // Who stays longer than the story is told stays for good.
    for (int64_t year = 1; year <= years; ++year) {
      const int64_t day = hired + year * 365 - Below(60);
      if (year % 2 == 0) PlanTurn(day, employee, Turn::kRaise);
      if (year % 3 == 0) PlanTurn(day + 1, employee, Turn::kPromotion);
      if (Below(5) == 0) PlanTurn(day + 30, employee, Turn::kMove);
      if (Below(6) == 0) PlanTurn(day + 45, employee, Turn::kNewAddress);
    }
    PlanTurn(hired + years * 365 + 90 + Below(200), employee, Turn::kFarewell);
  }

  void PlanTurn(int64_t day, size_t employee, Turn turn) {
    plans_.push({day, planned_++, employee, turn});
  }

  void Happen(const Plan& plan) {
    Employee& employee = employees_[plan.employee];
    Emit(kTypes[static_cast<size_t>(plan.turn)], employee, plan.day, TurnOf(plan.turn, employee));
  }

  Json TurnOf(Turn turn, Employee& employee) {
    switch (turn) {
      case Turn::kRaise:
        employee.salary += employee.salary * (2 + Below(6)) / 100;
        return {{"salary", employee.salary}, {"currency", "EUR"}};
      case Turn::kPromotion:
        employee.title = std::min(employee.title + 1, std::size(kTitles) - 1);
        return {{"title", kTitles[employee.title]}};
      case Turn::kMove:
        return {{"department", OneOf(kDepartments)}};
      case Turn::kNewAddress:
        return {{"city", OneOf(kCities)}};
      case Turn::kFarewell:
        return {{"reason", Below(4) == 0 ? "retired" : "resigned"}};
    }
    return {};
  }

  void Emit(absl::string_view type, const Employee& employee, int64_t day, Json data) {
    if (day != today_) {
      today_ = day;
      events_today_ = 0;
    }
    const absl::CivilSecond morning(absl::CivilDay(2015, 1, 1) + day);
    tidemark::Event event;
    event.id = absl::StrFormat("hr-%06d", events_.size());
    event.type = std::string(type);
    event.source = "/hr/employees";
    event.key = absl::StrCat("employee-", employee.number);
    event.time = absl::FromCivil(morning + 8 * 3600 + events_today_++, absl::UTCTimeZone());
    event.content_type = "application/json";
    Json all = {{"employee_id", employee.number}};
    all.update(data);
    event.data = all.dump();
    events_.push_back(std::move(event));
  }

  std::mt19937_64 chance_;
  const size_t count_;
  std::vector<Employee> employees_;
  std::priority_queue<Plan, std::vector<Plan>, std::greater<Plan>> plans_;
  size_t planned_ = 0;
  int64_t today_ = 0;
  int64_t events_today_ = 0;
  std::vector<tidemark::Event> events_;
};

}  // namespace

std::vector<tidemark::Event> EmployeeLives(uint64_t seed, size_t count) {
  return Company(seed, count).Run();
}

}  // namespace hr_example
