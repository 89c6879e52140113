"""The bills as text: tables for the terminal, Markdown for docs/cost.md, JSON. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from tools.cost.bill import Bill
from tools.cost.crossing import crossings
from tools.cost.measurements import Measurements
from tools.cost.model import BILLS, Basis
from tools.cost.operations import Demand
from tools.cost.prices import Prices

Rows = list[tuple[str, ...]]


def bills(basis: Basis, names: Sequence[str] = tuple(BILLS)) -> list[Bill]:
    return [BILLS[name](basis) for name in names]


def head(made: Sequence[Bill]) -> tuple[str, ...]:
    return ("service", "what", *(bill.name for bill in made))


def rows(made: Sequence[Bill]) -> Rows:
    """A row a line, then the totals; the same line stands in one row, whoever has it."""
    lines = dict.fromkeys((line.service, line.what) for bill in made for line in bill.lines)
    services = list(dict.fromkeys(service for service, _ in lines))
    ordered = sorted(lines, key=lambda line: services.index(line[0]))
    return [(service, what, *(_cell(bill, service, what) for bill in made)) for service, what in ordered]


def totals(made: Sequence[Bill], rate: float) -> Rows:
    """Of a month and, where there are any, of a million events."""
    found: Rows = [("", "dollars a month", *(amount(bill.total) for bill in made))]
    if rate:
        each = (amount(bill.per_million(rate)) for bill in made)
        found.append(("", "dollars a million events", *each))
    return found


def aligned(table: Rows) -> Rows:
    """The amounts under one another, as they are texts."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        (*row[:2], *(cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)))
        for row in table
    ]


def _cell(bill: Bill, service: str, what: str) -> str:
    found = [line for line in bill.lines if (line.service, line.what) == (service, what)]
    return amount(sum(line.dollars for line in found)) if found else ""


def amount(dollars: float) -> str:
    """Three digits of it, cents at most."""
    if not dollars:
        return "0"
    if dollars < 0.005:
        return "< 0.01"
    digits = 2 if dollars < 10 else 1 if dollars < 100 else 0
    return f"{dollars:,.{digits}f}"


def crossing_points(prices: Prices, measured: Measurements, demand: Demand) -> list[str]:
    """A sentence for each rate at which two of the bills are equal, and for each pair without one."""

    def at(name: str, rate: float) -> Bill:
        return BILLS[name](Basis(prices, measured, replace(demand, rate=rate)))

    return [sentence for first, second in combinations(BILLS, 2) for sentence in _pair(at, first, second)]


def _pair(at: Callable[[str, float], Bill], first: str, second: str) -> Iterator[str]:
    def difference(rate: float) -> float:
        return at(first, rate).total - at(second, rate).total

    points = list(crossings(difference))
    for point in points:
        cheaper, dearer = (second, first) if point.rises else (first, second)
        yield f"{cheaper.capitalize()} is cheaper than {dearer} from {_rate(point.rate)} on."
    if not points:
        cheaper, dearer = (first, second) if difference(1.0) < 0 else (second, first)
        yield f"{cheaper.capitalize()} is cheaper than {dearer} at every rate."


def _rate(rate: float) -> str:
    return f"{rate:,.0f} events/s" if rate >= 10 else f"{rate:.1f} events/s"


def note(measured: Measurements) -> str:
    """What a reader must know of the figures."""
    return (
        f"Operations, bytes and seconds: measured on {measured.recorded} at {measured.commit}. The no-op "
        f"took {measured.noop_us:.0f} µs of CPU a request ({measured.machine})."
    )


def price_notes(prices: Prices, basis: Mapping[str, str]) -> list[str]:
    """When the prices were read, and how many of them are what."""
    first, last = prices.read()
    counted = Counter(price.basis for price in prices.all().values())
    kinds = "; ".join(f"{counted[name]} {meaning}" for name, meaning in basis.items())
    days = f"{first}" if first == last else f"{first} to {last}"
    return [f"List prices of europe-west2, before discounts and free quotas, as of {days}: {kinds}."]


def to_dict(measured: Measurements, demand: Demand, made: Sequence[Bill]) -> Mapping[str, object]:
    return {
        "events_per_second": demand.rate,
        "event_bytes": demand.event_bytes,
        "locations": demand.locations,
        "measured": {"recorded": measured.recorded, "commit": measured.commit},
        "bills": {
            bill.name: {
                "dollars_a_month": round(bill.total, 4),
                "dollars_a_million_events": round(bill.per_million(demand.rate), 6) if demand.rate else None,
                "services": {service: round(amount, 4) for service, amount in bill.by_service().items()},
                "lines": [
                    {
                        "service": line.service,
                        "what": line.what,
                        "dollars_a_month": round(line.dollars, 4),
                    }
                    for line in bill.lines
                ],
            }
            for bill in made
        },
    }
