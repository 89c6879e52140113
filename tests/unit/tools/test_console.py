"""What people and programs see of a result: a table, a line per value, or CSV."""

import csv
from datetime import UTC, datetime
from io import StringIO

import pytest

from tools.console import as_json, as_text, console, csv_lines, fits, records, table, visible

ID = "5907c30e-bb5f-4f68-89ea-16b8c21dfadb"
LONG = "timestamp: is missing, expected ISO 8601 text with an offset, " * 3


def test_an_id_is_never_wrapped_and_what_stands_beside_it_is_folded_not_cut(
    capsys: pytest.CaptureFixture[str],
) -> None:
    people = console()
    people.width = 80
    topic = "projects/cqc-local/topics/dashboard-events"
    people.print(table(("event_id", "taken from", "goes to"), [(ID, LONG, topic)]))
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert ID in lines[2]
    assert max(map(len, lines)) <= 80
    assert topic in "".join(line[lines[0].index("goes to") :].strip() for line in lines[2:])


def test_a_terminal_that_does_not_know_its_width_still_shows_something(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "0")
    console().print(table(("event_id",), [(ID,)]))
    assert ID in capsys.readouterr().out


def test_a_table_fits_where_names_and_ids_are_whole_and_texts_have_some_room() -> None:
    columns, rows = ("event_id", "error_message"), [(ID, LONG)]
    assert fits(columns, rows, 36 + 13 + 6)
    assert not fits(columns, rows, 36 + 13 + 5)


def test_the_vertical_form_has_a_line_per_value() -> None:
    lines = list(records(("event_id", "n"), [("a", 1), ("b", None)]))
    assert lines == ["─[ row 1 ]─", "event_id  a", "n         1", "─[ row 2 ]─", "event_id  b", "n         –"]


STEERING = "L\x1b]0;title\x07\x1b[31m\x9b2J\r\u202e\ud800"
"""What a producer may send: it renames the terminal, colours it, clears it, turns text round, is no UTF-8."""


def test_what_might_steer_the_terminal_is_escaped_and_lines_are_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert visible(f"one\n{STEERING}") == "one\nL" + r"\x1b]0;title\x07\x1b[31m\x9b2J\r\u202e\ud800"
    console().print(table(("location_id", "text"), [(STEERING, [STEERING])], title=STEERING))
    console().out("\n".join(records(("location_id", "json"), [(STEERING, {STEERING: 1})])))
    shown = capsys.readouterr().out
    assert "L" + r"\x1b]0;title\x07" in shown
    assert all(character.isprintable() for character in shown.replace("\n", ""))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (0.0004, "0.0004"),
        (-0.0001, "-0.0001"),
        (0.1 + 0.2, "0.3"),
        (100.0, "100"),
        (-1234567.891, "-1,234,567.891"),
        (1e300, "1e+300"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
    ],
)
def test_a_number_is_short_and_none_looks_like_another(value: float, text: str) -> None:
    assert as_text(value) == text


def test_json_has_no_number_that_json_lacks() -> None:
    shown = as_json([{"a": float("nan"), "b": (1.5, float("-inf")), "at": datetime(2026, 1, 31, tzinfo=UTC)}])
    assert shown == '[{"a": "NaN", "b": [1.5, "-Infinity"], "at": "2026-01-31T00:00:00+00:00"}]'


def test_csv_is_read_back_as_it_was() -> None:
    row = ('say "hi",\nthere', None, ["a", "b"], datetime(2026, 1, 31, tzinfo=UTC), 1.5)
    text = "\r\n".join(csv_lines(("a", "b", "c", "d", "e"), [row]))
    header, read = csv.reader(StringIO(text))
    assert header == ["a", "b", "c", "d", "e"]
    assert read == ['say "hi",\nthere', "", '["a", "b"]', "2026-01-31T00:00:00+00:00", "1.5"]
