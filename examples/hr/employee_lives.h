// Made-up employees: hired, moved, promoted, paid more, gone. The same seed gives the same events.
//
// Half of the company is hired in its first year, the others over the nine years after it. Events
// are in the order of their times; the events of an employee have one key, "employee-10001".
#ifndef TIDEMARK_EXAMPLES_HR_EMPLOYEE_LIVES_H_
#define TIDEMARK_EXAMPLES_HR_EMPLOYEE_LIVES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tidemark/event.h"

namespace hr_example {

// Exactly `count` events, about a sixth of them employee.created.
std::vector<tidemark::Event> EmployeeLives(uint64_t seed, size_t count);

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_EMPLOYEE_LIVES_H_
