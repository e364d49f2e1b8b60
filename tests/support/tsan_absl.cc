// What ThreadSanitizer must know of abseil. Linked into every program of a tsan build, before the
// system's abseil, whose functions of the same names are then never called, by anybody.
//
// Why.       The system's abseil is not instrumented. Its Mutex is a word and a futex, so a lock
//            orders nothing for ThreadSanitizer, and all that it guards would be reported.
// How.       The same functions upon pthread's locks, which ThreadSanitizer knows. The word of a
//            Mutex, of 0 at first, holds a MutexBody from its first use on; likewise CondVar.
// Invariant. Every function of Mutex, CondVar, Notification and BlockingCounter that a program or
//            library can call and that looks at such a word is here (tests/unit/sanitizers checks
//            it): one left out would take a pointer for the bits of a futex.
// Not here.  Debugging of invariants and of lock cycles by abseil: ThreadSanitizer reports cycles.
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "absl/base/internal/tsan_mutex_interface.h"
#include "absl/status/status.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace {

void Must(int error, const char* what) {
  if (error == 0) {
    return;
  }
  std::fprintf(stderr, "tsan_absl: %s: error %d\n", what, error);
  std::abort();
}

// Threads that wait for a word of somebody: they register before they let go of what guards their
// condition, and whoever changes it calls after that.
class WaitingRoom {
 public:
  WaitingRoom() {
    Must(pthread_mutex_init(&gate_, nullptr), "pthread_mutex_init");
    Must(pthread_cond_init(&called_, nullptr), "pthread_cond_init");
  }
  ~WaitingRoom() {
    Must(pthread_cond_destroy(&called_), "pthread_cond_destroy");
    Must(pthread_mutex_destroy(&gate_), "pthread_mutex_destroy");
  }

  // Calls let_go() when a Call would not be missed any more, and waits for one, or until
  // `deadline`. May also return without reason. True: it was the deadline.
  template <typename LetGo>
  bool Wait(absl::Time deadline, LetGo let_go) {
    Must(pthread_mutex_lock(&gate_), "pthread_mutex_lock");
    waiting_.fetch_add(1, std::memory_order_relaxed);
    let_go();
    int error = 0;
    if (deadline == absl::InfiniteFuture()) {
      error = pthread_cond_wait(&called_, &gate_);
    } else {
      const timespec until = absl::ToTimespec(std::max(deadline, absl::UnixEpoch()));
      error = pthread_cond_timedwait(&called_, &gate_, &until);
    }
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    Must(pthread_mutex_unlock(&gate_), "pthread_mutex_unlock");
    if (error != ETIMEDOUT) {
      Must(error, "pthread_cond_wait");
    }
    return error == ETIMEDOUT;
  }

  // The relaxed count orders nothing, on purpose: it would hide races of those who call. A count of
  // 0 is true to whoever holds what guards the condition.
  void Call(bool all) {
    if (waiting_.load(std::memory_order_relaxed) == 0) {
      return;
    }
    Must(pthread_mutex_lock(&gate_), "pthread_mutex_lock");
    Must(all ? pthread_cond_broadcast(&called_) : pthread_cond_signal(&called_),
         "pthread_cond_signal");
    Must(pthread_mutex_unlock(&gate_), "pthread_mutex_unlock");
  }

 private:
  pthread_mutex_t gate_;
  pthread_cond_t called_;
  std::atomic<int> waiting_ = 0;
};

class MutexBody {
 public:
  MutexBody() { Must(pthread_rwlock_init(&lock_, nullptr), "pthread_rwlock_init"); }
  ~MutexBody() { Must(pthread_rwlock_destroy(&lock_), "pthread_rwlock_destroy"); }

  void Lock(bool exclusive) {
    Must(exclusive ? pthread_rwlock_wrlock(&lock_) : pthread_rwlock_rdlock(&lock_), "lock");
    Locked(exclusive);
  }
  bool TryLock(bool exclusive) {
    const int error =
        exclusive ? pthread_rwlock_trywrlock(&lock_) : pthread_rwlock_tryrdlock(&lock_);
    if (error == EBUSY) {
      return false;
    }
    Must(error, "try lock");
    Locked(exclusive);
    return true;
  }
  void Unlock() {
    conditions_.Call(/*all=*/true);
    Release();
  }

  // Holding it: until the condition holds, or `deadline`; it is held again then. Returns the
  // condition.
  bool Await(const absl::Condition& condition, absl::Time deadline) {
    if (condition.Eval()) {
      return true;
    }
    const bool mode = exclusive();
    conditions_.Call(/*all=*/true);  // Once: two that wait would call each other for ever.
    for (bool late = false; !late;) {
      late = conditions_.Wait(deadline, [this] { Release(); });
      Lock(mode);
      if (condition.Eval()) {
        return true;
      }
    }
    return false;
  }

  bool exclusive() const { return exclusive_.load(std::memory_order_relaxed) > 0; }
  bool held() const { return exclusive() || readers_.load(std::memory_order_relaxed) > 0; }

 private:
  void Release() {
    (exclusive() ? exclusive_ : readers_).fetch_sub(1, std::memory_order_relaxed);
    Must(pthread_rwlock_unlock(&lock_), "unlock");
  }
  void Locked(bool exclusive) {
    (exclusive ? exclusive_ : readers_).fetch_add(1, std::memory_order_relaxed);
  }

  pthread_rwlock_t lock_;
  WaitingRoom conditions_;
  std::atomic<int> exclusive_ = 0;
  std::atomic<int> readers_ = 0;
};

// What the word of a Mutex or CondVar holds, made at its first use.
template <typename Body>
Body& BodyOf(std::atomic<intptr_t>& word) {
  intptr_t found = word.load(std::memory_order_acquire);
  if (found == 0) {
    auto* made = new Body;
    if (word.compare_exchange_strong(found, reinterpret_cast<intptr_t>(made),
                                     std::memory_order_acq_rel, std::memory_order_acquire)) {
      return *made;
    }
    delete made;
  }
  return *reinterpret_cast<Body*>(found);
}

template <typename Body>
void DeleteBody(std::atomic<intptr_t>& word) {
  delete reinterpret_cast<Body*>(word.exchange(0, std::memory_order_acquire));
}

absl::Time After(absl::Duration timeout) { return absl::Now() + timeout; }

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

Mutex::~Mutex() {
  DeleteBody<MutexBody>(mu_);
  ABSL_TSAN_MUTEX_DESTROY(this, __tsan_mutex_not_static);
}

void Mutex::Lock() { BodyOf<MutexBody>(mu_).Lock(true); }
void Mutex::Unlock() { BodyOf<MutexBody>(mu_).Unlock(); }
bool Mutex::TryLock() { return BodyOf<MutexBody>(mu_).TryLock(true); }
void Mutex::ReaderLock() { BodyOf<MutexBody>(mu_).Lock(false); }
void Mutex::ReaderUnlock() { BodyOf<MutexBody>(mu_).Unlock(); }
bool Mutex::ReaderTryLock() { return BodyOf<MutexBody>(mu_).TryLock(false); }

void Mutex::AssertHeld() const {
  Must(BodyOf<MutexBody>(const_cast<Mutex*>(this)->mu_).exclusive() ? 0 : EPERM, "AssertHeld");
}
void Mutex::AssertReaderHeld() const {
  Must(BodyOf<MutexBody>(const_cast<Mutex*>(this)->mu_).held() ? 0 : EPERM, "AssertReaderHeld");
}
void Mutex::AssertNotHeld() const {}

void Mutex::Await(const Condition& cond) { AwaitWithDeadline(cond, InfiniteFuture()); }
bool Mutex::AwaitWithTimeout(const Condition& cond, Duration timeout) {
  return AwaitWithDeadline(cond, After(timeout));
}
bool Mutex::AwaitWithDeadline(const Condition& cond, Time deadline) {
  return BodyOf<MutexBody>(mu_).Await(cond, deadline);
}

void Mutex::LockWhen(const Condition& cond) { LockWhenWithDeadline(cond, InfiniteFuture()); }
bool Mutex::LockWhenWithTimeout(const Condition& cond, Duration timeout) {
  return LockWhenWithDeadline(cond, After(timeout));
}
bool Mutex::LockWhenWithDeadline(const Condition& cond, Time deadline) {
  Lock();
  return AwaitWithDeadline(cond, deadline);
}
void Mutex::ReaderLockWhen(const Condition& cond) {
  ReaderLockWhenWithDeadline(cond, InfiniteFuture());
}
bool Mutex::ReaderLockWhenWithTimeout(const Condition& cond, Duration timeout) {
  return ReaderLockWhenWithDeadline(cond, After(timeout));
}
bool Mutex::ReaderLockWhenWithDeadline(const Condition& cond, Time deadline) {
  ReaderLock();
  return AwaitWithDeadline(cond, deadline);
}

void Mutex::EnableInvariantDebugging(void (*)(void*), void*) {}
void Mutex::EnableDebugLog(const char*) {}
void Mutex::ForgetDeadlockInfo() {}

// Nobody waits any more, as for abseil's; but a thread that was called may be on its way out of the
// gate, which pthread_mutex_destroy would not wait for: the body stays, a few bytes in a test.
CondVar::~CondVar() = default;
void CondVar::Wait(Mutex* mu) { WaitWithDeadline(mu, InfiniteFuture()); }
bool CondVar::WaitWithTimeout(Mutex* mu, Duration timeout) {
  return WaitWithDeadline(mu, After(timeout));
}
bool CondVar::WaitWithDeadline(Mutex* mu, Time deadline) {
  const bool exclusive = BodyOf<MutexBody>(mu->mu_).exclusive();
  const bool late = BodyOf<WaitingRoom>(cv_).Wait(deadline, [mu] { mu->Unlock(); });
  BodyOf<MutexBody>(mu->mu_).Lock(exclusive);
  return late;
}
void CondVar::Signal() { BodyOf<WaitingRoom>(cv_).Call(/*all=*/false); }
void CondVar::SignalAll() { BodyOf<WaitingRoom>(cv_).Call(/*all=*/true); }
void CondVar::EnableDebugLog(const char*) {}

// As abseil's own: here because its atomics order threads, too.
void Notification::Notify() {
  MutexLock lock(&mutex_);
  notified_yet_.store(true, std::memory_order_release);
}
Notification::~Notification() { MutexLock lock(&mutex_); }
void Notification::WaitForNotification() const {
  WaitForNotificationWithDeadline(InfiniteFuture());
}
bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  return WaitForNotificationWithDeadline(After(timeout));
}
bool Notification::WaitForNotificationWithDeadline(Time deadline) const {
  if (HasBeenNotifiedInternal(&notified_yet_)) {
    return true;
  }
  const bool notified =
      mutex_.LockWhenWithDeadline(Condition(&HasBeenNotifiedInternal, &notified_yet_), deadline);
  mutex_.Unlock();
  return notified;
}

bool BlockingCounter::DecrementCount() {
  const bool last = count_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  if (last) {
    MutexLock lock(&lock_);
    done_ = true;
  }
  return last;
}
void BlockingCounter::Wait() {
  MutexLock lock(&lock_);
  lock_.Await(Condition(&done_));
}

// The count of a shared error's owners.
void Status::UnrefNonInlined(uintptr_t rep) {
  status_internal::StatusRep* shared = RepToPointer(rep);
  if (shared->ref.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    delete shared;
  }
}

ABSL_NAMESPACE_END
}  // namespace absl
