"""The rich error model as any client sees it: code, message, ErrorInfo, BadRequest, ..."""

import grpc

from google.protobuf.message import DecodeError

from .stubs import google_rpc

DOMAIN = "tidemark.dev"
TRAILER = "grpc-status-details-bin"


class Details:
    """What a failed call or a failed request of a stream carries."""

    def __init__(self, code, message, details):
        self.code = code
        self.message = message
        self.info = None
        self.fields = {}
        self.preconditions = []
        self.retry_delay_s = None
        for packed in details:
            kind = packed.type_url.rsplit("/", 1)[-1]
            detail = google_rpc[kind].FromString(packed.value)
            if kind == "google.rpc.ErrorInfo":
                self.info = detail
            elif kind == "google.rpc.BadRequest":
                self.fields = {v.field: v.description for v in detail.field_violations}
            elif kind == "google.rpc.PreconditionFailure":
                self.preconditions = list(detail.violations)
            elif kind == "google.rpc.RetryInfo":
                self.retry_delay_s = detail.retry_delay.seconds + detail.retry_delay.nanos / 1e9

    @property
    def reason(self):
        return self.info.reason if self.info else None

    @property
    def metadata(self):
        return dict(sorted(self.info.metadata.items())) if self.info else {}

    def __str__(self):
        return (f"{self.code}: {self.message}; reason {self.reason}, metadata {self.metadata}, "
                f"fields {self.fields}")


def of_rpc_error(error):
    """Details of a grpc.RpcError; without the trailer only code and message."""
    packed = dict(error.trailing_metadata() or ()).get(TRAILER)
    if packed is None:
        return Details(error.code(), error.details(), [])
    try:
        status = google_rpc["google.rpc.Status"].FromString(packed)
    except DecodeError:
        return Details(error.code(), f"{error.details()} (its details do not parse)", [])
    details = Details(error.code(), status.message, status.details)
    if status.code != error.code().value[0] or status.message != error.details():
        raise AssertionError(f"the status says {error.code()}, its details {status.code}")
    return details


def of_stream_error(error):
    """Details of tidemark.v1.Error, part of an answer of AppendStream."""
    code = next(c for c in grpc.StatusCode if c.value[0] == error.code)
    return Details(code, error.message, error.details)
