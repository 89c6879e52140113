"""`cqc` in this process, so that its imports cost once; with its exit code and both streams."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

import pytest

from tools.__main__ import main


@dataclass(frozen=True, slots=True)
class Answer:
    """A command's exit code and output."""

    code: int
    out: str
    err: str


Invoke = Callable[..., Answer]


@contextmanager
def invoking(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Invoke]:
    """Runs commands; the environment is restored at the end."""

    def invoke(*arguments: str) -> Answer:
        monkeypatch.setattr("sys.argv", ["cqc", *arguments])
        capsys.readouterr()
        try:
            main()
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Answer(code if isinstance(code, int) else 0, said.out, said.err)

    with patch.dict(os.environ):
        yield invoke
