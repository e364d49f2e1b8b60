#!/usr/bin/python3
"""Shows that each rule of check_layout.py fails on a violation of its own, and on nothing else."""

import pathlib
import subprocess
import sys
import tempfile
import textwrap
import unittest

import check_layout
import cpp_source

PROGRAM = pathlib.Path(check_layout.__file__)

CLEAN = {
    "server/base/system_clock.cc": "absl::Time T() { return absl::Now(); }\n",
    "server/storage/store.cc": '#include "rocksdb/db.h"\n#include "server/base/ids.h"\n',
    "server/log/log.cc": '#include "server/storage/store.h"\n// absl::Now() is for base.\n',
    "server/delivery/session.cc": '#include "server/log/log.h"\n',
    "server/groups/group.cc": '#include "server/log/log.h"\nauto t = event.time();\n',
    "server/rpc/read.cc":
        '#include "tidemark/v1/event_store.pb.h"\n#include "server/delivery/session.h"\n',
    "server/main.cc": '#include "server/app/app.h"\n',
    "client/cpp/reader.cc": '#include "tidemark/v1/event_store.grpc.pb.h"\n',
    "bench/bench.cc": '#include "client/cpp/reader.h"\n',
}


def lines(count):
    return "  Work();\n" * count


class CheckLayoutTest(unittest.TestCase):

    def run_on(self, files):
        """Runs the program on CLEAN with `files` added; returns (exit code, error lines)."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in {**CLEAN, **files}.items():
                target = pathlib.Path(root, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
            done = subprocess.run([sys.executable, "-B", PROGRAM, root], text=True,
                                  stdout=subprocess.PIPE, check=False)
        return done.returncode, [line.removeprefix("error: ") for line in done.stdout.splitlines()
                                 if line.startswith("error: ")]

    def assert_one_error(self, path, text, expected):
        code, errors = self.run_on({path: text})
        self.assertEqual((code, len(errors)), (1, 1), errors)
        self.assertIn(expected, errors[0])
        self.assertTrue(errors[0].startswith(path + ":"), errors[0])

    def test_accepts_a_clean_tree(self):
        self.assertEqual(self.run_on({}), (0, []))

    def test_fails_when_there_is_nothing_to_check(self):
        with tempfile.TemporaryDirectory() as root:
            done = subprocess.run([sys.executable, "-B", PROGRAM, root], check=False,
                                  stdout=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 1)

    def test_refuses_every_arrow_that_does_not_point_down(self):
        for upper, lower in (("log", "storage"), ("delivery", "log"), ("rpc", "delivery"),
                             ("app", "rpc"), ("storage", "base")):
            with self.subTest(f"{lower} includes {upper}"):
                self.assert_one_error(f"server/{lower}/x.h", f'#include "server/{upper}/y.h"\n',
                                      f"server/{upper} is not below server/{lower}")

    def test_refuses_arrows_between_siblings(self):
        for one, other in (("delivery", "groups"), ("groups", "delivery"), ("rpc", "http"),
                           ("config", "metrics")):
            with self.subTest(f"{one} includes {other}"):
                self.assert_one_error(f"server/{one}/x.cc", f'#include "server/{other}/y.h"\n',
                                      "is not below")

    def test_refuses_a_directory_nobody_placed(self):
        self.assert_one_error("server/misc/x.cc", '#include "server/base/ids.h"\n', "no place")

    def test_refuses_rocksdb_outside_storage(self):
        for path in ("server/log/x.cc", "server/app/x.cc", "client/cpp/x.cc"):
            with self.subTest(path):
                self.assert_one_error(path, "#include <rocksdb/db.h>\n", "RocksDB")

    def test_refuses_generated_types_outside_rpc(self):
        self.assert_one_error("server/log/x.h", '#include "tidemark/v1/event.pb.h"\n', "generated")
        self.assert_one_error("server/app/x.h", '#include "google/rpc/status.pb.h"\n', "generated")

    def test_refuses_grpc_below_rpc(self):
        self.assert_one_error("server/delivery/x.h", "#include <grpcpp/grpcpp.h>\n", "gRPC stops")

    def test_refuses_server_headers_in_the_client(self):
        for path in ("client/cpp/x.cc", "client/cli/x.cc", "examples/hr/x.cc"):
            with self.subTest(path):
                self.assert_one_error(path, '#include "server/base/ids.h"\n', "contract only")

    def test_refuses_the_command_line_in_the_library(self):
        self.assert_one_error("client/cpp/x.cc", '#include "client/cli/table.h"\n', "its users")

    def test_refuses_the_client_and_tests_in_the_server(self):
        self.assert_one_error("server/app/x.cc", '#include "client/cpp/reader.h"\n', "client/")
        self.assert_one_error("server/app/x.cc", '#include "tests/support/fake.h"\n', "tests/")

    def test_refuses_other_clocks(self):
        for call in ("absl::Now()", "std::chrono::steady_clock::now()", "time(nullptr)",
                     "std::time(NULL)", "gettimeofday(&tv, nullptr)", "clock_gettime(0, &t)"):
            with self.subTest(call):
                self.assert_one_error("server/log/x.cc", f"auto t = {call};\n", "asks the system")

    def test_ignores_comments_and_literals(self):
        code, errors = self.run_on({"server/log/x.cc": textwrap.dedent('''\
            // #include "server/rpc/read.h"
            /* #include "rocksdb/db.h"
               absl::Now() */
            const char* kText = "absl::Now()";
            const char* kRaw = R"x(
            #define A time(nullptr) " {
            )x";
            const char kBrace = '{';
            const int kMillion = 1'000'000;
            ''')})
        self.assertEqual((code, errors), (0, []))

    def test_limits_the_length_of_functions(self):
        body = lambda count: "int Long(int a) {\n" + lines(count) + "}\n"
        self.assertEqual(self.run_on({"server/log/x.cc": body(68)}), (0, []))
        self.assert_one_error("server/log/x.cc", body(69), "Long has 71 lines")
        self.assert_one_error("client/cli/x.cc", body(69), "Long has 71 lines")
        self.assertEqual(self.run_on({"bench/x.cc": body(69)}), (0, []))

    def test_limits_the_length_of_files(self):
        self.assertEqual(self.run_on({"server/log/x.cc": "\n" * 500}), (0, []))
        self.assert_one_error("server/log/x.cc", "\n" * 501, "501 lines")
        _, warnings, _ = check_layout.check_file("tests/x.cc", "\n" * 301)
        self.assertEqual(len(warnings), 1)


class FunctionsTest(unittest.TestCase):

    def found(self, text):
        return [(f.name, f.line, f.lines) for f in cpp_source.functions(textwrap.dedent(text))]

    def test_finds_functions_in_namespaces_and_classes(self):
        self.assertEqual(self.found('''\
            namespace tidemark::log {
            namespace {
            struct Options {
              int a = 1;
              std::vector<int> b{1, 2};
              int Sum() const { return a; }
            };
            constexpr int kTable[] = {1, 2};
            }  // namespace
            class Log final : public Base {
             public:
              Log(int a, int b)
                  : a_{a},
                    b_(b) {
                Start();
              }
              ~Log() override {
              }
              bool operator==(const Log& other) const {
                return true;
              }

             private:
              int a_ ABSL_GUARDED_BY(mu_) = 0;
            };
            }
            '''), [("Sum", 6, 1), ("Log", 12, 5), ("~Log", 17, 2), ("operator==", 19, 3)])

    def test_counts_lambdas_loops_and_local_classes_to_their_function(self):
        self.assertEqual(self.found('''\
            template <typename T = std::vector<int>>
            auto Run(absl::Span<const T> items, Options options = {})
                -> std::optional<int> {
              struct Local { int Get() { return 1; } };
              for (const T& item : items) {
                Do([&](int x) { return x; });
              }
              const int a[] = {1, 2};
              return {};
            }
            void After() {}
            '''), [("Run", 1, 10), ("After", 11, 1)])

    def test_is_not_confused_by_macros_and_literals(self):
        self.assertEqual(self.found('''\
            #define OPEN(x) \\
              if (x) {
            char Quote() { return '}'; }
            std::string Text() {
              return "}}" R"(
            }
            )";
            }
            '''), [("Quote", 3, 1), ("Text", 4, 5)])


if __name__ == "__main__":
    unittest.main(verbosity=2)
