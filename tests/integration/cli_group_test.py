"""Consumer groups from the command line: show, watch, seek, pause, update, delete; types and keys."""

import json
import signal
import unittest

from cli_support import CliTest, hr_events, wait_until


class GroupCommands(CliTest):

    def setUp(self):
        super().setUp()
        self.topic = self.new_topic(partitions=2)
        self.group = f"group-of-{self.topic}"
        self.append(self.topic, [{"type": kind, "subject": f"k{n % 5}", "data": n}
                                 for n, kind in enumerate(["a", "b"] * 20)])
        self.consume("--type", "a")

    def consume(self, *arguments):
        return self.ok("consume", self.topic, "--group", self.group, "--until-caught-up", "-o",
                       "jsonl", *arguments).splitlines()

    def json(self, *arguments):
        return json.loads(self.ok(*arguments, "-o", "json"))

    def test_seek_tells_before_it_moves(self):
        told = self.json("group", "seek", self.group, "--to", "earliest", "--dry-run")
        self.assertEqual((told["dry_run"], told["redelivered_events"], told["skipped_events"]),
                         (True, 20, 0))
        self.assertEqual(self.consume(), [])
        text = self.ok("group", "seek", self.group, "--to", "earliest")
        self.assertIn("20 events are delivered again, 0 skipped", text)
        self.assertIn("PARTITION", text)
        self.assertEqual(len(self.consume()), 20)

    def test_seek_to_an_offset_a_time_and_another_group(self):
        self.ok("group", "seek", self.group, "--topic", self.topic, "--partition", 1, "--to", 0)
        moved = self.json("group", "show", self.group)["partitions"]
        self.assertEqual([p["committed_offset"] == 0 for p in moved], [False, True])
        self.ok("group", "seek", self.group, "--to", "1h")
        other = self.group + "-other"
        self.ok("consume", self.topic, "--group", other, "--until-caught-up")
        self.ok("group", "seek", self.group, "--like", other)
        self.assertEqual([p["committed_offset"] for p in self.json("group", "show", self.group)["partitions"]],
                         [p["end_offset"] for p in moved])

    def test_bad_seeks_are_told_apart(self):
        for arguments, words in ((["--dry-run"], "--to PLACE"), (["--to", "7"], "--topic"),
                                 (["--to", "soon"], "soon"),
                                 (["--to", "earliest", "--like", "x"], "one of"),
                                 (["--to", "latest", "--partition", "1"], "--to OFFSET")):
            with self.subTest(arguments):
                self.assertIn(words, self.fails(1, "group", "seek", self.group, *arguments))
        self.fails(3, "group", "seek", "missing", "--to", "earliest")

    def test_pause_and_resume(self):
        self.assertIn("paused", self.ok("group", "pause", self.group))
        self.assertRegex(self.ok("group", "show", self.group), r"state: +paused")
        self.assertTrue(self.json("group", "show", self.group)["paused"])
        self.assertEqual(self.json("group", "resume", self.group)["paused"], False)
        self.assertFalse(self.json("group", "show", self.group)["paused"])

    def test_update(self):
        self.fails(1, "group", "update", self.group)
        self.fails(1, "group", "update", self.group, "--all-events", "--type", "a")
        config = self.json("group", "update", self.group, "--type", "b", "--max-attempts", 5)
        self.assertEqual((config["types"], config["retry_policy"]["max_attempts"]), (["b"], 5))
        config = self.json("group", "update", self.group, "--initial-backoff", "3s",
                           "--topic", f"{self.topic}*")
        self.assertEqual(config["topics"], [f"{self.topic}*"])
        retry = config["retry_policy"]
        self.assertEqual((retry["initial_backoff_seconds"], retry["max_attempts"]), (3, 5))
        config = self.json("group", "update", self.group, "--all-events", "--max-attempts",
                           "unlimited")
        self.assertEqual((config["types"], config["retry_policy"]["max_attempts"]), ([], None))
        self.fails(3, "group", "update", self.group, "--topic", "nowhere")

    def test_show_counts_what_the_group_reads(self):
        self.ok("group", "seek", self.group, "--to", "earliest")
        shown = self.ok("group", "show", self.group)
        self.assertRegex(shown, r"lag: +20 events")
        self.assertIn("no members", shown)
        group = self.json("group", "show", self.group)
        self.assertEqual((group["lag_events"], group["lag_offsets"]), (20, 40))
        self.assertFalse(group["stalled"])

    def test_watch_prints_lines_until_it_is_stopped(self):
        watch = self.start("group", "watch", self.group, "--interval", "1s")
        self.assertIn("no members", self.read_line(watch))
        watch.send_signal(signal.SIGINT)
        self.assertEqual(watch.wait(20), 0)
        lines = self.ok("group", "watch", self.group, "--interval", "1s", "--count", 2, "-o", "json")
        self.assertEqual([json.loads(line)["name"] for line in lines.splitlines()],
                         [self.group] * 2)

    def test_delete(self):
        consumer = self.start("consume", self.topic, "--group", self.group)
        wait_until(lambda: self.json("group", "show", self.group)["members"], "a member")
        self.assertIn("set force", self.fails(3, "group", "delete", self.group))
        self.ok("group", "delete", self.group, "--force")
        consumer.wait(20)
        self.fails(3, "group", "show", self.group)


class TypesAndKeys(CliTest):

    def test_types_of_a_topic(self):
        topic = self.new_topic(partitions=3)
        self.append(topic, hr_events(50))
        types = json.loads(self.ok("topic", "types", topic, "-o", "json"))
        self.assertEqual(sum(t["events"] for t in types), 50)
        self.assertEqual([t["type"] for t in types],
                         ["employee.created", "salary.changed", "title.changed"])
        self.assertIn("salary.changed", self.ok("topic", "types", topic))
        self.fails(3, "topic", "types", "missing")

    def test_history_of_a_key(self):
        topic = self.new_topic(partitions=3)
        events = hr_events(50)
        self.append(topic, events)
        wanted = [e["id"] for e in events if e["subject"] == "employee-1"]
        key = json.loads(self.ok("key", "show", topic, "employee-1", "-o", "json"))
        self.assertEqual([e["id"] for e in key["events"]], wanted)
        self.assertEqual(key["revision"], len(wanted) - 1)
        self.assertIn(f"revision {len(wanted) - 1}", self.ok("key", "show", topic, "employee-1"))
        newest = json.loads(self.ok("key", "show", topic, "employee-1", "--limit", 2, "-o", "json"))
        self.assertEqual([e["id"] for e in newest["events"]], wanted[-2:])
        oldest = json.loads(self.ok("key", "show", topic, "employee-1", "--from-revision", 1,
                                    "--limit", 2, "-o", "json"))
        self.assertEqual([e["id"] for e in oldest["events"]], wanted[1:3])
        read = [json.loads(line)["id"] for line in self.ok(
            "read", topic, "--key", "employee-1", "--from-revision", 2, "--backward",
            "-o", "jsonl").splitlines()]
        self.assertEqual(read, wanted[2::-1])
        self.assertIn("its newest is", self.fails(
            3, "key", "show", topic, "employee-1", "--from-revision", len(wanted) + 1))
        self.fails(3, "key", "show", topic, "nobody")


if __name__ == "__main__":
    unittest.main()
