"""The base of tests against one running server, with the few calls that nearly all of them make."""

import contextlib
import itertools
import unittest

import grpc

from . import errors
from .events import stored
from .server import PATIENCE_S, Server
from .stubs import pb


class ServerCase(unittest.TestCase):
    """One server for each class of tests; tests keep apart by topics and groups of their own."""

    FLAGS = ()
    maxDiff = 4000
    _names = itertools.count(1)

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.FLAGS)
        cls.addClassCleanup(cls.server.close)

    def tearDown(self):
        if self.server.process.poll() is not None:
            log = self.server.log()
            self.server.restart()
            self.fail(f"the server died: {log[-3000:]}")

    @classmethod
    def new_name(cls, kind):
        return f"{kind}-{next(cls._names)}"

    @classmethod
    def new_topic(cls, partitions=1, **config):
        name = cls.new_name("topic")
        cls.server.topics.CreateTopic(pb.CreateTopicRequest(
            name=name, config=pb.TopicConfig(partitions=partitions, **config)))
        return name

    @classmethod
    def append(cls, topic, events, **more):
        return cls.server.events.Append(
            pb.AppendRequest(topic=topic, events=events, **more), timeout=PATIENCE_S)

    @classmethod
    def responses(cls, topic, **more):
        """All messages of a Read."""
        return list(cls.server.events.Read(pb.ReadRequest(topic=topic, **more), timeout=PATIENCE_S))

    @classmethod
    def read(cls, topic, **more):
        """The events of a Read, each with its place."""
        return stored(cls.responses(topic, **more))

    @classmethod
    def ends(cls, topic):
        """From partition to end offset."""
        marks = cls.server.topics.GetWatermarks(pb.GetWatermarksRequest(topic=topic))
        return {mark.partition: mark.end_offset for mark in marks.partitions}

    def topic_names(self):
        listed = self.server.topics.ListTopics(pb.ListTopicsRequest(page_size=1000))
        return [topic.name for topic in listed.topics]

    # Failures.

    def refusal(self, call):
        """The details of a call that must fail; a stream is drained for its status."""
        with self.assertRaises(grpc.RpcError) as caught:
            answer = call()
            if hasattr(answer, "__next__"):
                list(answer)
        return errors.of_rpc_error(caught.exception)

    def check_details(self, details, code, reason, field=None, metadata=None):
        """What every error carries, then what this one must say."""
        self.assertEqual(details.code.name, code, details)
        self.assertIsNotNone(details.info, f"no ErrorInfo: {details}")
        self.assertEqual(details.info.domain, errors.DOMAIN, details)
        self.assertEqual(details.reason, reason, details)
        self.assertTrue(details.message, "an error without a word for people")
        if field is not None:
            self.assertIn(field, details.fields, details)
            self.assertTrue(details.fields[field], "a field violation without description")
        for name, value in (metadata or {}).items():
            self.assertEqual(details.metadata.get(name), str(value), f"{name} in {details}")
        return details

    def assert_refused(self, call, code, reason, field=None, **metadata):
        return self.check_details(self.refusal(call), code, reason, field, metadata)

    def assert_over_limit(self, call, field, limit_name, limit, value):
        """A rejection by a limit names the field, the limit and the value."""
        details = self.assert_refused(call, "INVALID_ARGUMENT", "LIMIT_EXCEEDED", field,
                                      limit_name=limit_name, limit=limit, value=value)
        for part in (limit_name, str(limit), str(value)):
            self.assertIn(part, details.message)
        return details

    @contextlib.contextmanager
    def nothing_written(self, *topics):
        """Neither do the topics' ends move nor does the list of topics change."""
        def state():
            return self.topic_names(), {topic: self.ends(topic) for topic in topics}
        before = state()
        yield
        self.assertEqual(state(), before)


def main():
    unittest.main(verbosity=2)
