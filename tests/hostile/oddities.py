"""What may stand where an event or a delivery has a value: JSON texts, many of them wrong.

They are bytes, not Python values: most of what is hostile in JSON is gone once it is parsed.
"""

from collections.abc import Callable
from random import Random

_TEXTS = (
    *(
        b"",
        b" ",
        b"3",
        b" 3 ",
        b"3.0",
        b"3.5",
        b"0-3",
        b"1_000",
        b"1e5",
        b"NaN",
        b"-Infinity",
        b"true",
        b"null",
    ),
    *("٣".encode(), "１２".encode(), b"\\u0000", b"\\u0000x", b"\\ud83d\\ude00", "\u202egnihsam".encode()),
    *(
        "e\u0301".encode() * 8,
        "\u200b".encode(),
        b"\\ud800",
        b"\\udfff\\ud800",
        b"\\u12",
        b"\\x41",
        b"a\nb",
        b"\x00",
    ),
    *(b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", "\uffff".encode()),
    *(b"x" * 128, b"x" * 129, b"x" * 256, b"x" * 257, b"x" * 4_000, "😀".encode() * 128, "😀".encode() * 257),
    *(b"a/b", b"..", b"__x__", b"a%2Fb", b"'; DROP TABLE x; --", b"<script>", b"\\u001b[31m", b"{{7*7}}"),
    *(b"Good", b"Outstanding", b"high", b"rating_change", b"capacity_update", b"heartbeat", b"\\\\", b'\\"'),
)
_NUMBERS = (
    *(
        b"0",
        b"-0",
        b"1",
        b"-1",
        b"0.0",
        b"-0.0",
        b"3.0",
        b"3.5",
        b"1e2",
        b"1E400",
        b"1e308",
        b"-1e309",
        b"1e-400",
    ),
    *(b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"-9223372036854775809"),
    *(b"18446744073709551615", b"18446744073709551616", b"9" * 400, b"0." + b"1" * 400, b"9007199254740993"),
    *(b"NaN", b"Infinity", b"-Infinity", b"01", b"+1", b".5", b"1.", b"0x10", b"1_000", b"--1", b"1e", b""),
)
_OTHERS = (
    *(
        b"null",
        b"true",
        b"false",
        b"[]",
        b"{}",
        b"[null]",
        b"[[]]",
        b'["a",null]',
        b"[1]",
        b'{"a":1}',
        b'{"":null}',
    ),
    *(
        b'["safe","well-led"]',
        b'[""]',
        b'["\\u0000"]',
        b'{"a":1,"a":2}',
        b"undefined",
        b"[1,]",
        b"{,}",
        b"'x'",
    ),
)
TIMES = (
    *(
        "2026-03-11T11:59:58Z",
        "2026-03-11 11:59:58Z",
        "20260311T115958Z",
        "2026-W11-3T11:59:58Z",
        "2026-070T11:59Z",
    ),
    *("2026-03-11T11:59:58.123456789Z", "2026-03-11T11:59:58,5Z", "2026-03-11T11:59Z", "2026-03-11T11Z"),
    *("2026-03-11T11:59:58z", "2026-03-11t11:59:58z", "2026-03-11T11:59:58", "2026-03-11", "2026", "", " "),
    *("2026-03-11T11:59:58+23:59", "2026-03-11T11:59:58-23:59:59.999999", "2026-03-11T11:59:58+24:00"),
    *("2026-03-11T12:05:00Z", "2026-03-11T12:05:00.000001Z", "2026-03-11T24:00:00Z", "2026-03-11T11:59:60Z"),
    *("2024-03-11T12:00:00Z", "2024-03-10T12:00:00Z", "2024-02-29T00:00:00Z", "2025-02-29T00:00:00Z"),
    *(
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "0001-01-01T23:59:59+23:59",
        "0000-01-01T00:00:00Z",
    ),
    *(
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:59-23:59",
        "10000-01-01T00:00Z",
    ),
    *(
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00Z",
        "2026-03-29T01:30:00+01:00",
        "1900-01-01T00:00:00Z",
    ),
    *(
        "2026-03-11T11:59:58Z\\u0000",
        "٢٠٢٦-03-11T11:59:58Z",
        "2026-03-11T11:59:58 Z",
        "-2026-03-11T11:59:58Z",
    ),
)
NAMES = (
    *(b"event_id", b"location_id", b"event_type", b"timestamp", b"metrics", b"Timestamp", b"metrics ", b""),
    *(
        b"value_1",
        b"value_2",
        b"location",
        b"TIME",
        b"update",
        b"new_beds",
        b"page_views",
        b"__class__",
        b"\\u0000",
    ),
    *("straße".encode(), b"x" * 200, b"\\ud800", b"$ref", b"a.b", b"0"),
)


def text(rng: Random) -> bytes:
    """A JSON string."""
    return b'"%s"' % rng.choice(_TEXTS)


def time(rng: Random) -> bytes:
    """A JSON string that is, or looks like, a time."""
    return b'"%s"' % rng.choice(TIMES).encode()


def number(rng: Random) -> bytes:
    """A JSON number, or what others take for one."""
    if rng.random() < 0.7:
        return rng.choice(_NUMBERS)
    return b"%d" % (rng.choice((1, -1)) * (2 ** rng.randrange(70) + rng.randrange(-2, 3)))


def value(rng: Random) -> bytes:
    """Anything, small."""
    return rng.choice(_ANY)(rng)


def _other(rng: Random) -> bytes:
    return rng.choice(_OTHERS)


def nested(rng: Random) -> bytes:
    """Lists or objects in each other, up to deeper than a parser goes (1,024 levels)."""
    depth = int(4 ** rng.uniform(1, 5.5))
    inner = rng.choice((b"1", b"", b'"x"'))
    if rng.random() < 0.5:
        return b"[" * depth + inner + b"]" * depth
    return b'{"a":' * depth + (inner or b"{}") + b"}" * depth


def big(rng: Random) -> bytes:
    """Up to 300 kB of one thing, which is above MAX_EVENT_BYTES."""
    size = int(10 ** rng.uniform(3.5, 5.48))
    kind = rng.randrange(7)
    if kind == 0:
        return b'"%s"' % (b"x" * size)
    if kind == 1:
        return b'"%s"' % (b"\\u0001" * (size // 6))
    if kind == 2:
        return b"[%s]" % b",".join([b"1"] * (size // 2))
    if kind == 3:
        return b"[%s]" % b",".join([b'"a"'] * (size // 4))
    if kind == 4:
        return b"{%s}" % b",".join(b'"%x":1' % key for key in range(size // 10))
    if kind == 5:
        return b"[%s]" % b",".join([rng.choice((b"[]", b"{}", b"1e-3", b'{"a":[]}'))] * (size // 5))
    return b"9" * size


_ANY: tuple[Callable[[Random], bytes], ...] = (text, text, text, number, number, _other, _other, time)
