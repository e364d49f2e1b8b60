"""Stubs for the server's contract, generated from proto/ with the stock tools when a test starts.

`pb` has every message and enum of tidemark.v1, `rpc` every service stub, both under the names the
contract uses. The rich error model comes from google.rpc, which has a pool of its own here, so that
no generated module has to live in the `google` package, whose files belong to protobuf.
"""

import atexit
import importlib
import pathlib
import shutil
import subprocess
import sys
import tempfile
import types

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROTO = ROOT / "proto"
PROTOC = "protoc"
PLUGIN = shutil.which("grpc_python_plugin")

FILES = ["event", "event_store", "topics", "consumer_groups", "operations"]


def _protoc(*arguments):
    subprocess.run([PROTOC, f"-I{PROTO}", *map(str, arguments)], check=True)


def _generate():
    out = pathlib.Path(tempfile.mkdtemp(prefix="tidemark-stubs-"))
    atexit.register(shutil.rmtree, out, ignore_errors=True)
    if PLUGIN is None:
        raise RuntimeError("grpc_python_plugin is missing: install protobuf-compiler-grpc")
    _protoc(f"--python_out={out}", f"--grpc_out={out}", f"--plugin=protoc-gen-grpc={PLUGIN}",
            *(PROTO / f"tidemark/v1/{name}.proto" for name in FILES))
    sys.path.insert(0, str(out))
    messages = types.SimpleNamespace()
    services = types.SimpleNamespace()
    for name in FILES:
        module = importlib.import_module(f"tidemark.v1.{name}_pb2")
        for found in (*module.DESCRIPTOR.message_types_by_name,
                      *module.DESCRIPTOR.enum_types_by_name):
            setattr(messages, found, getattr(module, found))
        for enum in module.DESCRIPTOR.enum_types_by_name.values():
            for value in enum.values_by_name:
                setattr(messages, value, getattr(module, value))
        if module.DESCRIPTOR.services_by_name:
            stubs = importlib.import_module(f"tidemark.v1.{name}_pb2_grpc")
            for found in module.DESCRIPTOR.services_by_name:
                setattr(services, found, getattr(stubs, f"{found}Stub"))
    services.descriptors = {
        service.full_name: service
        for name in FILES
        for service in importlib.import_module(
            f"tidemark.v1.{name}_pb2").DESCRIPTOR.services_by_name.values()}
    return messages, services


def load_messages(source, *files):
    """Message classes by full name, from .proto files under the directory `source`."""
    with tempfile.NamedTemporaryFile(suffix=".binpb") as out:
        subprocess.run([PROTOC, f"-I{source}", f"--descriptor_set_out={out.name}",
                        "--include_imports", *files], check=True)
        files_read = descriptor_pb2.FileDescriptorSet.FromString(
            pathlib.Path(out.name).read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files_read.file:
        pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return {
        f"{file.package}.{message.name}":
            factory.GetPrototype(pool.FindMessageTypeByName(f"{file.package}.{message.name}"))
        for file in files_read.file for message in file.message_type}


pb, rpc = _generate()
google_rpc = load_messages(PROTO, "google/rpc/status.proto", "google/rpc/error_details.proto")
