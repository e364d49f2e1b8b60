"""A server of its own and the `tidemark` command, for the tests of the command line.

TIDEMARK_BIN_DIR names the directory with `tidemarkd` and `tidemark`.
"""

import json
import os
import pathlib
import random
import select
import shutil
import subprocess
import tempfile
import time
import unittest

BIN = pathlib.Path(os.environ.get("TIDEMARK_BIN_DIR", "build/release/bin")).resolve()
PATIENCE_S = 30  # How long anything may take before the test fails.


def wait_until(condition, what):
    """Polls; returns what `condition` returned once it is true."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"not within {PATIENCE_S} s: {what}")


class Server:
    """tidemarkd on free ports in a directory of its own."""

    def __init__(self, *flags):
        self.flags = flags
        self.directory = tempfile.mkdtemp(prefix="tidemark-cli-test-")
        self.log = open(os.path.join(self.directory, "log"), "wb")
        self.address = "127.0.0.1:0"
        self.start()

    def start(self):
        ports_file = os.path.join(self.directory, "ports.json")
        pathlib.Path(ports_file).unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [BIN / "tidemarkd", "--data", os.path.join(self.directory, "data"),
             "--listen", self.address, "--http", "off", "--ports-file", ports_file, *self.flags],
            stdout=self.log, stderr=self.log, env=environment())
        wait_until(lambda: os.path.exists(ports_file) or self.process.poll() is not None,
                   "tidemarkd is ready")
        if self.process.poll() is not None:
            raise AssertionError(pathlib.Path(self.log.name).read_text())
        self.address = f"127.0.0.1:{json.loads(pathlib.Path(ports_file).read_text())['grpc']}"

    def crash(self):
        """As kill -9; start() brings it back at the same address."""
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def stop(self):
        died = self.process.poll()
        self.process.terminate()
        code = self.process.wait(PATIENCE_S)
        if died is not None or code != 0:
            log = pathlib.Path(self.log.name).read_text()
            raise AssertionError(f"tidemarkd ended with {code}:\n{log}")
        self.log.close()
        shutil.rmtree(self.directory)


def environment(**more):
    """Nothing of the caller's settings may leak in."""
    env = {name: value for name, value in os.environ.items()
           if not name.startswith("TIDEMARK_") and name not in ("NO_COLOR", "GRPC_VERBOSITY")}
    env["TERM"] = "xterm-256color"
    env["TZ"] = "UTC"
    env.update(more)
    return env


class CliTest(unittest.TestCase):
    """Runs `tidemark` against one server for each class of tests; topics are named anew."""

    FLAGS = ()
    _topics = 0

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.FLAGS)
        cls.env = environment(TIDEMARK_SERVER=cls.server.address)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="tidemark-cli-test-"))
        self.addCleanup(shutil.rmtree, self.scratch)

    def run_cli(self, *arguments, stdin="", env=None):
        if isinstance(stdin, str):
            stdin = stdin.encode()
        done = subprocess.run([BIN / "tidemark", *map(str, arguments)], input=stdin,
                              capture_output=True, timeout=PATIENCE_S, env=env or self.env,
                              check=False)
        done.out = done.stdout.decode()
        done.err = done.stderr.decode()
        return done

    def ok(self, *arguments, stdin=""):
        """The standard output of a command that must succeed."""
        done = self.run_cli(*arguments, stdin=stdin)
        self.assertEqual(done.returncode, 0, f"{arguments}: {done.err}")
        return done.out

    def fails(self, code, *arguments, stdin=""):
        """The standard error of a command that must fail with this exit code."""
        done = self.run_cli(*arguments, stdin=stdin)
        self.assertEqual(done.returncode, code, f"{arguments}: {done.out}{done.err}")
        self.assertTrue(done.err, f"{arguments}: failed without a word")
        return done.err

    def start(self, *arguments, **options):
        """A running command; ended after the test if it still runs."""
        process = subprocess.Popen([BIN / "tidemark", *map(str, arguments)],
                                   stdin=options.pop("stdin", subprocess.DEVNULL),
                                   stdout=options.pop("stdout", subprocess.PIPE),
                                   stderr=subprocess.PIPE, env=self.env, bufsize=0, **options)

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream and not stream.closed:
                    stream.close()

        self.addCleanup(end)
        return process

    def read_line(self, process):
        """The next line of a running command; unbuffered, so that select sees what is left."""
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE_S)
        self.assertTrue(ready, "no line came")
        return process.stdout.readline().decode()

    def new_topic(self, partitions=1):
        CliTest._topics += 1
        name = f"topic-{CliTest._topics}"
        self.ok("topic", "create", name, "--partitions", partitions)
        return name

    def read(self, topic, *arguments):
        """Events of a topic, as dictionaries."""
        return parse_lines(self.ok("read", topic, "-o", "jsonl", *arguments))

    def append(self, topic, events, *arguments):
        return self.ok("append", topic, *arguments, stdin=to_lines(events))


def parse_lines(text):
    return [json.loads(line) for line in text.splitlines()]


def to_lines(events):
    return "".join(json.dumps(event) + "\n" for event in events)


def without_place(event):
    """An event as it was before it was stored."""
    return {name: value for name, value in event.items() if not name.startswith("tidemark")}


def by_key(events):
    """From key to the ids of its events, in order."""
    keys = {}
    for event in events:
        keys.setdefault(event.get("subject"), []).append(event["id"])
    return keys


def hr_events(count, seed=7):
    """Lives of employees, with data of every kind that JSON has."""
    chance = random.Random(seed)
    types = ["employee.created", "salary.changed", "title.changed"]
    events = []
    for i in range(count):
        event = {
            "specversion": "1.0", "id": f"e-{i}", "source": "/hr", "type": chance.choice(types),
            "subject": f"employee-{chance.randrange(count // 10 + 1)}",
            "time": f"20{chance.randrange(10, 26)}-01-02T03:04:05.{chance.randrange(1, 10)}Z",
            "datacontenttype": "application/json",
            "data": chance.choice([
                {"salary": chance.randrange(10**6), "name": "Zoë \U0001f642 \"quoted\""},
                [1, 2.5, None, True], "text", 10**30, {}, {"nested": [{"deep": [[]]}]}]),
        }
        if chance.random() < 0.2:
            event["traceparent"] = f"00-{i:032x}"
        events.append(event)
    return events
