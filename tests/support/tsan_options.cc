// What ThreadSanitizer leaves out, in every program of a tsan build. Each line of suppressions says
// why it is no race of ours; none names code of this repository.

extern "C" {

const char* __tsan_default_options();
const char* __tsan_default_options() {
  return "second_deadlock_stack=1:history_size=4:external_symbolizer_path=/usr/bin/"
         "llvm-symbolizer-14";
}

const char* __tsan_default_suppressions();
const char* __tsan_default_suppressions() {
  // One of the two accesses is inside of RocksDB, which is not instrumented and hands memory from
  // thread to thread by atomics of its own. Two accesses of ours are never left out by it, unless
  // RocksDB called one of them.
  //
  // spdlog makes its loggers in a function's static variable, once, in a library that is not
  // instrumented either.
  return "race:librocksdb.so\n"
         "race:spdlog::details::registry::registry\n";
}

}  // extern "C"
