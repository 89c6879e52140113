"""What `cqc explain` prints."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.console import Console

from shared.clock import from_micros
from shared.online import WINDOW_FEATURES
from shared.tables.columns import CATEGORY_COLUMNS, DERIVED_COLUMNS
from tools.console import console, one_line, print_json, table
from tools.explain.explanation import Explanation, WindowShare
from tools.explain.lookup import explain
from tools.pipeline.deployment import Pipeline
from tools.pipeline.side_by_side import Missing
from tools.pipeline.warehouse import Record

_FEATURES = {column.name for columns in (DERIVED_COLUMNS, *CATEGORY_COLUMNS.values()) for column in columns}

_FAILURE_COLUMNS = ("error_timestamp", "stage", "error_type", "error_message")
_REPLAY_COLUMNS = ("replayed_at", "kind", "stage", "replay_of", "edit")
"""What a terminal has room for; --json has all."""


def run(pipeline: Pipeline, event_id: str, as_machine: bool) -> None:
    """Shows the explanation, newest steps last; raises UsageError for an unknown id."""
    known = explain(pipeline, event_id)
    if as_machine:
        print_json(_document(known))
        return
    people = console()
    people.print(one_line(f"Event {event_id}"), style="bold")
    for sentence in _summary(known):
        people.print(one_line(sentence))
    _show_event(people, known)
    _show_records(people, "Dead letters", known.failures, _FAILURE_COLUMNS)
    _show_records(people, "Replays and redrives", known.replays, _REPLAY_COLUMNS)


def _summary(known: Explanation) -> Iterator[str]:
    yield from _on_its_way(known)
    if not known.rows:
        yield f"It has no features row{': it was dead-lettered' if known.failures else ''}."
        return
    row = known.rows[0]
    yield f"{row['event_type']} of location {row['location_id']}, category {row['feature_category']}."
    if len(known.rows) > 1:
        more = len(known.rows) - 1
        yield f"It has {more + 1} rows: {more} of a redelivery or replay, which do not count."
    if isinstance(known.window, Missing):
        yield f"What its window counts can't be said: {known.window.reason}."
    elif known.window is not None:
        yield window_sentence(known.window)
    yield _served_sentence(known)


def _on_its_way(known: Explanation) -> Iterator[str]:
    if isinstance(known.in_flight, Missing):
        yield f"Whether it is on its way can't be said: {known.in_flight.reason}."
        return
    for waiting in known.in_flight:
        yield waiting.sentence()


def _served_sentence(known: Explanation) -> str:
    if isinstance(known.served, Missing):
        return f"What the online store serves can't be said: {known.served.reason}."
    if not known.served:
        return "The online store serves nothing for the location."
    newer = sum(
        1
        for value in known.served
        if value.name not in WINDOW_FEATURES
        and value.generate_time
        and known.event_time
        and value.generate_time > known.event_time
    )
    of_windows = sum(value.name in WINDOW_FEATURES for value in known.served)
    return (
        f"The online store serves {len(known.served)} features of the location: "
        f"{len(known.served_values())} from this event, {newer} from newer ones, {of_windows} of a window."
    )


def window_sentence(window: WindowShare) -> str:
    """Whether its window counts the event, or why not."""
    span = f"{from_micros(window.key.start):%Y-%m-%d %H:%M} to {from_micros(window.key.end):%H:%M} UTC"
    if window.is_late:
        return f"It arrived after its window, {span}, had closed: it is in no window."
    if window.is_counted:
        return f"Its window is {span}: {_first_pane(window)}."
    if window.is_settled:
        return f"Its window, {span}, is settled: {_settled_without(window)}."
    if window.watermark is None:
        return f"Its window, {span}, has not counted it yet: no flush has run (`cqc flush`)."
    return (
        f"Its window, {span}, has not counted it yet: the flush, which has read the log up to "
        f"{window.watermark:%Y-%m-%d %H:%M:%SZ} for good, counts it when it runs next (`cqc flush`)."
    )


def _first_pane(window: WindowShare) -> str:
    candidates = window.candidates()
    if not candidates:
        return "it is counted, and its pane is not in BigQuery yet: the flush at work, or the next, writes it"
    first, last = candidates[0], candidates[-1]
    if first is last:
        return f"it is counted, from pane {last['revision']} on"
    return (
        f"it is counted, from pane {last['revision']} on at the latest, and not before pane "
        f"{first['revision']}"
    )


def _settled_without(window: WindowShare) -> str:
    if window.is_kept:
        return "it does not count the event, whose row is not late; `cqc verify-windows --repair` fixes that"
    if window.panes:
        return "which events it counted is no longer kept (7 days after it was settled)"
    return "it has no pane, although the event's row is not late; `cqc verify-windows --repair` fixes that"


def _show_event(people: Console, known: Explanation) -> None:
    if not known.rows:
        return
    people.print(table(("step", "time", "seconds later"), known.timeline(), title="Timeline"))
    features = [
        (name, value)
        for name, value in known.rows[0].items()
        if name in _FEATURES and value is not None and value != []
    ]
    people.print(table(("feature", "value"), features, title="Features row"))
    if isinstance(known.window, WindowShare) and known.window.panes:
        columns = (*known.window.panes[0], "counts the event")
        rows = [(*pane.values(), known.window.counts_the_event(pane)) for pane in known.window.panes]
        people.print(table(columns, rows, title="Panes of its window"))
    if served := known.served_values():
        pairs = [(value.name, value.value) for value in served]
        people.print(table(("feature", "value"), pairs, title="Served from this event"))


def _show_records(people: Console, title: str, records: Sequence[Record], columns: Sequence[str]) -> None:
    if records:
        people.print(table(columns, [[record[name] for name in columns] for record in records], title=title))


def _document(known: Explanation) -> dict[str, object]:
    window = known.window if isinstance(known.window, WindowShare) else None
    parts = (known.in_flight, known.window, known.served)
    return {
        "event_id": known.event_id,
        "timeline": [
            {"step": step, "time": at, "seconds_later": later} for step, at, later in known.timeline()
        ],
        "rows": known.rows,
        "window": window
        and {
            "start": from_micros(window.key.start),
            "counted": window.is_counted,
            "settled": window.is_settled,
            "log_read_up_to": window.watermark,
            "panes": [{**pane, "counts_the_event": window.counts_the_event(pane)} for pane in window.panes],
        },
        "online": {
            value.name: {"value": value.value, "generate_time": value.generate_time}
            for value in known.served_values()
        },
        "in_flight": None if isinstance(known.in_flight, Missing) else [*map(asdict, known.in_flight)],
        "missing": [part.reason for part in parts if isinstance(part, Missing)],
        "dead_letters": known.failures,
        "replays": known.replays,
    }
