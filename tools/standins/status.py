"""The errors that the stand-ins answer, named as the services name them.

StatusError
├── InvalidArgument      the request can never succeed
├── NotFound             what it names does not exist
├── AlreadyExists        what it would create exists
├── FailedPrecondition   the state is not the one that the request demands
└── Unimplemented        the real service does it, the stand-in does not
"""


class StatusError(Exception):
    """Answered to the caller as a gRPC status; its text is the status message."""


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
