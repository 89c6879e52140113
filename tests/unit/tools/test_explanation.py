"""What `cqc explain` concludes about an event's window from panes, documents and the watermark."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.clock import to_micros
from shared.windows.key import WindowKey
from tools.explain.explanation import WindowShare
from tools.explain.report import window_sentence
from tools.pipeline.warehouse import Record

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
SPAN = "2026-06-01 12:00 to 12:05 UTC"


def pane(revision: int, minutes: float, count: int) -> Record:
    return {
        "revision": revision,
        "aggregation_timestamp": NOON + timedelta(minutes=minutes),
        "window_event_count": count,
    }


COUNTED = WindowShare(
    WindowKey(to_micros(NOON), "1-1"),
    panes=[pane(1, 1, 2), pane(2, 2, 3), pane(3, 5, 3), pane(4, 7, 4)],
    stored=NOON + timedelta(minutes=1, seconds=30),
    is_late=False,
    is_counted=True,
    is_kept=True,
    is_settled=False,
    watermark=NOON + timedelta(minutes=6),
)


@pytest.mark.parametrize(
    ("stored_minutes", "counts"),
    [
        (1.5, [False, None, None, True]),
        (2.1, [False, None, None, True]),
        (2.2, [False, False, False, True]),
        (0, [None, None, None, True]),
        (9, [False, False, False, False]),
    ],
)
def test_the_first_pane_is_one_that_came_after_the_event_and_counts_more(
    stored_minutes: float, counts: list[bool | None]
) -> None:
    """A flush reads on for 10 s after the time that its panes bear."""
    share = replace(COUNTED, stored=NOON + timedelta(minutes=stored_minutes))
    assert [share.counts_the_event(pane) for pane in share.panes] == counts


def test_no_pane_counts_what_the_window_does_not_remember() -> None:
    share = replace(COUNTED, is_counted=False)
    assert {share.counts_the_event(pane) for pane in share.panes} == {False}


@pytest.mark.parametrize(
    ("share", "sentence"),
    [
        (replace(COUNTED, is_late=True), f"It arrived after its window, {SPAN}, had closed: it is in no"),
        (
            COUNTED,
            f"Its window is {SPAN}: it is counted, from pane 4 on at the latest, and not before pane 2",
        ),
        (replace(COUNTED, panes=COUNTED.panes[:3]), f"Its window is {SPAN}: it is counted, from pane 2 on."),
        (replace(COUNTED, panes=COUNTED.panes[:1]), f"Its window is {SPAN}: it is counted, and its pane is"),
        (
            replace(COUNTED, is_counted=False),
            f"Its window, {SPAN}, has not counted it yet: the flush, which has read the log up to 2026-06-01 "
            "12:06:00Z for good, counts it when it runs next",
        ),
        (
            replace(COUNTED, is_counted=False, watermark=None),
            f"Its window, {SPAN}, has not counted it yet: no flush has run",
        ),
        (
            replace(COUNTED, is_counted=False, is_settled=True),
            f"Its window, {SPAN}, is settled: it does not count the event, whose row is not late; `cqc",
        ),
        (
            replace(COUNTED, is_counted=False, is_settled=True, is_kept=False),
            f"Its window, {SPAN}, is settled: which events it counted is no longer kept",
        ),
        (
            replace(COUNTED, is_counted=False, is_settled=True, is_kept=False, panes=[]),
            f"Its window, {SPAN}, is settled: it has no pane, although the event's row is not late; `cqc ver",
        ),
    ],
)
def test_a_sentence_says_where_the_event_stands(share: WindowShare, sentence: str) -> None:
    assert window_sentence(share).startswith(sentence)
