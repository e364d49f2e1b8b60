// Options of AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer, in every program of an
// asan build; what ASAN_OPTIONS and its like say comes after.

extern "C" {

const char* __asan_default_options();
const char* __asan_default_options() {
  // detect_container_overflow: the system's gRPC and protobuf are not instrumented, and a container
  //   that they and we change would be reported.
  // verify_asan_link_order: lossy_disk.so is preloaded, before the sanitizer's own library.
  // detect_stack_use_after_return: a use of a finished call's variable is found.
  return "detect_container_overflow=0:verify_asan_link_order=0:detect_stack_use_after_return=1"
         ":strict_init_order=1:external_symbolizer_path=/usr/bin/llvm-symbolizer-14";
}

const char* __ubsan_default_options();
const char* __ubsan_default_options() { return "print_stacktrace=1"; }

}  // extern "C"
