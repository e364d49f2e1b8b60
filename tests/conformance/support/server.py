"""tidemarkd as a child process, on free ports, in a directory of its own."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import grpc

from .stubs import ROOT, rpc

BIN = pathlib.Path(os.environ.get("TIDEMARK_BIN_DIR", ROOT / "build/release/bin")).resolve()
TIDEMARKD = BIN / "tidemarkd"
PATIENCE_S = 30  # How long anything may take before a test fails.

# A client that waits for the server must not wait longer after each failed attempt. The least time
# between attempts is also how long one may take, which is much on a busy machine.
CHANNEL_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 5000),
    ("grpc.max_reconnect_backoff_ms", 200), ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]


def environment(**more):
    """The caller's environment without its Tidemark settings."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("TIDEMARK_")}
    env.update(more)
    return env


def wait_until(condition, what, patience_s=PATIENCE_S):
    """Polls; returns what `condition` returned once it is true."""
    deadline = time.monotonic() + patience_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience_s} s: {what}")
        time.sleep(0.01)


class Server:
    """One data directory and the process that serves it, which may be ended and started again."""

    def __init__(self, *flags, env=None, ready=True, binary=TIDEMARKD, wrapper=()):
        self._directory = tempfile.TemporaryDirectory(prefix="tidemark-test-")
        self.directory = pathlib.Path(self._directory.name)
        self.data = self.directory / "data"
        self.log_path = self.directory / "log"
        self.command = [*wrapper, binary]
        self.flags = list(map(str, flags))
        self.env = env if env is not None else environment()
        self.process = None
        self.channel = None
        if ready:
            self.start()

    def start(self):
        """Starts the process and returns once it serves."""
        ports_file = self.directory / "ports.json"
        ports_file.unlink(missing_ok=True)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.command, "--data", self.data, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0",
                 "--ports-file", ports_file, *self.flags],
                stdout=log, stderr=log, env=self.env)
        wait_until(lambda: ports_file.exists() or self.process.poll() is not None,
                   "tidemarkd is ready")
        if self.process.poll() is not None:
            raise AssertionError(f"tidemarkd ended with {self.process.returncode}: {self.log()}")
        ports = json.loads(ports_file.read_text())
        self.grpc_port, self.http_port = ports["grpc"], ports["http"]
        self.address = f"127.0.0.1:{self.grpc_port}"
        self.channel = self.new_channel()
        return self

    def new_channel(self):
        return grpc.insecure_channel(self.address, options=CHANNEL_OPTIONS)

    def log(self):
        return self.log_path.read_text(errors="replace")

    # The stubs of the current process.

    @property
    def events(self):
        return rpc.EventStore(self.channel)

    @property
    def topics(self):
        return rpc.Topics(self.channel)

    @property
    def groups(self):
        return rpc.ConsumerGroups(self.channel)

    @property
    def operations(self):
        return rpc.Operations(self.channel)

    def kill(self):
        """As a crash of the process: nothing of it runs on."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        self._close_channel()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def stop(self):
        """An orderly end; returns the exit code."""
        if self.process.poll() is None:
            self.terminate()
        code = self.process.wait(PATIENCE_S)
        self._close_channel()
        return code

    def restart(self):
        self._close_channel()
        self.stop()
        return self.start()

    def _close_channel(self):
        if self.channel is not None:
            self.channel.close()
            self.channel = None

    def close(self):
        """Ends the process whatever it does, and removes the directory."""
        self._close_channel()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._directory.cleanup()
