"""read, tail and consume: which events come, when, and how it ends."""

import json
import os
import signal
import subprocess
import unittest

from cli_support import CliTest, by_key, hr_events, parse_lines, to_lines, wait_until


def ids(events):
    return [event["id"] for event in events]


class Read(CliTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        self = cls()
        cls.events = hr_events(1000)
        cls.topic = self.new_topic(4)
        self.append(cls.topic, cls.events)
        cls.single = self.new_topic(1)
        self.append(cls.single, cls.events)

    def runTest(self):
        """Only for setUpClass, which needs an instance."""

    def test_limit(self):
        self.assertEqual(len(self.read(self.topic, "--limit", 7)), 7)
        self.assertEqual(ids(self.read(self.single, "--limit", 7)), ids(self.events[:7]))

    def test_types_and_keys(self):
        created = [e for e in self.events if e["type"] == "employee.created"]
        changed = [e for e in self.events if e["type"].endswith(".changed")]
        self.assertEqual(ids(self.read(self.single, "--type", "employee.created")), ids(created))
        self.assertEqual(ids(self.read(self.single, "--type", "salary.*", "--type", "title.changed")),
                         ids(changed))
        self.assertEqual(by_key(self.read(self.topic, "--type", "employee.*")), by_key(created))
        keys = ["employee-3", "employee-5"]
        wanted = [e for e in self.events if e["subject"] in keys]
        self.assertEqual(ids(self.read(self.single, "--key", keys[0], "--key", keys[1])), ids(wanted))
        self.assertEqual(self.read(self.topic, "--type", "no.such"), [])

    def test_partitions(self):
        everything = self.read(self.topic)
        for wanted in ([0], [1, 3]):
            arguments = [a for p in wanted for a in ("--partition", p)]
            self.assertEqual(sorted(ids(self.read(self.topic, *arguments))),
                             sorted(e["id"] for e in everything if e["tidemarkpartition"] in wanted))
        self.fails(3, "read", self.topic, "--partition", 4)

    def test_backward(self):
        newest_first = ids(reversed(self.events))
        self.assertEqual(ids(self.read(self.single, "--backward")), newest_first)
        self.assertEqual(ids(self.read(self.single, "--backward", "--limit", 20)), newest_first[:20])
        self.assertEqual(ids(self.read(self.single, "--backward", "--last", 3)), newest_first[:3])
        self.assertEqual(ids(self.read(self.single, "--backward", "--from", 20, "--until", 10)),
                         ids(reversed(self.events[10:20])))
        created = [e for e in self.events if e["type"] == "employee.created"]
        self.assertEqual(ids(self.read(self.single, "--backward", "--type", "employee.created",
                                       "--until", "earliest")), ids(reversed(created)))
        self.assertIn("newest", self.fails(1, "read", self.single, "--backward", "--from", "earliest"))
        self.assertIn("nothing", self.fails(1, "read", self.single, "--backward", "--until", "latest"))

    def test_commit_order(self):
        topic = self.new_topic(4)
        for event in self.events[:30]:
            self.append(topic, [event])
        self.assertEqual(ids(self.read(topic, "--order", "commit")), ids(self.events[:30]))
        self.assertEqual(ids(self.read(topic, "--order", "commit", "--backward")),
                         ids(reversed(self.events[:30])))
        self.fails(1, "read", topic, "--order", "time")

    def test_offsets(self):
        self.assertEqual(ids(self.read(self.single, "--from", 10, "--until", 20)),
                         ids(self.events[10:20]))
        self.assertEqual(self.read(self.single, "--from", 1000), [])
        self.assertIn("tidemark topic show", self.fails(3, "read", self.single, "--from", 1001))
        self.assertIn("--partition", self.fails(1, "read", self.topic, "--from", 1))
        partition = [e for e in self.read(self.topic) if e["tidemarkpartition"] == 2]
        self.assertEqual(ids(self.read(self.topic, "--partition", 2, "--from", 5)), ids(partition[5:]))

    def test_last(self):
        self.assertEqual(ids(self.read(self.single, "--last", 3)), ids(self.events[-3:]))

    def test_times(self):
        self.assertEqual(len(self.read(self.topic, "--from", "1h")), 1000)
        self.assertEqual(self.read(self.topic, "--until", "1h"), [])
        self.assertEqual(self.read(self.topic, "--from", "latest"), [])
        topic = self.new_topic()
        self.append(topic, self.events[:3])
        first = self.read(topic)[-1]["tidemarkappendtime"]
        wait_until(lambda: self.append(topic, self.events[3:4]) == ""
                   and self.read(topic)[-1]["tidemarkappendtime"] > first, "time passes")
        second = next(e for e in self.read(topic) if e["tidemarkappendtime"] > first)
        at = second["tidemarkappendtime"]
        self.assertEqual(self.read(topic, "--from", at)[0], second)
        self.assertEqual(self.read(topic, "--until", at)[-1]["tidemarkappendtime"], first)

    def test_json_is_one_array(self):
        self.assertEqual(ids(json.loads(self.ok("read", self.single, "-o", "json"))),
                         ids(self.events))
        self.assertEqual(json.loads(self.ok("read", self.single, "-o", "json", "--type", "none")), [])

    def test_jsonl_is_the_default_for_programs(self):
        self.assertEqual(ids(parse_lines(self.ok("read", self.single))), ids(self.events))

    def test_a_table_is_for_people(self):
        lines = self.ok("read", self.single, "-o", "table", "--limit", 2).splitlines()
        self.assertRegex(lines[0], r"^STORED +PLACE +TYPE +KEY +DATA$")
        self.assertRegex(lines[2], rf"0/1 +{self.events[1]['type']} +{self.events[1]['subject']} ")

    def test_a_reader_may_leave(self):
        topic = self.new_topic()
        self.append(topic, [{"type": "x", "data": "d" * 500} for _ in range(5000)])
        for command in (["read", topic], ["consume", topic, "--group", "left"],
                        ["tail", topic, "--from", "earliest"]):
            with self.subTest(command):
                process = self.start(*command)
                self.read_line(process)
                process.stdout.close()
                self.assertEqual(process.wait(30), 0)
                self.assertEqual(process.stderr.read(), b"")
                process.stdout = None

    def test_a_full_disk_is_told(self):
        with open("/dev/full", "wb") as full:
            process = self.start("read", self.single, stdout=full)
            self.assertEqual(process.wait(30), 1)
            self.assertIn(b"No space left", process.stderr.read())


class Tail(CliTest):

    def test_follows_until_ctrl_c(self):
        topic = self.new_topic(2)
        events = hr_events(30)
        self.append(topic, events[:10])
        process = self.start("tail", topic, "--from", "earliest")
        seen = [json.loads(self.read_line(process)) for _ in range(10)]
        for event in events[10:]:
            self.append(topic, [event])
            seen.append(json.loads(self.read_line(process)))
            self.assertEqual(seen[-1]["id"], event["id"])
        self.assertEqual(by_key(seen), by_key(events))
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(30), 0)
        self.assertEqual(process.stderr.read(), b"")

    def test_begins_with_what_comes_unless_told_otherwise(self):
        topic = self.new_topic()
        self.append(topic, [{"type": "old"}])
        process = self.start("tail", topic, "--limit", 1)
        # When it listens cannot be seen from here, so events are appended until one arrives.
        def appended_and_ended():
            self.append(topic, [{"type": "new"}])
            return process.poll() is not None
        wait_until(appended_and_ended, "an event arrives")
        self.assertEqual(process.returncode, 0)
        self.assertEqual(json.loads(process.stdout.read())["type"], "new")

    def test_filters_and_limits(self):
        topic = self.new_topic()
        events = hr_events(100)
        self.append(topic, events)
        created = [e for e in events if e["type"] == "employee.created"]
        process = self.start("tail", topic, "--last", 5, "--type", "employee.created", "--limit", 5)
        self.assertEqual(process.wait(30), 0)
        self.assertEqual(ids(parse_lines(process.stdout.read().decode())), ids(created[-5:]))

    def test_goes_on_when_its_reader_leaves_while_nothing_happens(self):
        process = self.start("tail", self.new_topic())
        process.stdout.close()
        process.stdout = None
        self.assertEqual(process.wait(30), 0)


class Consume(CliTest):

    def consume(self, topic, group, *arguments):
        return parse_lines(self.ok("consume", topic, "--group", group, "-o", "jsonl", *arguments))

    def lag(self, group):
        return json.loads(self.ok("group", "show", group, "-o", "json"))["lag_offsets"]

    def test_a_group_goes_on_where_it_was(self):
        topic = self.new_topic()
        events = hr_events(300)
        self.append(topic, events[:200])
        self.assertEqual(ids(self.consume(topic, "payroll", "--limit", 50)), ids(events[:50]))
        self.assertEqual(ids(self.consume(topic, "payroll", "--limit", 1)), ids(events[50:51]))
        self.assertEqual(ids(self.consume(topic, "payroll", "--until-caught-up")), ids(events[51:200]))
        self.assertEqual(self.consume(topic, "payroll", "--until-caught-up"), [])
        self.append(topic, events[200:])
        self.assertEqual(ids(self.consume(topic, "payroll", "--until-caught-up")), ids(events[200:]))
        self.assertEqual(self.lag("payroll"), 0)
        self.assertEqual(ids(self.consume(topic, "gifts", "--until-caught-up")), ids(events))

    def test_a_group_may_want_only_some_types(self):
        topic = self.new_topic(4)
        events = hr_events(1000)
        self.append(topic, events)
        created = [e for e in events if e["type"] == "employee.created"]
        got = self.consume(topic, "typed", "--type", "employee.created", "--until-caught-up")
        self.assertEqual(by_key(got), by_key(created))
        self.assertEqual(len(got), len(created))
        self.assertEqual(self.lag("typed"), 0)
        error = self.fails(3, "consume", topic, "--group", "typed", "--type", "salary.changed",
                           "--until-caught-up")
        self.assertIn("tidemark group show typed", error)

    def test_a_new_group_may_begin_at_the_end(self):
        topic = self.new_topic()
        self.append(topic, hr_events(10))
        self.assertEqual(self.consume(topic, "late", "--from", "latest", "--until-caught-up"), [])
        self.assertIn("group commit", self.fails(1, "consume", topic, "--group", "x", "--from", "5"))

    def test_ctrl_c_acknowledges_and_leaves(self):
        topic = self.new_topic()
        events = hr_events(20)
        self.append(topic, events)
        process = self.start("consume", topic, "--group", "leaving")
        for event in events:
            self.assertEqual(json.loads(self.read_line(process))["id"], event["id"])
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(30), 0)
        self.assertEqual(process.stderr.read(), b"")
        self.assertEqual(self.consume(topic, "leaving", "--until-caught-up"), [])

    def test_what_could_not_be_printed_is_not_acknowledged(self):
        topic = self.new_topic()
        self.append(topic, hr_events(50))
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb") as broken:
            process = self.start("consume", topic, "--group", "unheard", "--until-caught-up",
                                 stdout=broken)
            self.assertEqual(process.wait(30), 0)
        self.assertEqual(len(self.consume(topic, "unheard", "--until-caught-up")), 50)

    def test_a_command_handles_each_event_of_a_work_queue(self):
        topic = self.new_topic(2)
        events = [{"type": "mail", "subject": f"k{n % 5}", "id": str(n)} for n in range(40)]
        self.append(topic, events)
        output = self.scratch / "handled"
        self.ok("consume", topic, "--group", "mailer", "--mode", "key-ordered", "--concurrency", 4,
                "--exec", f'read -r line; echo "$TIDEMARK_KEY $line" >> {output}',
                "--until-caught-up")
        lines = [line.split(" ", 1) for line in output.read_text().splitlines()]
        handled = [json.loads(line) for _, line in lines]
        self.assertEqual([key for key, _ in lines], [e["subject"] for e in handled])
        self.assertEqual(by_key(handled), by_key(events))
        self.assertEqual(self.lag("mailer"), 0)
        self.assertEqual(self.consume(topic, "mailer", "--until-caught-up"), [])

    def test_what_becomes_of_an_event_whose_command_fails(self):
        topic = self.new_topic()
        self.append(topic, [{"type": "t", "subject": key, "id": key} for key in "ab"])
        command = ("--exec", 'test "$TIDEMARK_KEY" != a || exit 3', "--until-caught-up")
        work = ("consume", topic, "--mode", "key-ordered", *command)
        done = self.run_cli(*work, "--group", "last", "--max-attempts", 1)
        self.assertEqual(done.returncode, 0, done.err)
        self.assertIn(f"event {topic}/0/0, attempt 1: the command ended with code 3", done.err)
        letter, = json.loads(self.ok("dlq", "list", "last", "-o", "json"))
        self.assertEqual((letter["offset"], letter["reason"]), (0, "the command ended with code 3"))
        self.ok(*work, "--group", "dead", "--on-error", "dead-letter")
        self.assertEqual(len(json.loads(self.ok("dlq", "list", "dead", "-o", "json"))), 1)
        self.ok(*work, "--group", "skipped", "--on-error", "skip")
        self.assertEqual(self.lag("skipped"), 0)
        self.assertIn("ended with code 3", self.fails(1, "consume", topic, "--group", "x", *command))
        for wrong in (("--concurrency", 2), ("--on-error", "skip"), ("--max-attempts", 2)):
            self.assertIn(wrong[0], self.fails(1, "consume", topic, "--group", "y", *wrong))

    def test_members_share_the_partitions(self):
        topic = self.new_topic(4)
        events = hr_events(400)
        # Into files: nobody reads a pipe meanwhile, and a full one would hold a member up.
        files = [open(self.scratch / f"member-{i}", "w+b") for i in range(2)]
        members = [self.start("consume", topic, "--group", "shared", stdout=f) for f in files]

        def both_own():
            done = self.run_cli("group", "show", "shared", "-o", "json")
            if done.returncode != 0:
                return False
            owners = [p["owner"] for p in json.loads(done.out)["partitions"]]
            return None not in owners and len(set(owners)) == 2
        wait_until(both_own, "both members own partitions")
        self.append(topic, events)
        wait_until(lambda: self.lag("shared") == 0, "everything is handled")
        got = []
        for member, file in zip(members, files):
            member.send_signal(signal.SIGINT)
            self.assertEqual(member.wait(30), 0)
            self.assertEqual(member.stderr.read(), b"")
            with file:
                file.seek(0)
                part = parse_lines(file.read().decode())
            self.assertTrue(part)
            got += part
        self.assertEqual(by_key(got), by_key(events))


class ServerThatComesBack(CliTest):

    def test_tail_and_append_go_on(self):
        topic = self.new_topic(2)
        events = hr_events(40)
        tail = self.start("tail", topic, "--from", "earliest")
        append = self.start("append", topic, "--acks", stdin=subprocess.PIPE)
        seen, acked = [], 0

        def send(event):
            nonlocal acked
            append.stdin.write(to_lines([event]).encode())
            append.stdin.flush()
            seen.append(json.loads(self.read_line(tail)))
            acked += json.loads(self.read_line(append))["count"]

        for event in events[:20]:
            send(event)
        self.server.crash()
        self.server.start()
        for event in events[20:]:
            send(event)
        append.stdin.close()
        self.assertEqual(append.wait(30), 0)
        tail.send_signal(signal.SIGINT)
        self.assertEqual(tail.wait(30), 0)
        self.assertEqual((ids(seen), acked), (ids(events), 40))
        notes = tail.stderr.read().decode().splitlines()
        self.assertEqual(len(notes), 2, notes)
        self.assertIn("connection lost", notes[0])
        self.assertEqual(notes[1], "connected again")
        self.assertEqual(by_key(self.read(topic)), by_key(events))


if __name__ == "__main__":
    unittest.main()
