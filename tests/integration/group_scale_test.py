"""Many groups: idle ones cost nothing, active ones share what is read."""

import os
import re
import time
import unittest
import urllib.request

import conformance_support  # noqa: F401

from support.consumer import Member
from support.events import event
from support.server import Server
from support.stubs import pb


class GroupScale(unittest.TestCase):

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.close)

    def cpu_seconds(self):
        with open(f"/proc/{self.server.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.server.http_port}/metrics") as answer:
            return float(re.search(rf"^{name} (\S+)$", answer.read().decode(), re.M)[1])

    def disk_bytes_read(self):
        with open(f"/proc/{self.server.process.pid}/io", encoding="ascii") as figures:
            return int(re.search(r"^read_bytes: (\d+)$", figures.read(), re.M)[1])

    def test_a_thousand_idle_groups_cost_nothing(self):
        self.server.topics.CreateTopic(pb.CreateTopicRequest(
            name="hr", config=pb.TopicConfig(partitions=10)))
        for p in range(10):
            self.server.events.Append(pb.AppendRequest(topic="hr", partition=p, events=[event()]))
        offsets = [pb.OffsetToCommit(topic="hr", partition=p, offset=1) for p in range(10)]
        for first in range(0, 1000, 200):
            calls = [self.server.groups.CommitOffsets.future(pb.CommitOffsetsRequest(
                group=f"g{n}", offsets=offsets)) for n in range(first, first + 200)]
            for call in calls:
                call.result()
        self.server.restart()
        time.sleep(7)  # Their offsets are read in the background, 160 groups a second.
        before = self.cpu_seconds()
        time.sleep(4)
        used = self.cpu_seconds() - before
        print(f"1,000 idle groups x 10 partitions: {used / 4:.2%} of a core", flush=True)
        self.assertLess(used / 4, 0.03)

    def test_a_hundred_active_groups_share_what_is_read(self):
        self.server.topics.CreateTopic(pb.CreateTopicRequest(name="hr"))
        members = [Member(self.server.groups, f"g{n}", ["hr"]) for n in range(100)]
        for member in members:
            self.addCleanup(member.close)
            member.until_owning(1)
        store = self.metric("tidemark_read_store_hits_total")
        disk = self.disk_bytes_read()
        payload = os.urandom(1000)
        rounds, each = 40, 25
        for n in range(rounds):
            self.server.events.Append(pb.AppendRequest(topic="hr", events=[
                event(id=f"{n}-{i}", data=payload) for i in range(each)]))
            for member in members:
                member.until_events((n + 1) * each)
        log_bytes = rounds * each * len(payload)
        from_store = self.metric("tidemark_read_store_hits_total") - store
        from_memory = self.metric("tidemark_read_tail_hits_total")
        print(f"100 groups, {log_bytes} bytes each: {from_memory:.0f} batches from memory, "
              f"{from_store:.0f} from the store, {self.disk_bytes_read() - disk} bytes of the disk",
              flush=True)
        self.assertLess(from_store, 0.1 * rounds * len(members))
        self.assertLess(self.disk_bytes_read() - disk, log_bytes)


if __name__ == "__main__":
    unittest.main()
