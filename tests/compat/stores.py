"""Stores that earlier commits wrote: stores/NAME.tar.xz, with what the server of that commit said of it in
stores/NAME.json.

    stores.py NAME              makes one with the server that is built now
    stores.py NAME TIDEMARKD    with a server of format 1, which this script is younger than

One is made whenever the format of the store changes, by the last commit before the change, and stays. From
format 4 on it has some of everything (EVERYTHING). That of format 1 is by d4a9b54, which had neither
compression nor an index.
"""

import collections
import hashlib
import json
import pathlib
import sys
import tarfile

import grpc

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "integration"), str(HERE.parent / "conformance")]

from store_contents import FLAGS, TOPICS, Everything, fill  # noqa: E402
from support.events import event, stored  # noqa: E402
from support.server import Server, wait_until  # noqa: E402
from support.stubs import pb  # noqa: E402
from support.work import Worker  # noqa: E402

STORES = HERE / "stores"
# Written for people, or for one process alone.
NOT_STORED = ("LOG", "LOCK")


MASTER_KEYS = f"first {'17' * 32}\n"
EVERYTHING = {"secrets": {"encrypt_by_key": True}, "prices": {"compact": True},
              "cut": {"retention": pb.Retention(max_bytes=2000)}}


def fill_more(server):
    """Transactions, a group that acks event by event and has a dead letter, encryption, erasure, compaction,
    retention."""
    for topic, config in EVERYTHING.items():
        server.topics.CreateTopic(pb.CreateTopicRequest(name=topic, config=pb.TopicConfig(
            partitions=1, **config)))
    for number in range(30):
        server.events.Transact(pb.TransactRequest(
            appends=[pb.TopicAppend(topic=topic, events=[event(
                id=f"{topic}-{number}", type="t", key=f"k{number % 5}", data=b"d" * 200)])
                for topic in EVERYTHING],
            conditions=[pb.Condition(topic="hr", key=f"new-{number}", absent=pb.KeyAbsent())],
            producer=pb.Producer(id="transactions", sequence=number)))
    erasure = server.topics.EraseEvents(pb.EraseEventsRequest(
        topic="secrets", key=pb.EraseKey(key="k2"), reason="art. 17", actor="dpo")).erasure_id
    worker = Worker(server.groups, "gifts", ["secrets"])
    worker.say(credits=pb.Credits(events=100))
    worker.until(lambda m: len(m.events) >= 10, "some events")
    worker.nack_events(worker.events[:1], dead_letter=True, reason="no address")
    worker.ack_events(worker.events[1:6])
    worker.until_answers(1)
    worker.until_nacked(1)
    worker.close()
    wait_until(lambda: server.topics.GetErasure(pb.GetErasureRequest(
        erasure_id=erasure)).erasure.state == pb.ERASURE_STATE_COMPLETE, "the erasure is complete")


def more_answers(server):
    found = {}
    for topic in EVERYTHING:
        read = [(one.offset, one.event.id, one.event.data.decode()) for one in stored(
            server.events.Read(pb.ReadRequest(topic=topic), timeout=30))]
        found[f"events of {topic}"] = hashlib.sha256(repr(read).encode()).hexdigest()
        found[f"key of {topic}"] = server.topics.GetKey(
            pb.GetKeyRequest(topic=topic, key="k1")).revision
    try:
        server.topics.GetKey(pb.GetKeyRequest(topic="secrets", key="k2"))
    except grpc.RpcError as error:
        found["what was erased"] = error.details()
    found["transactions"] = server.events.GetProducer(
        pb.GetProducerRequest(id="transactions")).last_sequence
    found["dead letters"] = [one.id.offset for one in server.groups.ListDeadLetters(
        pb.ListDeadLettersRequest(group="gifts")).dead_letters]
    return found


def start(server, said):
    """Starts a server on a store of which this was said."""
    if "more" in said:
        (server.directory / "master.keys").write_text(MASTER_KEYS)
        server.flags += ["--master-key-file", server.directory / "master.keys"]
    return server.start()


def answers(server, said):
    """What a server says of its store, short enough to be kept."""
    more = {"more": more_answers(server)} if "more" in said else {}
    return {**contents(server), **more}


def contents(server, everything=Everything):
    found = everything(server)
    if found.losses:
        raise AssertionError(found.losses)
    return {name: hashlib.sha256(repr(answer).encode()).hexdigest() if "/" in name else answer
            for name, answer in found.answers.items()}


class EverythingOfFormat1(Everything):
    """What that server does not count is counted here, in the events that it gives."""

    def _lose(self, name, details):
        if details.code.name != "UNIMPLEMENTED":
            return super()._lose(name, details)
        question, topic = name.split(" of ")
        events = [pb.Event.FromString(event) for place, came in self.answers.items()
                  if place.startswith(f"{topic}/") for _, event in came]
        self.answers[name] = {
            "types": sorted(collections.Counter(event.type for event in events).items()),
            "key": sum(event.key == "k1" for event in events) - 1}[question]


def make(name):
    server = Server(*FLAGS, ready=False)
    try:
        start(server, {"more"})
        fill(server, seed=1)
        fill_more(server)
        keep(server, name, answers(server, {"more"}))
    finally:
        server.close()


def make_format_1(name, binary):
    server = Server(binary=binary)
    try:
        fill(server, seed=1, topics={topic: {"partitions": config["partitions"]}
                                     for topic, config in TOPICS.items()})
        keep(server, name, contents(server, EverythingOfFormat1))
    finally:
        server.close()


def keep(server, name, said):
    server.kill()
    with tarfile.open(STORES / f"{name}.tar.xz", "w:xz", preset=9) as archive:
        for path in sorted(server.data.iterdir()):
            if not path.name.startswith(NOT_STORED):
                archive.add(path, path.name)
    (STORES / f"{name}.json").write_text(json.dumps(said, indent=1, sort_keys=True) + "\n")


def unpack(name, directory):
    """What was said of it."""
    with tarfile.open(STORES / f"{name}.tar.xz") as archive:
        archive.extractall(directory)
    # As JSON has it: lists instead of tuples.
    return json.loads((STORES / f"{name}.json").read_text())


def names():
    return sorted(path.name.removesuffix(".tar.xz") for path in STORES.glob("*.tar.xz"))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        make_format_1(*sys.argv[1:])
    else:
        make(sys.argv[1])
