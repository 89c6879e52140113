"""The laws of group commit, against a sink in memory whose commits end when the test lets them."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

import pytest

from shared.delivery.batching import BatchLimits, GroupCommit, Outcome, with_isolated_prepare
from shared.errors import Busy, ErrorType, Reject, Retry

FOREVER = 3600.0
"""A linger that no test waits for: a batch that goes earlier went for another reason."""
SECONDS = 5.0
"""For any answer; all of them come within milliseconds."""

Result = TypeVar("Result")


class Sink:
    """Keeps the batches; each is durable once `open` is set. An item that starts with "bad" is rejected."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.open = asyncio.Event()
        self.open.set()
        self.began = asyncio.Event()
        self.raises: dict[int, BaseException] = {}
        """Number of the batch to the error that its commit raises."""

    async def commit(self, items: Sequence[str]) -> list[Outcome]:
        number = len(self.batches)
        self.batches.append(list(items))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.began.set()
        try:
            await self.open.wait()
        finally:
            self.in_flight -= 1
        if number in self.raises:
            raise self.raises[number]
        return [Reject(ErrorType.SINK_REJECTED, item) if item.startswith("bad") else None for item in items]


@pytest.fixture
def sink() -> Sink:
    return Sink()


def group(
    sink: Sink, max_items: int = 3, max_bytes: int = 100, linger: float = 0, max_waiting: int = 10
) -> GroupCommit[str]:
    return GroupCommit(sink.commit, BatchLimits(max_items, max_bytes, linger, max_waiting))


async def turns(count: int = 10) -> None:
    """Lets every task that can run, run."""
    for _ in range(count):
        await asyncio.sleep(0)


def submit_all(batches: GroupCommit[str], *items: str) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(batches.submit(item, len(item))) for item in items]


async def within(awaitable: Awaitable[Result], seconds: float = SECONDS) -> Result:
    """Its result; a request that nobody answers fails its test in seconds instead of at the limit."""
    async with asyncio.timeout(seconds):
        return await awaitable


async def results(
    tasks: Sequence[asyncio.Task[None]], seconds: float = SECONDS
) -> list[BaseException | None]:
    return await within(asyncio.gather(*tasks, return_exceptions=True), seconds)


async def test_a_request_is_answered_once_its_batch_is_durable_and_not_before(sink: Sink) -> None:
    sink.open.clear()
    (task,) = submit_all(group(sink), "a")
    await within(sink.began.wait())
    await turns()
    assert not task.done()
    sink.open.set()
    await within(task)


async def test_items_within_one_linger_are_one_batch_in_order_of_arrival(sink: Sink) -> None:
    await results(submit_all(group(sink), "b", "a"))
    assert sink.batches == [["b", "a"]]


async def test_a_full_batch_goes_at_once(sink: Sink) -> None:
    await results(submit_all(group(sink, max_items=3, linger=FOREVER), "a", "b", "c"))
    assert sink.batches == [["a", "b", "c"]]


async def test_a_batch_full_of_bytes_goes_at_once(sink: Sink) -> None:
    await results(submit_all(group(sink, max_bytes=10, linger=FOREVER), "aaaaa", "bbbbb"))
    assert sink.batches == [["aaaaa", "bbbbb"]]


async def test_an_item_larger_than_a_batch_goes_alone(sink: Sink) -> None:
    await results(submit_all(group(sink, max_bytes=10, linger=FOREVER), "a" * 50))
    assert sink.batches == [["a" * 50]]


async def test_a_batch_that_is_not_full_waits_for_the_linger(sink: Sink) -> None:
    tasks = submit_all(group(sink, linger=FOREVER), "a", "b")
    await turns()
    assert sink.batches == []
    for task in tasks:
        task.cancel()
    await results(tasks)


async def test_a_full_batch_goes_beside_one_in_flight_and_a_third_waits(sink: Sink) -> None:
    sink.open.clear()
    batches = group(sink, max_items=2, linger=FOREVER)
    tasks = submit_all(batches, "a", "b", "c", "d", "e", "f", "g")
    await turns()
    assert sink.batches == [["a", "b"], ["c", "d"]]
    sink.open.set()
    await results(tasks[:6])
    assert sink.batches == [["a", "b"], ["c", "d"], ["e", "f"]]
    await results([*tasks[6:], *submit_all(batches, "h")])
    assert sink.batches[3:] == [["g", "h"]]
    assert sink.most_in_flight == 2


async def test_a_batch_that_is_not_full_waits_for_the_one_in_flight(sink: Sink) -> None:
    sink.open.clear()
    batches = group(sink, max_items=2, linger=0)
    tasks = submit_all(batches, "a", "b", "c")
    await turns(50)
    assert sink.batches == [["a", "b"]]
    sink.open.set()
    await results(tasks)
    assert sink.batches == [["a", "b"], ["c"]]


async def test_a_batch_that_hangs_leaves_the_other_place_to_those_that_come(sink: Sink) -> None:
    hangs = asyncio.Event()

    async def commit(items: Sequence[str]) -> list[Outcome]:
        if "hangs" in items:
            await hangs.wait()
        return await sink.commit(items)

    batches = GroupCommit(commit, BatchLimits(max_items=2, linger_seconds=FOREVER))
    slow = submit_all(batches, "hangs", "too")
    for _ in range(3):
        assert await results(submit_all(batches, "quick", "bad")) != [None, None]
    assert not any(task.done() for task in slow)
    hangs.set()
    assert await results(slow) == [None, None]
    assert sink.batches == [["quick", "bad"]] * 3 + [["hangs", "too"]]


async def test_the_same_item_in_both_batches_in_flight_is_answered_twice(sink: Sink) -> None:
    sink.open.clear()
    sink.raises = {0: Retry("away")}
    tasks = submit_all(group(sink, max_items=1), "a", "a")
    await turns()
    sink.open.set()
    assert [str(outcome) for outcome in await results(tasks)] == ["away", "None"]
    assert sink.batches == [["a"], ["a"]]


async def test_items_gathered_during_a_commit_linger_for_those_that_come_next(sink: Sink) -> None:
    sink.open.clear()
    batches = group(sink, max_items=3, linger=FOREVER)
    first = submit_all(batches, "a", "b", "c")
    await within(sink.began.wait())
    second = submit_all(batches, "d")
    await turns()
    sink.open.set()
    await results(first)
    await results([*second, *submit_all(batches, "e", "f")])
    assert sink.batches == [["a", "b", "c"], ["d", "e", "f"]]


async def test_after_an_idle_time_the_linger_starts_again(sink: Sink) -> None:
    batches = group(sink, max_items=2, linger=FOREVER)
    await results(submit_all(batches, "a", "b"))
    (waiting,) = submit_all(batches, "c")
    await turns()
    assert sink.batches == [["a", "b"]]
    await results([waiting, *submit_all(batches, "d")])
    assert sink.batches == [["a", "b"], ["c", "d"]]


async def test_a_full_queue_is_busy_until_it_drains(sink: Sink) -> None:
    sink.open.clear()
    batches = GroupCommit(sink.commit, BatchLimits(2, 100, 0, max_waiting=2, max_in_flight=1))
    tasks = submit_all(batches, "a", "b")
    await within(sink.began.wait())
    tasks += submit_all(batches, "c", "d")
    await turns()
    with pytest.raises(Busy, match="already holds 2 messages"):
        await within(batches.submit("e", 1))
    sink.open.set()
    assert await results(tasks) == [None] * 4
    await within(batches.submit("f", 1))
    assert [item for batch in sink.batches for item in batch] == ["a", "b", "c", "d", "f"]


async def test_one_bad_item_fails_alone(sink: Sink) -> None:
    outcomes = await results(submit_all(group(sink), "a", "bad b", "c"))
    assert [str(outcome) for outcome in outcomes] == ["None", "bad b", "None"]


@pytest.mark.parametrize(
    "error", [Retry("away"), Busy("full"), ValueError("a bug"), asyncio.CancelledError()]
)
async def test_an_error_of_a_commit_reaches_its_whole_batch_and_the_next_batch_works(
    sink: Sink, error: BaseException
) -> None:
    sink.raises = {0: error}
    batches = group(sink, max_items=2)
    outcomes = await results(submit_all(batches, "a", "b", "c"))
    assert [type(outcome) for outcome in outcomes] == [type(error), type(error), type(None)]
    await within(batches.submit("d", 1))


async def test_a_commit_with_too_few_outcomes_leaves_no_request_waiting() -> None:
    async def one_outcome(_: Sequence[str]) -> list[Outcome]:
        return [None]

    batches: GroupCommit[str] = GroupCommit(one_outcome, BatchLimits(linger_seconds=0))
    outcomes = await results(submit_all(batches, "a", "b"))
    assert isinstance(outcomes[1], ValueError)


@pytest.mark.parametrize("is_in_flight", [False, True])
async def test_a_cancelled_request_leaves_the_others_alone(sink: Sink, is_in_flight: bool) -> None:
    unhandled: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    sink.open.clear()
    batches = group(sink)
    tasks = submit_all(batches, "a", "bad b", "c")
    if is_in_flight:
        await within(sink.began.wait())
    else:
        await asyncio.sleep(0)
    tasks[1].cancel()
    sink.open.set()
    outcomes = await results(tasks)
    assert [type(outcome) for outcome in outcomes] == [type(None), asyncio.CancelledError, type(None)]
    await within(batches.submit("d", 1))
    assert unhandled == []


async def test_an_item_that_cannot_be_prepared_fails_alone(sink: Sink) -> None:
    def prepare(item: str) -> str:
        if item == "bug":
            raise ZeroDivisionError(item)
        return item.upper()

    batches = GroupCommit(
        with_isolated_prepare(prepare, sink.commit), BatchLimits(max_items=3, linger_seconds=FOREVER)
    )
    outcomes = await results(submit_all(batches, "a", "bug", "b"))
    assert [type(outcome) for outcome in outcomes] == [type(None), ZeroDivisionError, type(None)]
    assert sink.batches == [["A", "B"]]


async def test_a_batch_without_a_prepared_item_is_not_committed(sink: Sink) -> None:
    def prepare(item: str) -> str:
        return str(int(item))

    batches = GroupCommit(with_isolated_prepare(prepare, sink.commit), BatchLimits(max_items=1))
    (outcome,) = await results(submit_all(batches, "no number"))
    assert isinstance(outcome, ValueError)
    assert sink.batches == []
