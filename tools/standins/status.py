"""The errors that the stand-ins return, named as in the services.

StatusError
├── InvalidArgument      the request can never succeed
├── NotFound             what it names does not exist
├── AlreadyExists        what it would create exists
├── FailedPrecondition   the state is not what the request requires
└── Unimplemented        the real service supports it, the stand-in does not
"""

from typing import Any


class StatusError(Exception):
    """Returned to the caller as a gRPC status; the text is the status message."""


class InvalidArgument(StatusError):
    pass


class NotFound(StatusError):
    pass


class AlreadyExists(StatusError):
    pass


class FailedPrecondition(StatusError):
    pass


class Unimplemented(StatusError):
    pass


ELSEWHERE = "use Google's emulator (--parts emulators), where there is one"


def unsupported(what: str) -> Unimplemented:
    return Unimplemented(f"the stand-in does not support {what}: {ELSEWHERE}")


def check_only(message: Any, *names: str) -> None:
    """Raises Unimplemented for a protobuf message that has another field than these."""
    for field, _ in message.ListFields():
        if field.name not in names:
            raise unsupported(f"{field.name} in a {message.DESCRIPTOR.name}")
