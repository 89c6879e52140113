"""Logs that Cloud Logging reads, without payloads, and the count of unknown fields."""

import logging
import sys
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any

import orjson
import pytest

from shared.message import Message
from shared.telemetry import tracing
from shared.telemetry.logs import FIELDS, JsonFormatter, LogEvent, UnknownFields, configure, log
from shared.telemetry.trace_context import ATTRIBUTE, TraceContext
from tests.support.clock import Clock

ALWAYS = {"severity", "message", "stage"}


def line(
    level: int = logging.WARNING, message: str = "text", *args: object, **extra: object
) -> dict[str, object]:
    record = log.makeRecord(log.name, level, __file__, 1, message, args, None, extra=extra)
    written = JsonFormatter("parse", "my-project").format(record)
    assert "\n" not in written
    read: dict[str, object] = orjson.loads(written)
    return read


def test_a_line_has_the_severity_the_message_and_the_stage() -> None:
    assert line(logging.ERROR, "%s of %d", "one", 2) == {
        "severity": "ERROR",
        "message": "one of 2",
        "stage": "parse",
    }


def test_a_line_has_no_key_beyond_the_closed_list() -> None:
    allowed: dict[str, Any] = dict.fromkeys(FIELDS, "x")
    written = line(**allowed, payload=b"secret", search_queries=["my mother's home"], metrics={"a": 1})
    assert set(written) == ALWAYS | set(FIELDS)
    assert "secret" not in str(written)
    assert "mother" not in str(written)


def test_an_event_is_written_as_its_plain_key() -> None:
    assert line(event=LogEvent.FLUSH_FINISHED)["event"] == "flush_finished"


def test_fields_keep_their_types_and_what_json_lacks_becomes_text() -> None:
    written = line(counts={"a.b": 2}, delivery_attempt=3, event_id=None, location_id={1})
    assert written["counts"] == {"a.b": 2}
    assert (written["delivery_attempt"], written["event_id"], written["location_id"]) == (3, None, "{1}")


def test_a_traceback_is_joined_to_the_message_on_the_same_line() -> None:
    try:
        raise ValueError("a bug")
    except ValueError:
        record = log.makeRecord("x", logging.ERROR, "f", 1, "it failed", (), sys.exc_info())
    written = JsonFormatter("parse", "my-project").format(record)
    assert "\n" not in written
    message = orjson.loads(written)["message"]
    assert message.startswith("it failed\nTraceback (most recent call last):")
    assert message.endswith("ValueError: a bug")


CONTEXT = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", is_sampled=True)
TRACE_FIELDS = {
    "logging.googleapis.com/trace": "projects/my-project/traces/4bf92f3577b34da6a3ce929d0e0e4736",
    "logging.googleapis.com/spanId": "00f067aa0ba902b7",
    "logging.googleapis.com/trace_sampled": True,
}


def traced(attributes: dict[str, str], headers: list[tuple[bytes, bytes]]) -> dict[str, object]:
    """A line written while working on a message of this trace."""
    message = Message(b"", "17", attributes, None, "s", None)

    def work() -> dict[str, object]:
        with tracing.received(message, {"type": "http", "headers": headers}):
            return line()

    return copy_context().run(work)


def test_a_line_belongs_to_the_trace_of_its_message() -> None:
    fields = {"severity": "WARNING", "message": "text", "stage": "parse"}
    header = (b"traceparent", b"00-11112222333344445555666677778888-1111222233334444-00")
    assert traced({ATTRIBUTE: CONTEXT.traceparent}, [header]) == fields | TRACE_FIELDS
    assert "11112222333344445555666677778888" in str(traced({}, [header]))
    assert traced({}, []) == fields


def test_a_line_about_another_message_belongs_to_its_trace() -> None:
    assert line(trace=CONTEXT) == line() | TRACE_FIELDS


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root, level = logging.getLogger(), log.level
    handlers, root_level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(root_level)
    log.setLevel(level)


@pytest.mark.usefixtures("restored_logging")
def test_configured_logs_go_to_stdout_and_libraries_are_quiet_below_warning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure("features", "INFO", "my-project")
    log.info("ours")
    log.debug("ours in detail")
    logging.getLogger("grpc").info("theirs")
    logging.getLogger("grpc").warning("their warning")
    lines = [orjson.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [(written["message"], written["stage"]) for written in lines] == [
        ("ours", "features"),
        ("their warning", "features"),
    ]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def counts(caplog: pytest.LogCaptureFixture) -> list[object]:
    """The counts reported since the last call."""
    reports = [record.__dict__["counts"] for record in caplog.records]
    caplog.clear()
    return reports


def test_a_new_field_is_reported_at_once_and_then_once_a_minute(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    unknown = UnknownFields(clock)
    unknown.add(["rating_change.colour"])
    assert counts(caplog) == [{"rating_change.colour": 1}]
    unknown.add(["rating_change.colour", "rating_change.shape"])
    clock.now += 59.9
    unknown.add(["rating_change.colour"])
    assert counts(caplog) == []
    clock.now += 0.1
    unknown.add(["rating_change.colour"])
    assert counts(caplog) == [{"rating_change.colour": 3, "rating_change.shape": 1}]
    clock.now += 60
    unknown.add([])
    assert counts(caplog) == []


def test_names_beyond_the_limit_count_together(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    unknown = UnknownFields(clock, max_names=2)
    unknown.add(["a", "b", "c", "d", "a", "c"])
    assert counts(caplog) == [{"a": 2, "b": 1, "(other)": 3}]


def test_a_name_that_somebody_may_have_typed_is_counted_and_not_logged(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    unknown = UnknownFields(clock)
    plain = ["rating_change.colour", "rating_change.metrics.colour_2", "x" * 64]
    unknown.add([*plain, "x" * 65, "rating_change.Mrs Smith", "a.b.c.d", "rating_change.", "a.metrics.ä"])
    assert counts(caplog) == [dict.fromkeys(plain, 1) | {"(other)": 5}]


def test_a_report_resets_the_counts(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    unknown = UnknownFields(clock)
    unknown.add(["a"])
    unknown.add(["b"])
    unknown.report()
    unknown.report()
    assert counts(caplog) == [{"a": 1}, {"b": 1}]
