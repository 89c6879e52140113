"""The four functions as real servers beside the stand-ins; the tests push the messages themselves."""

from collections.abc import Iterator

import pytest

from tests.entrypoints.servers import Servers


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with Servers(tmp_path_factory.mktemp("servers")) as running:
        yield running
