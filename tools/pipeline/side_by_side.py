"""Questions to several services at once, each with a limit: one that hangs keeps no other answer back."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from tools.errors import CommandError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Missing:
    """An answer that there is not; the reason is a sentence for a person."""

    reason: str


class Question(Generic[T]):
    """One question, asked at once in a thread of its own, which does not keep the process alive."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._answers: list[T | Missing] = []
        self._bug: BaseException | None = None
        self._since = time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._answers.append(self._ask())
        except CommandError as error:
            self._answers.append(Missing(str(error)))
        except BaseException as error:  # noqa: BLE001 - `within` raises it, in the caller's thread
            self._bug = error

    def within(self, seconds: float) -> T | Missing:
        """The answer, waited for until so long after the question was asked.

        A CommandError is the reason of a Missing; any other exception is a bug and is raised.
        """
        self._thread.join(max(0.0, self._since + seconds - time.monotonic()))
        if self._bug is not None:
            raise self._bug
        late = Missing(f"no answer within {seconds:g} s: it is frozen or overloaded")
        return self._answers[0] if self._answers else late


def side_by_side(questions: Mapping[str, Callable[[], T]], seconds: float) -> dict[str, T | Missing]:
    """The answers in the order of the questions, after `seconds` at the latest."""
    asked = {name: Question(ask) for name, ask in questions.items()}
    return {name: question.within(seconds) for name, question in asked.items()}
