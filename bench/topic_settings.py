#!/usr/bin/python3
"""What compression and encryption of a topic save and cost: bytes on disk, append, replay, the server's CPU.

    bench/topic_settings.py [--mb 256] [--events FILE.jsonl] [--bin build/release/bin]

For each kind of events (the CloudEvents of FILE, repeated; random bytes), each compression and encrypt_by_key it
starts a server in a directory of its own, appends the same requests of 100 events on one AppendStream,
stops and starts the server (so that all batches are in files), and reads the topic twice: cold caches
of the server, warm ones of the kernel. Events on the wire are counted, not what frames them.
"""

import argparse
import itertools
import json
import os
import pathlib
import random
import re
import secrets
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/conformance"))
EVENTS_IN_REQUEST = 100
IN_FLIGHT = 16
MB = 10**6


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mb", type=int, default=256, help="events for each case, in MB")
    parser.add_argument("--events", type=pathlib.Path,
                        default=ROOT.parent / "shared/data/hr-events.jsonl",
                        help="CloudEvents, one a line")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    return parser.parse_args()


def file_events(pb, path):
    made = []
    for line in path.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        made.append(pb.Event(id=one["id"], source=one["source"], type=one["type"],
                             key=one["subject"], content_type=one["datacontenttype"],
                             data=json.dumps(one["data"]).encode()))
    return made


def random_events(pb):
    source = random.Random(1)
    return [pb.Event(id=str(i), type="random", key=f"key-{i % 1000}", data=source.randbytes(250))
            for i in range(20_000)]


def requests_of(pb, events, size):
    """Encoded requests of about `size` bytes in all, and how many bytes of events they hold."""
    requests, total = [], 0
    for at in itertools.count(step=EVENTS_IN_REQUEST):
        if total >= size:
            return requests, total
        begin = at % len(events)
        request = pb.AppendRequest(topic="t", events=events[begin:begin + EVENTS_IN_REQUEST])
        total += sum(event.ByteSize() + 3 for event in request.events)
        requests.append(request.SerializeToString())


def cpu_seconds(server):
    fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def file_bytes(server):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.http_port}/metrics") as answer:
        text = answer.read().decode()
    return sum(float(value) for value in re.findall(
        r'^tidemark_rocksdb_live_file_bytes\{column_family="data\w*"\} (\S+)$', text, re.M))


def timed(server, work):
    """Seconds of the clock and of the server's processor time."""
    began, cpu = time.monotonic(), cpu_seconds(server)
    work()
    return time.monotonic() - began, cpu_seconds(server) - cpu


def append(server, requests):
    call = server.channel.stream_stream("/tidemark.v1.EventStore/AppendStream")
    window = threading.Semaphore(IN_FLIGHT)

    def outgoing():
        for request in requests:
            window.acquire()
            yield request

    answers = 0
    for _ in call(outgoing()):
        window.release()
        answers += 1
    assert answers == len(requests), "requests without an answer"


def replay(server, pb):
    call = server.channel.unary_stream("/tidemark.v1.EventStore/Read")
    return sum(len(m) for m in call(pb.ReadRequest(topic="t").SerializeToString()))


def measure(support, flags, pb, config, requests, size):
    server = support.Server(*flags)
    try:
        server.topics.CreateTopic(pb.CreateTopicRequest(name="t", config=config))
        append_s, append_cpu = timed(server, lambda: append(server, requests))
        server.stop()
        server.start()
        stored = file_bytes(server)
        replay(server, pb)
        replay_s, replay_cpu = timed(server, lambda: replay(server, pb))
        return [f"{size / stored:.2f}", f"{size / append_s / MB:.0f}",
                f"{append_cpu * 1e9 / size:.2f}", f"{size / replay_s / MB:.0f}",
                f"{replay_cpu * 1e9 / size:.2f}"]
    finally:
        server.close()


def main():
    args = parse()
    os.environ["TIDEMARK_BIN_DIR"] = str(args.bin)
    from support import server as support
    from support.stubs import pb
    kinds = {"random bytes": random_events(pb)}
    if args.events.exists():
        kinds = {args.events.stem: file_events(pb, args.events), **kinds}
    configs = {name.lower(): pb.TopicConfig(compression=pb.Compression.Value(f"COMPRESSION_{name}"))
               for name in ("NONE", "LZ4", "ZSTD")}
    configs["by key"] = pb.TopicConfig(encrypt_by_key=True)
    keys = tempfile.NamedTemporaryFile("w", prefix="tidemark-keys-")
    keys.write(f"one {secrets.token_hex(32)}\n")
    keys.flush()
    row = "{:14} {:6} {:>7} {:>12} {:>16} {:>12} {:>16}"
    print(row.format("events", "codec", "ratio", "append MB/s", "append CPU ns/B", "replay MB/s",
                     "replay CPU ns/B"))
    for kind, events in kinds.items():
        requests, size = requests_of(pb, events, args.mb * MB)
        for name, config in configs.items():
            print(row.format(kind, name, *measure(support, ("--master-key-file", keys.name), pb,
                                                  config, requests, size)), flush=True)


if __name__ == "__main__":
    main()
