#!/usr/bin/python3
"""The demo tells its story to a right end, and its check notices each kind of wrong.

TIDEMARK_BIN_DIR names the directory with `tidemark-demo` and `tidemarkd`.
"""

import json
import os
import pathlib
import re
import select
import signal
import subprocess
import tempfile
import time
import unittest

BIN = pathlib.Path(os.environ.get("TIDEMARK_BIN_DIR", "build/release/bin")).resolve()
PATIENCE_S = 90
SMALL = ("--count", "1500", "--seconds", "2")
ROW = re.compile(r"^(?P<what>HR|the server|payroll|gift cards): .*?  +(?P<numbers>[\d, ]+?) +"
                 r"(?P<verdict>right|WRONG)\s*$", re.MULTILINE)
COLUMNS = ("expected", "found", "missing", "duplicates", "unknown", "order_violations")


def table_of(output):
    """The rows of the table that ends the demo, by their first word: numbers and verdict."""
    rows = {}
    for row in ROW.finditer(output):
        numbers = [int(number.replace(",", "")) for number in row["numbers"].split()]
        rows[row["what"]] = dict(zip(COLUMNS, numbers, strict=True), verdict=row["verdict"])
    return rows


def right_row(expected):
    return {"expected": expected, "found": expected, "missing": 0, "duplicates": 0, "unknown": 0,
            "order_violations": 0, "verdict": "right"}


class DemoTest(unittest.TestCase):

    def setUp(self):
        # The demo makes its directory here; whatever is left at the end was left by it.
        directory = tempfile.TemporaryDirectory(prefix="tidemark-demo-test-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        (self.directory / "tmp").mkdir()
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith("TIDEMARK_")}
        self.environment["TMPDIR"] = str(self.directory / "tmp")

    def start(self, *arguments):
        process = subprocess.Popen([BIN / "tidemark-demo", *map(str, arguments)],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env=self.environment)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def run_demo(self, *arguments):
        """Runs it to its end; returns the exit code and what it printed."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=PATIENCE_S)
        return process.returncode, output

    def assert_all_cleaned_up(self):
        self.assertEqual(list((self.directory / "tmp").iterdir()), [])
        self.assertEqual(self.processes_of_the_demo(), [])

    def processes_of_the_demo(self):
        """Ids of processes that have the demo's directory in their command line."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = path.read_bytes()
            except OSError:  # It ended while we looked.
                continue
            if f"{self.directory}/tmp/".encode() in command:
                found.append(path.parent.name)
        return found

    def test_the_story_ends_right(self):
        code, output = self.run_demo(*SMALL)
        self.assertEqual(code, 0, output)
        rows = table_of(output)
        hires = rows["payroll"]["expected"]
        self.assertGreater(hires, 100)
        self.assertEqual(rows, {"HR": right_row(1500), "the server": right_row(1500),
                                "payroll": right_row(hires), "gift cards": right_row(hires)})
        self.assertIn("kill -9", output)
        self.assertIn("paid twice: 0;", output)
        self.assertIn('ConsumerOptions join{.group = "gift-cards"', output)
        self.assertNotIn("\033", output, "colour is for terminals")
        self.assert_all_cleaned_up()

    def test_a_missing_payment_is_found(self):
        self.check_sabotage("drop", missing=1, found=-1)

    def test_a_second_payment_is_found(self):
        self.check_sabotage("repeat", duplicates=1)

    def test_a_wrong_order_is_found(self):
        self.check_sabotage("swap")

    def test_a_payment_to_nobody_is_found(self):
        self.check_sabotage("forge", unknown=1, missing=1, found=-1)

    def check_sabotage(self, how, **differences):
        """Payroll's file was tampered with: exit code 1, and its row, alone, says what is wrong."""
        code, output = self.run_demo("--count", "600", "--seconds", "1", "--sabotage", how)
        self.assertEqual(code, 1, output)
        rows = table_of(output)
        row = rows.pop("payroll")
        for name, other in rows.items():
            self.assertEqual(other, right_row(other["expected"]), name)
        wanted = right_row(row["expected"])
        wanted["verdict"] = "WRONG"
        for name, difference in differences.items():
            wanted[name] += difference
        # Its neighbours are in another order than they came when an event is twice or moved.
        if how in ("repeat", "swap"):
            self.assertGreater(row.pop("order_violations"), 0)
            wanted.pop("order_violations")
        self.assertEqual(row, wanted)
        self.assertIn("WRONG", output)
        self.assert_all_cleaned_up()

    def test_events_of_a_file_are_taken(self):
        events = self.directory / "events.jsonl"
        with events.open("w", encoding="utf-8") as file:
            for n in range(900):
                kind = "employee.created" if n % 3 == 0 else "salary.changed"
                file.write(json.dumps({"id": f"e {n}", "type": kind, "source": "/test",
                                       "subject": f"employee-{n // 3}", "data": {"n": n}}) + "\n")
        code, output = self.run_demo("--events", events, "--seconds", "1")
        self.assertEqual(code, 0, output)
        rows = table_of(output)
        self.assertEqual(rows["HR"], right_row(900))
        self.assertEqual(rows["payroll"], right_row(300))

    def test_a_wrong_line_of_a_file_is_named(self):
        events = self.directory / "events.jsonl"
        good = '{"id":"1","type":"employee.created","subject":"a"}\n'
        for text, line, reason in ((good + "{\n", 2, "not valid JSON"), (good + good, 2, "same"),
                                   ('{"type":"t"}\n', 1, '"id"'),
                                   (good + '{"id":"2"}\n', 2, "type"),
                                   ('{"id":"1","type":"t"}\n', None, "employee.created")):
            with self.subTest(text):
                events.write_text(text, encoding="utf-8")
                code, output = self.run_demo("--events", events)
                self.assertEqual(code, 1, output)
                self.assertIn(f"{events}:{line}:" if line else str(events), output)
                self.assertIn(reason, output)
        self.assert_all_cleaned_up()

    def test_wrong_usage_has_an_exit_code_of_its_own(self):
        for arguments in (("--nonsense",), ("--count", "0"), ("--events", "/no/such/file"),
                          ("payroll",)):
            with self.subTest(arguments):
                code, output = self.run_demo(*arguments)
                self.assertEqual(code, 2, output)

    def test_ctrl_c_cleans_up(self):
        process = self.start("--seconds", "60")
        self.read_until(process, "employee.created")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 130, output)
        self.assert_all_cleaned_up()

    def test_a_dead_server_fails_the_demo(self):
        process = self.start("--seconds", "60")
        seen = self.read_until(process, "employee.created")
        address = re.search(r"tidemarkd on (\S+) ready", seen)[1]
        for pid in self.processes_of_the_demo():
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"tidemarkd\0" in command:
                os.kill(int(pid), signal.SIGKILL)
        output, _ = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 1, f"{address}: {output}")
        self.assertIn("the server ended: signal 9", output)
        self.assert_all_cleaned_up()

    def test_nothing_outlives_a_killed_demo(self):
        process = self.start("--seconds", "60")
        self.read_until(process, "employee.created")
        process.kill()
        process.wait()
        deadline = time.monotonic() + PATIENCE_S
        while self.processes_of_the_demo():
            self.assertLess(time.monotonic(), deadline, "children are left")
            time.sleep(0.02)

    def test_keep_leaves_the_server_running(self):
        process = self.start("--keep", "--count", "600", "--seconds", "1")
        seen = self.read_until(process, "Ctrl-C ends the server")
        address = re.search(r"TIDEMARK_SERVER=(\S+)", seen)[1]
        topic = subprocess.run([BIN / "tidemark", "--server", address, "read", "hr", "-o", "jsonl"],
                               capture_output=True, check=True, env=self.environment)
        self.assertEqual(len(topic.stdout.splitlines()), 600)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 0, output)
        self.assertEqual(self.processes_of_the_demo(), [])
        kept = list((self.directory / "tmp").iterdir())
        self.assertEqual(len(kept), 1)
        self.assertIn("data", os.listdir(kept[0]))

    def read_until(self, process, text):
        """Reads what the demo prints until `text` was there; returns it."""
        seen = ""
        deadline = time.monotonic() + PATIENCE_S
        while text not in seen:
            ready, _, _ = select.select([process.stdout], [], [], deadline - time.monotonic())
            self.assertTrue(ready, f"{text!r} did not come in: {seen}")
            piece = os.read(process.stdout.fileno(), 4096).decode()
            self.assertTrue(piece, f"it ended before {text!r} came: {seen}")
            seen += piece
        return seen


if __name__ == "__main__":
    unittest.main()
