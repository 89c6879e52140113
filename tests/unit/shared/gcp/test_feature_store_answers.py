"""FeatureView against a store that answers in any order, refuses keys, falls silent and hangs up."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, timedelta
from typing import Any

import grpc
import grpc.aio
import pytest
from google.cloud.aiplatform_v1.types import feature_online_store_service as types

from shared.gcp.circuit_breaker import SLOW_SECONDS
from shared.gcp.feature_store import FeatureView
from shared.online import Unwritten
from tests.unit.shared.gcp.conftest import VIEW, WHEN, OpenView, entry
from tools.standins.feature_store.server import SERVICE
from tools.standins.serving import listening

Request = types.FeatureViewDirectWriteRequest.pb()
Response = types.FeatureViewDirectWriteResponse.pb()


class HangUp(Exception):
    """The server ends the stream, as if all were well."""


Turn = Callable[[Any], Iterator[Any]]
"""What one request meets: answers, HangUp, or a status to abort with."""


class Store:
    """Answers each request as the next turn says, and well when there is none left."""

    def __init__(self) -> None:
        self.turns: deque[Turn] = deque()
        self.requests: list[Any] = []
        self.routing: list[object] = []
        self.ended = asyncio.Event()

    async def direct_write(
        self, requests: AsyncIterator[Any], context: "grpc.aio.ServicerContext[Any, Any]"
    ) -> AsyncIterator[Any]:
        self.routing.append(dict(context.invocation_metadata() or ()).get("x-goog-request-params"))
        async for request in requests:
            self.requests.append(request)
            try:
                for answer in (self.turns.popleft() if self.turns else written)(request):
                    if isinstance(answer, grpc.StatusCode):
                        await context.abort(answer, "the store says so")
                    yield answer
            except HangUp:
                return

    def keys(self) -> list[list[str]]:
        """The locations of each request that came."""
        return [
            [key_values.data_key.key for key_values in r.data_key_and_feature_values] for r in self.requests
        ]


def answer(*keys: str, code: int = 0, message: str = "") -> Any:
    response = Response()
    response.status.code, response.status.message = code, message
    for key in keys:
        response.write_responses.add().data_key.key = key
    return response


def written(request: Any) -> Iterator[Any]:
    yield answer(*(key_values.data_key.key for key_values in request.data_key_and_feature_values))


def hang_up(_: Any) -> Iterator[Any]:
    raise HangUp
    yield


def silence(_: Any) -> Iterator[Any]:
    yield from ()


def one_of(*answers: Any) -> Turn:
    return lambda _: iter(answers)


@pytest.fixture
async def odd_store(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    """A server that does as its turns say."""
    odd = Store()
    handler = grpc.stream_stream_rpc_method_handler(
        odd.direct_write, Request.FromString, Response.SerializeToString
    )
    async with listening({SERVICE: {"FeatureViewDirectWrite": handler}}, "127.0.0.1", 0) as endpoint:
        monkeypatch.setenv("FEATURE_STORE_EMULATOR_HOST", endpoint.address)
        yield odd


async def test_the_request_names_the_view_in_its_routing_header_and_every_generate_time(
    odd_store: Store, view: FeatureView
) -> None:
    await view.write([entry("l-1", after=1.5, page_views=3)])
    assert odd_store.routing == [f"feature_view={VIEW}"]
    (request,) = odd_store.requests
    assert request.feature_view == VIEW
    (feature,) = request.data_key_and_feature_values[0].features
    moment = feature.value.metadata.generate_time.ToDatetime(UTC)
    assert (feature.name, moment) == ("page_views", WHEN + timedelta(seconds=1.5))


async def test_answers_may_come_in_any_order_and_number(odd_store: Store, view: FeatureView) -> None:
    odd_store.turns.append(one_of(answer("l-3"), answer(), answer("l-1", "l-1"), answer("l-2")))
    assert await view.write([entry("l-1"), entry("l-2"), entry("l-3")]) is None


async def test_only_the_keys_that_failed_are_tried_again(odd_store: Store, view: FeatureView) -> None:
    odd_store.turns.append(one_of(answer("l-2", code=14, message="busy"), answer("l-1")))
    assert await view.write([entry("l-1"), entry("l-2")]) is None
    assert odd_store.keys() == [["l-1", "l-2"], ["l-2"]]
    assert len(odd_store.routing) == 1


@pytest.mark.parametrize(("code", "attempts"), [(14, 2), (3, 1)])
async def test_a_key_that_fails_is_given_up_with_the_stores_reason(
    odd_store: Store, view: FeatureView, code: int, attempts: int
) -> None:
    odd_store.turns += [one_of(answer("l-1", code=code, message="no such feature"))] * 2
    reason = f"{VIEW} refused the values: no such feature (code {code})"
    assert await view.write([entry("l-1")]) == Unwritten(1, WHEN, WHEN, reason)
    assert len(odd_store.requests) == attempts


async def test_a_key_that_is_refused_for_good_is_unwritten_though_another_succeeds_on_the_second_try(
    odd_store: Store, view: FeatureView
) -> None:
    odd_store.turns.append(one_of(answer("l-1", code=3, message="no"), answer("l-2", code=14)))
    unwritten = await view.write([entry("l-1"), entry("l-2")])
    assert unwritten == Unwritten(1, WHEN, WHEN, f"{VIEW} refused the values: no (code 3)")
    assert odd_store.keys() == [["l-1", "l-2"], ["l-2"]]


async def test_waiting_for_a_key_in_flight_does_not_count_as_a_slow_store(
    odd_store: Store, open_view: OpenView
) -> None:
    now = 0.0

    def in_time(request: Any) -> Iterator[Any]:
        nonlocal now
        now += 0.6 * SLOW_SECONDS
        yield from written(request)

    odd_store.turns += [in_time] * 8
    view = open_view(clock=lambda: now, try_seconds=30.0)
    hot = [view.write([entry("l-1", after=number)]) for number in range(8)]
    assert await asyncio.gather(*hot) == [None] * 8
    assert await view.write([entry("l-2")]) is None, "the breaker is closed"
    assert len(odd_store.requests) == 9


async def test_an_error_that_names_no_key_fails_all_unanswered_keys(
    odd_store: Store, view: FeatureView
) -> None:
    odd_store.turns.append(one_of(answer("l-1"), answer(code=8, message="quota")))
    assert await view.write([entry("l-1"), entry("l-2"), entry("l-3")]) is None
    assert odd_store.keys()[1] == ["l-2", "l-3"]


@pytest.mark.parametrize(
    "turn", [hang_up, one_of(grpc.StatusCode.UNAVAILABLE), one_of(grpc.StatusCode.CANCELLED)], ids=range(3)
)
async def test_a_stream_that_ends_in_the_middle_is_opened_again(
    odd_store: Store, view: FeatureView, turn: Turn
) -> None:
    odd_store.turns.append(turn)
    assert await view.write([entry("l-1")]) is None
    assert len(odd_store.routing) == 2


@pytest.mark.parametrize("ending", [HangUp, grpc.StatusCode.UNAVAILABLE])
async def test_a_stream_that_ended_while_idle_is_opened_again(
    odd_store: Store, view: FeatureView, ending: Any
) -> None:
    def write_and_leave(request: Any) -> Iterator[Any]:
        yield from written(request)
        if ending is HangUp:
            raise HangUp
        yield ending

    odd_store.turns.append(write_and_leave)
    assert await view.write([entry("l-1")]) is None
    assert await view.write([entry("l-2")]) is None
    assert odd_store.keys() == [["l-1"], ["l-2"]]
    assert len(odd_store.routing) == 2


async def test_a_store_that_does_not_answer_in_time_is_tried_again_on_a_new_stream(
    odd_store: Store, open_view: OpenView
) -> None:
    odd_store.turns.append(silence)
    assert await open_view(try_seconds=0.2).write([entry("l-1")]) is None
    assert len(odd_store.routing) == 2


async def test_a_store_that_never_answers_costs_the_values_and_says_so(
    odd_store: Store, open_view: OpenView
) -> None:
    odd_store.turns += [silence] * 2
    reason = f"writing to {VIEW} failed: no answer within 0.05 s"
    assert await open_view(try_seconds=0.05).write([entry("l-1")]) == Unwritten(1, WHEN, WHEN, reason)
    assert await open_view().write([entry("l-1")]) is None


async def test_where_nothing_listens_every_value_fails_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, view: FeatureView
) -> None:
    monkeypatch.setenv("FEATURE_STORE_EMULATOR_HOST", "127.0.0.1:1")
    unwritten = await view.write([entry("l-1"), entry("l-2", after=1)])
    assert unwritten is not None
    assert (unwritten.count, unwritten.since, unwritten.until) == (2, WHEN, WHEN + timedelta(seconds=1))
    assert unwritten.reason.startswith(f"writing to {VIEW} failed: UNAVAILABLE, ")
