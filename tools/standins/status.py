"""The errors that the stand-ins return, named as in the services.

StatusError
├── InvalidArgument      the request can never succeed
├── NotFound             what it names does not exist
├── AlreadyExists        what it would create exists
├── FailedPrecondition   the state is not what the request requires
└── Unimplemented        the real service supports it, the stand-in does not
"""


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
