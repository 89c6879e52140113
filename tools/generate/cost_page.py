"""The generated part of docs/cost.md: the bills by rate, where they cross, operations and prices."""

from collections.abc import Iterable, Sequence

from tools.cost import measurements, prices, report
from tools.cost.assumptions import LOCATIONS
from tools.cost.bill import Bill
from tools.cost.measurements import Measurements, Stage
from tools.cost.model import BILLS, Basis, on_top
from tools.cost.operations import Demand
from tools.cost.prices import Price, Prices
from tools.generate.output import Files, markdown_table, with_part
from tools.paths import ROOT

PAGE = ROOT / "docs" / "cost.md"
RATES = (0, 1, 50, 1_000)
CHAINS = ("push", "pull")
_TITLES = ["at rest", *(f"{rate:,} event{'s' if rate > 1 else ''}/s" for rate in RATES[1:])]


def part() -> str:
    """From the committed prices and measurements."""
    (listed, basis), measured = prices.load(), measurements.load()
    demand = Demand(1, LOCATIONS, measured.event_bytes)
    made = {
        name: [BILLS[name](Basis(listed, measured, _at(demand, rate))) for rate in RATES] for name in BILLS
    }
    more = [on_top(Basis(listed, measured, _at(demand, rate))) for rate in RATES]
    sections = (
        "## In all, in dollars a month\n",
        _totals(made),
        "\n".join(f"- {sentence}" for sentence in _sentences(listed, measured, demand, made)) + "\n",
        *(f"## {name.capitalize()}, by line, in dollars a month\n\n{_lines(made[name])}" for name in BILLS),
        "## On top of any of the three, in dollars a month\n",
        _lines_of(more),
        "## Measured\n",
        report.note(measured) + "\n",
        _operations(measured),
        "## Prices\n",
        " ".join(report.price_notes(listed, basis)) + "\n",
        markdown_table(("Dollars", "for", "How it is known", "Note"), map(_price, listed.all().values())),
    )
    return "\n".join(sections)


def _at(demand: Demand, rate: float) -> Demand:
    return Demand(rate, demand.locations, demand.event_bytes)


def _totals(made: dict[str, list[Bill]]) -> str:
    rows = [(name, *map(_month, bills)) for name, bills in made.items()]
    each = [
        (
            f"{name}, a million events",
            "",
            *(_million(bill, rate) for bill, rate in zip(bills[1:], RATES[1:], strict=True)),
        )
        for name, bills in made.items()
    ]
    return markdown_table(("", *_TITLES), [*rows, *each])


def _month(bill: Bill) -> str:
    return report.amount(bill.total)


def _million(bill: Bill, rate: float) -> str:
    return report.amount(bill.per_million(rate))


def _sentences(
    listed: Prices, measured: Measurements, demand: Demand, made: dict[str, list[Bill]]
) -> Iterable[str]:
    yield from report.crossing_points(listed, measured, demand)
    for index, title in enumerate(_TITLES[1:], start=1):
        yield _goal(title, {name: bills[index] for name, bills in made.items()})


def _goal(title: str, made: dict[str, Bill]) -> str:
    """Whether the better driver is below the Dataflow job."""
    job = made["Dataflow"]
    better = min((made[name] for name in CHAINS), key=lambda bill: bill.total)
    by, place = report.amount(abs(job.total - better.total)), "below" if better.total < job.total else "above"
    return f"At {title} {better.name}, the better driver, is {place} the Dataflow job, by {by} a month."


def _lines(bills: Sequence[Bill]) -> str:
    """With their sums."""
    return _lines_of(bills) + "| " + " | ".join(("", "**in all**", *map(_month, bills))) + " |\n"


def _lines_of(bills: Sequence[Bill]) -> str:
    rows = dict.fromkeys((line.service, line.what) for line in bills[-1].lines)
    services = list(dict.fromkeys(service for service, _ in rows))
    found = [
        (service, what, *(_cell(bill, what) for bill in bills))
        for service, what in sorted(rows, key=lambda row: services.index(row[0]))
    ]
    return markdown_table(("Service", "What", *_TITLES), found)


def _cell(bill: Bill, what: str) -> str:
    return report.amount(bill[what])


def _operations(measured: Measurements) -> str:
    stages = [
        (f"{name}{', pulling' if stages is measured.pull else ''}", stage)
        for stages in (measured.push, measured.pull)
        for name, stage in stages.items()
    ]
    rows = [
        ("Bytes of an event, as sent", f"{measured.event_bytes:,.0f}"),
        ("Bytes of it after `parse`", f"{measured.parsed_bytes:,.0f}"),
        ("Bytes of its row, as BigQuery counts them", f"{measured.row_bytes:,.0f}"),
        ("Bytes of a pane's row", f"{measured.flush.pane_bytes:,.0f}"),
        *((f"CPU of an event in {name}, µs", f"{stage.cpu_us:,.0f}") for name, stage in stages),
        *(
            (f"Busy share of an instance of {name} under full load", f"{stage.busy:.2f}")
            for name, stage in stages
        ),
        *((f"An event alone in {name}, ms", f"{stage.alone_ms:.1f}") for name, stage in stages),
        *((f"Calls an event of {name} to each sink", _calls(stage)) for name, stage in stages),
        *((f"Log of {name}, bytes an event", f"{stage.log_bytes:g}") for name, stage in stages),
        ("An idle flush, ms", f"{measured.flush.idle_seconds * 1e3:.0f}"),
        (
            "A flush, µs an event and µs a pane",
            f"{measured.flush.us_per_event:.0f} and {measured.flush.us_per_pane:.0f}",
        ),
        ("Log of a flush, bytes", f"{measured.flush.log_bytes:.0f}"),
        *(
            (
                f"Documents of a flush of {size.panes:,.0f} panes",
                f"{size.read:.0f} read, {size.written:.0f} written, {size.new:.0f} of them new",
            )
            for size in measured.flush.sizes
        ),
    ]
    return markdown_table(("Operation", "Count"), rows)


def _calls(stage: Stage) -> str:
    return ", ".join(f"{calls:g} at {rate:,.0f}/s" for rate, calls in stage.calls)


def _price(price: Price) -> tuple[str, ...]:
    count = "" if price.count == 1 else f"{price.count:,.0f} "
    amount = f"{price.dollars:.10f}".rstrip("0").rstrip(".")
    return amount, f"{count}{price.unit}", f"[{price.basis}]({price.url}), {price.read}", price.note


def files() -> Files:
    return {PAGE: with_part(PAGE, part())}
