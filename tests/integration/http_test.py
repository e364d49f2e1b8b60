"""The HTTP port: figures for Prometheus that are there and move, health and readiness."""

import json
import re
import unittest
import urllib.error
import urllib.request

import conformance_support  # noqa: F401

from support.consumer import Member
from support.events import event
from support.server import PATIENCE_S, Server, wait_until
from support.stubs import pb

SAMPLE = re.compile(r"^([a-z_]+)(\{[^}]*\})? (\S+)$")


class Http(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.server = Server("--group-stall-time", "300ms")
        cls.addClassCleanup(cls.server.close)
        cls.server.topics.CreateTopic(pb.CreateTopicRequest(name="hr"))

    def get(self, path, method="GET"):
        request = urllib.request.Request(f"http://127.0.0.1:{self.server.http_port}{path}",
                                         method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
                return response.status, response.headers, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()

    def metrics(self):
        """From sample, labels included, to value."""
        status, headers, text = self.get("/metrics")
        self.assertEqual(status, 200)
        self.assertTrue(headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        found = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                match = SAMPLE.match(line)
                self.assertIsNotNone(match, f"not a sample: {line}")
                found[match[1] + (match[2] or "")] = float(match[3])
        return found

    def append(self, count, **more):
        self.server.events.Append(pb.AppendRequest(topic="hr", events=[
            event(data=b"x" * 100) for _ in range(count)], **more))

    def test_a_stalled_group_is_seen(self):
        self.server.topics.CreateTopic(pb.CreateTopicRequest(name="stalls"))
        self.server.events.Append(pb.AppendRequest(
            topic="stalls", events=[event(type=kind) for kind in "abb"]))
        member = Member(self.server.groups, "stuck", ["stalls"], filter=pb.Filter(types=["b"]))
        self.addCleanup(member.close)
        member.until_events(2)

        def figure(name):
            return self.metrics().get(f'tidemark_group_{name}{{group="stuck"}}')

        wait_until(lambda: figure("stalled") == 1, "a stalled group")
        self.assertEqual((figure("lag_events"), figure("in_flight_events"), figure("paused")),
                         (2, 2, 0))
        self.assertGreater(figure("lag_seconds"), 0.2)
        self.assertIn('group "stuck" is stalled: 2 events wait', self.server.log())
        member.until_confirmed(member.ack_all())
        wait_until(lambda: figure("stalled") == 0, "the group goes on")
        self.assertEqual(figure("lag_events"), 0)
        self.assertIn('group "stuck" goes on', self.server.log())

    def test_what_is_promised_is_there(self):
        self.append(1)
        found = self.metrics()
        for name in ("tidemark_append_requests_total", "tidemark_append_events_total",
                     "tidemark_append_bytes_total", "tidemark_append_batches_total",
                     "tidemark_duplicate_appends_total", "tidemark_append_seconds_count",
                     "tidemark_append_seconds_sum", 'tidemark_append_seconds_bucket{le="+Inf"}',
                     "tidemark_fsync_seconds_count", 'tidemark_fsync_seconds_bucket{le="+Inf"}',
                     "tidemark_queue_bytes", "tidemark_queue_requests", "tidemark_store_failed",
                     "tidemark_read_bytes_total", "tidemark_rocksdb_wal_bytes_total"):
            self.assertIn(name, found)
        self.assertTrue(any(name.startswith("tidemark_rocksdb_live_file_bytes{") for name in found))
        self.assertTrue(any(name.startswith("tidemark_open_streams{") for name in found))
        self.assertEqual(found["tidemark_store_failed"], 0)

    def test_each_family_has_help_and_type_once(self):
        self.append(3)
        member = Member(self.server.groups, "queue", ["hr"], mode=pb.GROUP_MODE_UNORDERED)
        self.addCleanup(member.close)
        member.until_events(3)
        _, _, text = self.get("/metrics")
        self.assertEqual(text.count('tidemark_group_in_flight_events{group="queue"}'), 1)
        for kind in ("HELP", "TYPE"):
            names = re.findall(rf"^# {kind} (\S+) \S", text, re.MULTILINE)
            self.assertEqual(len(names), len(set(names)))
            self.assertIn("tidemark_append_seconds", names)
            self.assertIn("tidemark_group_lag_offsets", names)

    def test_appends_move_them(self):
        before = self.metrics()
        self.append(7, producer=pb.Producer(id="metrics", sequence=0))
        self.append(7, producer=pb.Producer(id="metrics", sequence=0))
        after = self.metrics()
        moved = {name: after[f"tidemark_{name}"] - before[f"tidemark_{name}"] for name in (
            "append_requests_total", "append_events_total", "duplicate_appends_total",
            "append_bytes_total", "fsync_seconds_count", "append_batches_total")}
        self.assertEqual((moved["append_requests_total"], moved["append_events_total"],
                          moved["duplicate_appends_total"], moved["append_batches_total"]),
                         (1, 7, 1, 1))
        self.assertGreater(moved["append_bytes_total"], 700)
        self.assertGreaterEqual(moved["fsync_seconds_count"], 1)

    def test_streams_and_group_lag(self):
        self.append(5)
        member = Member(self.server.groups, "payroll", ["hr"]).until(lambda m: m.caught_up, "all")
        self.addCleanup(member.close)
        streams = 'tidemark_open_streams{method="ConsumerGroups/Consume"}'
        lag, members = 'tidemark_group_lag_offsets{group="payroll"}', \
            'tidemark_group_members{group="payroll"}'
        found = self.metrics()
        self.assertEqual(found[streams], 1)
        self.assertEqual(found[lag], len(member.events))
        self.assertEqual(found[members], 1)
        member.until_confirmed(member.ack_all())
        self.assertEqual(self.metrics()[lag], 0)
        self.append(3)
        self.assertEqual(self.metrics()[lag], 3)
        member.leave()
        member.until_ended()
        wait_until(lambda: self.metrics()[streams] == 0, "the stream is counted down")
        self.assertEqual(self.metrics()[members], 0)

    def test_calls_are_counted_by_method_and_code(self):
        with self.assertRaises(Exception):
            self.server.topics.GetTopic(pb.GetTopicRequest(name="nowhere"))
        names = [name for name in self.metrics() if name.startswith("tidemark_requests_total{")
                 and "Topics/GetTopic" in name and "NOT_FOUND" in name]
        self.assertEqual(len(names), 1)

    def test_health_and_readiness(self):
        status, _, body = self.get("/healthz")
        self.assertEqual((status, body), (200, "ok\n"))
        status, headers, body = self.get("/readyz")
        self.assertEqual((status, json.loads(body)), (200, {"ready": True}))
        self.assertEqual(headers["Content-Type"], "application/json")

    def test_other_paths_and_methods(self):
        status, _, body = self.get("/nowhere")
        self.assertEqual(status, 404)
        self.assertIn("/metrics", body)
        status, headers, _ = self.get("/metrics", method="POST")
        self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"))
        status, headers, body = self.get("/healthz", method="HEAD")
        self.assertEqual((status, body), (200, ""))


if __name__ == "__main__":
    unittest.main(verbosity=2)
