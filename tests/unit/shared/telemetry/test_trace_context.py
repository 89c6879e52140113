"""Which trace a message belongs to, and what counts as none."""

from collections.abc import Mapping

import pytest

from shared.telemetry.trace_context import ATTRIBUTE, TraceContext, of_attributes, of_headers
from tests.support.fresh_python import printed_by

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
CONTEXT = TraceContext(TRACE, SPAN, is_sampled=True)


def test_a_traceparent_is_read_and_written() -> None:
    assert TraceContext.parse(PARENT) == CONTEXT
    assert CONTEXT.traceparent == PARENT
    assert TraceContext.parse(f"00-{TRACE}-{SPAN}-00") == TraceContext(TRACE, SPAN, is_sampled=False)


def test_a_later_version_may_have_more_fields() -> None:
    assert TraceContext.parse(f"01-{TRACE}-{SPAN}-03-more") == CONTEXT


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "x",
        PARENT.upper(),
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}",
        f"{PARENT}x",
        f"\n{PARENT}",
    ],
)
def test_a_malformed_traceparent_is_ignored(text: str | None) -> None:
    assert TraceContext.parse(text) is None


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, None),
        ({ATTRIBUTE: PARENT}, CONTEXT),
        ({"traceparent": PARENT}, CONTEXT),
        ({ATTRIBUTE: PARENT, "traceparent": "other"}, CONTEXT),
        ({ATTRIBUTE: "wrong"}, None),
    ],
)
def test_the_attribute_is_the_one_of_googles_client_libraries(
    attributes: Mapping[str, str], expected: TraceContext | None
) -> None:
    assert ATTRIBUTE == "googclient_traceparent"
    assert of_attributes(attributes) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"traceparent": PARENT, "x-cloud-trace-context": "0" * 32}, CONTEXT),
        ({"x-cloud-trace-context": f"{TRACE}/{int(SPAN, 16)};o=1"}, CONTEXT),
        ({"x-cloud-trace-context": f"{TRACE}/1;o=0"}, TraceContext(TRACE, f"{1:016x}", is_sampled=False)),
        ({"x-cloud-trace-context": f"{TRACE}/{2**64 + 1}"}, TraceContext(TRACE, f"{1:016x}", False)),
        ({"x-cloud-trace-context": TRACE}, TraceContext(TRACE, "0" * 16, is_sampled=False)),
        ({"x-cloud-trace-context": "nonsense"}, None),
        ({"x-cloud-trace-context": "0" * 32 + "/1;o=1"}, None),
        ({"traceparent": "wrong", "x-cloud-trace-context": f"{TRACE}/{int(SPAN, 16)};o=1"}, CONTEXT),
    ],
)
def test_a_trace_is_read_from_either_header(
    headers: Mapping[str, str], expected: TraceContext | None
) -> None:
    assert of_headers(headers) == expected


def test_without_an_endpoint_no_sdk_and_no_exporter_is_imported() -> None:
    """The API is: google.api_core imports it by itself where it is installed."""
    heavy = ("opentelemetry.sdk", "opentelemetry.exporter")
    code = (
        "import sys, functions.parse.main as m; m.handler(); "
        f"print(*(name for name in sys.modules if name.startswith({heavy})))"
    )
    environment = {"PROJECT_ID": "p", "PUBSUB_EMULATOR_HOST": "127.0.0.1:1"}
    assert printed_by(code, environment) == []
