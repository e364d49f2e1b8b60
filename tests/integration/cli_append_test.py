"""append: what is stored, what is told, and what happens to wrong input."""

import json
import signal
import subprocess
import unittest

from cli_support import (CliTest, by_key, hr_events, parse_lines, to_lines, without_place)


class Append(CliTest):

    def test_everything_comes_back_as_it_was(self):
        topic = self.new_topic(4)
        events = hr_events(5000)
        done = self.run_cli("append", topic, stdin=to_lines(events))
        self.assertEqual(done.returncode, 0, done.err)
        self.assertIn("appended 5,000 events", done.err)
        self.assertEqual(done.out, "")
        stored = self.read(topic)
        self.assertEqual(by_key(stored), by_key(events))
        self.assertEqual({e["id"]: without_place(e) for e in stored}, {e["id"]: e for e in events})
        for event in stored:
            self.assertIn(event["tidemarkpartition"], range(4))
            self.assertIsInstance(event["tidemarkoffset"], int)
            self.assertRegex(event["tidemarkappendtime"], r"^20\d\d-.*Z$")

    def test_takes_what_read_prints(self):
        first, second = self.new_topic(3), self.new_topic(1)
        self.append(first, hr_events(500))
        self.ok("append", second, "--input", "-", stdin=self.ok("read", first, "-o", "jsonl"))
        self.assertEqual(sorted(map(json.dumps, map(without_place, self.read(first)))),
                         sorted(map(json.dumps, map(without_place, self.read(second)))))

    def test_keeps_digits_and_order_of_json(self):
        topic = self.new_topic()
        data = '{"z":1.500,"a":123456789012345678901234567890,"m":1e400}'.replace("1e400", "1E+4")
        self.ok("append", topic, stdin='{"type":"x","data":' + data + "}\n")
        self.assertIn('"data":' + data + "}", self.ok("read", topic, "-o", "jsonl"))

    def test_binary_and_text_data(self):
        topic = self.new_topic()
        events = [{"type": "x", "id": "1", "source": "s", "specversion": "1.0", "data_base64": "AAH/"},
                  {"type": "x", "id": "2", "source": "s", "specversion": "1.0",
                   "datacontenttype": "text/plain", "data": "a\nb \u001b[2J"}]
        self.append(topic, events)
        self.assertEqual([without_place(e) for e in self.read(topic)], events)

    def test_raw_lines(self):
        topic = self.new_topic()
        self.ok("append", topic, "--type", "t", "--key", "k", "--source", "/s",
                stdin='{"a": 1}\nplain\n\nlast')
        stored = self.read(topic)
        self.assertEqual([e.get("data") for e in stored], [{"a": 1}, "plain", "last"])
        self.assertEqual({(e["type"], e["subject"], e["source"]) for e in stored}, {("t", "k", "/s")})
        self.assertEqual([e["id"] for e in stored], [f"{topic}/0/{i}" for i in range(3)])

    def test_into_one_partition(self):
        topic = self.new_topic(4)
        self.append(topic, hr_events(50), "--partition", 2)
        self.assertEqual({e["tidemarkpartition"] for e in self.read(topic)}, {2})
        self.fails(3, "append", topic, "--partition", 4, stdin='{"type":"x"}\n')

    def test_no_input_is_no_failure(self):
        topic = self.new_topic()
        self.assertIn("appended 0 events", self.run_cli("append", topic).err)
        self.assertEqual(self.read(topic), [])

    def test_a_file_that_is_not_there(self):
        topic = self.new_topic()
        self.assertIn("/nowhere.jsonl", self.fails(1, "append", topic, "--input", "/nowhere.jsonl"))

    def test_the_summary_for_programs(self):
        topic = self.new_topic()
        summary = json.loads(self.append(topic, hr_events(10), "-o", "json"))
        self.assertEqual((summary["sent"], summary["acknowledged"], summary["complete"]),
                         (10, 10, True))


class Acks(CliTest):

    def test_acks_cover_every_offset_once(self):
        topic = self.new_topic(4)
        events = hr_events(3000)
        ranges = parse_lines(self.append(topic, events, "--acks"))
        self.assertEqual(sum(r["count"] for r in ranges), 3000)
        acked = {(r["partition"], o) for r in ranges
                 for o in range(r["first_offset"], r["first_offset"] + r["count"])}
        self.assertEqual({r["topic"] for r in ranges}, {topic})
        self.assertEqual(acked, {(e["tidemarkpartition"], e["tidemarkoffset"])
                                 for e in self.read(topic)})

    def test_an_ack_comes_before_the_input_ends(self):
        for more in ([], ["--producer-id", "acks-early"]):
            with self.subTest(more):
                topic = self.new_topic()
                process = self.start("append", topic, "--acks", *more, stdin=subprocess.PIPE)
                for offset in range(3):
                    process.stdin.write(b'{"type":"x"}\n')
                    process.stdin.flush()
                    ack = json.loads(self.read_line(process))
                    self.assertEqual(ack, {"topic": topic, "partition": 0, "first_offset": offset,
                                           "count": 1})
                process.stdin.close()
                self.assertEqual(process.wait(30), 0)

    def test_ctrl_c_keeps_and_tells_what_is_durable(self):
        topic = self.new_topic()
        process = self.start("append", topic, "--acks", stdin=subprocess.PIPE)
        process.stdin.write(b'{"type":"x"}\n')
        process.stdin.flush()
        self.assertEqual(json.loads(self.read_line(process))["count"], 1)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(30), 130)
        self.assertIn("1 event sent, 1 acknowledged", process.stderr.read().decode())
        self.assertEqual(len(self.read(topic)), 1)


class WrongInput(CliTest):

    def input_with(self, line, at):
        """A file of 20 events whose line number `at` is `line`."""
        lines = to_lines(hr_events(20)).splitlines()
        lines[at - 1] = line
        path = self.scratch / "input.jsonl"
        path.write_bytes(b"\n".join(l.encode() if isinstance(l, str) else l for l in lines) + b"\n")
        return path

    def test_nothing_after_a_malformed_line_is_sent(self):
        for line, reason in (("{broken", "not valid JSON"), ('{"id":"1"}', '"type" is missing'),
                             ("[]", "not a JSON object"), (b'{"type":"\xff"}', "not valid JSON"),
                             ('{"type":"x","time":"noon"}', "RFC 3339"),
                             ('{"type":"x","data":1,"data_base64":"AA=="}', "both")):
            for more in ([], ["--producer-id", f"wrong-{len(reason)}-{len(line)}"]):
                with self.subTest(line=line, more=more):
                    topic = self.new_topic()
                    path = self.input_with(line, at=8)
                    error = self.fails(1, "append", topic, "--input", path, *more)
                    self.assertIn(f"{path}:8: ", error)
                    self.assertIn(reason, error)
                    self.assertIn("7 events sent, 7 acknowledged", error)
                    self.assertEqual([e["id"] for e in self.read(topic)],
                                     [f"e-{i}" for i in range(7)])

    def test_what_can_never_be_stored_is_a_malformed_line(self):
        for line in ('{"type":"has*star"}', json.dumps({"type": "x", "subject": "k" * 2000}),
                     json.dumps({"type": "x", "data": "d" * (2 << 20)})):
            for more in ([], ["--producer-id", f"never-{len(line)}"]):
                with self.subTest(line=line[:40], more=more):
                    topic = self.new_topic()
                    path = self.input_with(line, at=8)
                    error = self.fails(1, "append", topic, "--input", path, *more)
                    self.assertIn(f"{path}:8: ", error)
                    self.assertEqual([e["id"] for e in self.read(topic)][:7],
                                     [f"e-{i}" for i in range(7)])

    def test_standard_input_has_a_name(self):
        self.assertIn("stdin:1: ", self.fails(1, "append", self.new_topic(), stdin="nonsense\n"))

    def test_invalid_lines_can_be_left_out(self):
        for more in ([], ["--producer-id", "left-out"]):
            with self.subTest(more):
                topic = self.new_topic()
                path = self.input_with('{"type":"has*star"}', at=8)
                path.write_text("nonsense\n" + path.read_text())
                done = self.run_cli("append", topic, "--input", path, "--skip-invalid", *more)
                self.assertEqual(done.returncode, 0, done.err)
                self.assertIn(f"{path}:1: ", done.err)
                self.assertIn(f"{path}:9: ", done.err)
                self.assertIn("2 invalid lines skipped", done.err)
                self.assertEqual([e["id"] for e in self.read(topic)],
                                 [f"e-{i}" for i in range(20) if i != 7])


class Repeated(CliTest):

    def test_a_repeated_run_stores_nothing_twice(self):
        topic = self.new_topic(3)
        events = hr_events(2500)
        path = self.scratch / "events.jsonl"
        command = ["append", topic, "--input", path, "--producer-id", "repeated"]

        path.write_text(to_lines(events[:700]))
        self.ok(*command)
        self.assertIn("700 of them by an earlier run", self.run_cli(*command).err)
        path.write_text(to_lines(events[:1500]))
        self.ok(*command)
        path.write_text(to_lines(events))
        done = self.run_cli(*command, "--acks")
        self.assertIn("1,500 of them by an earlier run", done.err)
        self.assertEqual(sum(r["count"] for r in parse_lines(done.out)), 2500)
        self.assertEqual(by_key(self.read(topic)), by_key(events))
        self.assertEqual(len(self.read(topic)), 2500)

    def test_an_id_belongs_to_one_topic(self):
        first, second = self.new_topic(), self.new_topic()
        self.append(first, hr_events(5), "--producer-id", "mine")
        error = self.fails(3, "append", second, "--producer-id", "mine", stdin='{"type":"x"}\n')
        self.assertIn(first, error)


if __name__ == "__main__":
    unittest.main()
