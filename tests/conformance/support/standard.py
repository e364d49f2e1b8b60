"""The two standard services every gRPC server may have: health checking and reflection.

The messages are declared here with the names and numbers of the published protocols, because the
packages that carry them for Python are not among the ones the tests may rely on.
"""

import pathlib
import tempfile

from .stubs import load_messages

HEALTH = """
syntax = "proto3";
package grpc.health.v1;
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse {
  enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; }
  ServingStatus status = 1;
}
"""

REFLECTION = """
syntax = "proto3";
package grpc.reflection.v1alpha;
message ServerReflectionRequest {
  string host = 1;
  oneof message_request {
    string file_by_filename = 3;
    string file_containing_symbol = 4;
    string list_services = 7;
  }
}
message FileDescriptorResponse { repeated bytes file_descriptor_proto = 1; }
message ServiceResponse { string name = 1; }
message ListServiceResponse { repeated ServiceResponse service = 1; }
message ErrorResponse { int32 error_code = 1; string error_message = 2; }
message ServerReflectionResponse {
  oneof message_response {
    FileDescriptorResponse file_descriptor_response = 4;
    ListServiceResponse list_services_response = 6;
    ErrorResponse error_response = 7;
  }
}
"""


def _load():
    with tempfile.TemporaryDirectory(prefix="tidemark-protos-") as directory:
        path = pathlib.Path(directory)
        (path / "health.proto").write_text(HEALTH)
        (path / "reflection.proto").write_text(REFLECTION)
        return load_messages(path, path / "health.proto", path / "reflection.proto")


_MESSAGES = _load()
HealthCheckRequest = _MESSAGES["grpc.health.v1.HealthCheckRequest"]
HealthCheckResponse = _MESSAGES["grpc.health.v1.HealthCheckResponse"]
ServerReflectionRequest = _MESSAGES["grpc.reflection.v1alpha.ServerReflectionRequest"]
ServerReflectionResponse = _MESSAGES["grpc.reflection.v1alpha.ServerReflectionResponse"]
SERVING = 1
NOT_SERVING = 2
SERVICE_UNKNOWN = 3


class Health:
    """Stub of grpc.health.v1.Health."""

    def __init__(self, channel):
        def make(kind, method):
            return kind(f"/grpc.health.v1.Health/{method}",
                        request_serializer=HealthCheckRequest.SerializeToString,
                        response_deserializer=HealthCheckResponse.FromString)
        self.Check = make(channel.unary_unary, "Check")
        self.Watch = make(channel.unary_stream, "Watch")


class Reflection:
    """Stub of grpc.reflection.v1alpha.ServerReflection."""

    def __init__(self, channel):
        self.ServerReflectionInfo = channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=ServerReflectionRequest.SerializeToString,
            response_deserializer=ServerReflectionResponse.FromString)

    def ask(self, **request):
        """Answers one question."""
        return next(self.ServerReflectionInfo(iter([ServerReflectionRequest(**request)])))
