"""A proxy in the environment is for the internet: it can't reach the services of a chain on this machine."""

import os

_LOOPBACK = ("127.0.0.1", "localhost")


def keep_loopback_direct() -> None:
    """Excepts this machine's own addresses from a proxy, for this process and those that it starts.

    In lower case, which gRPC reads alone and others read first.
    """
    excepted = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if excepted.strip() != "*":
        names = [name.strip() for name in excepted.split(",") if name.strip()]
        os.environ["no_proxy"] = ",".join(dict.fromkeys([*names, *_LOOPBACK]))
