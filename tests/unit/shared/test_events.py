"""What `features` reads of the parsed topic: all that `parse` can write there, and nothing much larger."""

from dataclasses import replace

import orjson
import pytest

from shared.errors import ErrorType, Reject
from shared.events import MAX_PARSED, encode, read
from tests.unit.builders import DECODER, NOW, message, raw


def test_the_longest_that_parse_makes_of_an_event_is_read_again() -> None:
    """Of 1 MB, the most that MAX_EVENT_BYTES can be set to: five bytes each become nineteen."""
    text = orjson.dumps(raw("anything", metrics=0)).replace(
        b":0}", b':{"a":[1e15%s]}}' % (b",1e15" * 199_900)
    )
    assert 999_500 < len(text) <= 1_000_000
    made = encode(replace(DECODER, max_event_bytes=1_000_000).decode(message(text), NOW)[0])
    assert len(made) > 3.7 * len(text)
    assert read(made).event_type == "anything"


def test_what_is_longer_is_rejected_unread() -> None:
    data = b'{"a":[' + b"[]," * (MAX_PARSED // 3) + b"[]]}"
    with pytest.raises(Reject, match="has 4000009 bytes, more than 4000000") as rejected:
        read(data)
    assert rejected.value.error_type is ErrorType.PAYLOAD_TOO_LARGE
