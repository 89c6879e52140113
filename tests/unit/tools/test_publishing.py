"""Lines become publish requests: none lost, none changed, each request within Pub/Sub's limits."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.errors import CommandError
from tools.pipeline.publishing import MAX_BYTES, MAX_LINE, MAX_MESSAGES, publish, read_chunks, requests


class Topic:
    """Accepts requests as Pub/Sub does, numbering the messages."""

    def __init__(self) -> None:
        self.requests: list[list[bytes]] = []
        self._next = 0

    def send(self, lines: list[bytes]) -> list[str]:
        self.requests.append(lines)
        first, self._next = self._next, self._next + len(lines)
        return [str(number) for number in range(first, self._next)]

    @property
    def lines(self) -> list[bytes]:
        return [line for request in self.requests for line in request]


def published(content: bytes, rate: float | None = None) -> Topic:
    topic = Topic()
    publish(BytesIO(content), topic.send, rate, lambda _: None)
    return topic


@given(st.lists(st.binary(min_size=1).filter(lambda line: b"\n" not in line and line.strip())), st.booleans())
def test_every_line_arrives_byte_for_byte_and_in_order(lines: list[bytes], ends_with_newline: bool) -> None:
    content = b"\n".join(lines) + (b"\n" if ends_with_newline else b"")
    assert published(content).lines == lines


def test_a_request_has_at_most_a_thousand_messages() -> None:
    topic = published(b"x\n" * (2 * MAX_MESSAGES + 1))
    assert [len(request) for request in topic.requests] == [1_000, 1_000, 1]


def test_a_request_stays_under_the_byte_limit() -> None:
    line = b"x" * 4_000_000
    chunks = [[line, line, line, line, line]]
    sizes = [sum(map(len, request)) for request in requests(chunks, MAX_MESSAGES, lambda: None)]
    assert sizes == [8_000_000, 8_000_000, 4_000_000]
    assert max(sizes) < MAX_BYTES


def test_a_low_rate_makes_small_requests_and_is_kept() -> None:
    topic = Topic()
    done = publish(BytesIO(b"x\n" * 30), topic.send, 200.0, lambda _: None)
    assert [len(request) for request in topic.requests] == [20, 10]
    assert done.seconds >= 20 / 200


def test_empty_lines_are_skipped_and_counted() -> None:
    topic = Topic()
    done = publish(BytesIO(b"\na\r\n\r\n \nb"), topic.send, None, lambda _: None)
    assert topic.lines == [b"a\r", b"b"]
    assert (done.published, done.empty_lines_skipped) == (2, 3)


def test_the_summary_names_the_first_and_the_last_message() -> None:
    done = publish(BytesIO(b"x\n" * 2_500), Topic().send, None, lambda _: None)
    assert (done.published, done.first_message_id, done.last_message_id) == (2_500, "0", "2499")


def test_publishing_nothing_is_no_error() -> None:
    done = publish(BytesIO(b""), Topic().send, None, lambda _: None)
    assert (done.published, done.first_message_id, done.events_per_second) == (0, None, 0.0)


def test_a_line_that_is_too_long_is_named_by_its_number() -> None:
    content = b"a\n\n" + b"x" * (MAX_LINE + 1) + b"\n"
    with pytest.raises(CommandError, match="line 3 has 9,000,001 bytes"):
        published(content)


def test_complete_lines_do_not_wait_for_more_input() -> None:
    class Pipe(BytesIO):
        """Returns little per read, like a pipe with a slow writer."""

        def read1(self, _size: int | None = -1, /) -> bytes:
            return self.read(4)

    assert list(read_chunks(Pipe(b"a\nb\ncd\ne"))) == [[b"a", b"b"], [b"cd"], [b"e"]]


@pytest.mark.parametrize("end", [KeyboardInterrupt(), CommandError("the topic is gone")])
def test_a_publish_that_ends_early_says_how_many_lines_went(end: BaseException) -> None:
    topic = Topic()

    def send(lines: list[bytes]) -> list[str]:
        if topic.requests:
            raise end
        return topic.send(lines)

    said = "interrupted" if isinstance(end, KeyboardInterrupt) else "the topic is gone"
    with pytest.raises(CommandError, match=rf"^{said}.*1,000 lines were published before"):
        publish(BytesIO(b"{}\n" * 1_500), send, None, lambda _: None)
