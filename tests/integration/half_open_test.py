"""A client that is there and says nothing, as behind a dead network: noticed within the keepalive bound."""

import json
import signal
import time
import unittest

from cli_support import CliTest, wait_until


class HalfOpen(CliTest):

    FLAGS = ("--keepalive-interval", "500ms", "--keepalive-timeout", "500ms",
             "--heartbeat-interval", "200ms")

    def members(self, group):
        return json.loads(self.ok("group", "show", group, "-o", "json"))["members"]

    def test_a_member_that_stopped_is_gone_and_its_partitions_go_on(self):
        topic, group = self.new_topic(partitions=2), "half-open"
        stuck = self.start("consume", topic, "--group", group, "-o", "jsonl")
        self.append(topic, [{"type": "x", "subject": f"k{n}", "id": str(n)} for n in range(20)])
        for _ in range(20):
            self.read_line(stuck)
        wait_until(lambda: json.loads(self.ok("group", "show", group, "-o", "json"))
                   ["lag_events"] == 0, "everything acked")
        stuck.send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        self.append(topic, [{"type": "x", "subject": f"k{n}", "id": str(20 + n)} for n in range(20)])
        wait_until(lambda: not self.members(group), "the silent member is gone")
        # Interval, timeout, and what a loaded machine adds.
        self.assertLess(time.monotonic() - begin, 15)
        other = self.ok("consume", topic, "--group", group, "--until-caught-up", "-o", "jsonl")
        self.assertEqual(sorted(int(json.loads(line)["id"]) for line in other.splitlines()),
                         list(range(20, 40)))
        # Awake again it may print what had reached it, but cannot ack it; then it joins anew.
        stuck.send_signal(signal.SIGCONT)
        wait_until(lambda: self.members(group), "the member is back")
        group_now = json.loads(self.ok("group", "show", group, "-o", "json"))
        self.assertEqual(group_now["lag_events"], 0)
        self.append(topic, [{"type": "x", "id": "40"}])
        while json.loads(self.read_line(stuck))["id"] != "40":
            pass


if __name__ == "__main__":
    unittest.main()
