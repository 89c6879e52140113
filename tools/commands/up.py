"""`cqc up`: the whole chain on this machine, until Ctrl-C."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared.topology import FUNCTIONS, PUSHED, subscription_name
from tools.errors import CommandError, UsageError, choose
from tools.local.ports import DEFAULT_BASE
from tools.times import LONGEST

if TYPE_CHECKING:
    from rich.console import Console

    from tools.local.chain import Chain
    from tools.pipeline.address import ChainAddress

STDOUT = "-"
_WATCH = 0.2
"""Seconds between two checks of the parts."""

_Parts = Annotated[
    str, typer.Option(metavar="stand-in|emulators", help="Pub/Sub and Firestore: our stand-ins or Google's.")
]
_Driver = Annotated[
    str, typer.Option(metavar="DRIVER", help="push: Pub/Sub calls the functions; pull: they take from it.")
]


def up(
    parts: _Parts = "stand-in",
    driver: _Driver = "push",
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Where to write the addresses once everything is ready."),
    ] = None,
    flush_every: Annotated[
        float, typer.Option(min=0.1, max=LONGEST, metavar="SECONDS", help="How often to call the flush.")
    ] = 60.0,
    port_base: Annotated[
        int, typer.Option(min=0, max=65_000, help="The first of ten ports; 0 takes any free ones.")
    ] = DEFAULT_BASE,
    trace: Annotated[bool, typer.Option("--trace", help="Collect spans, for `cqc trace`.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data in .cqc/data over a stop.")] = False,
    faults: Annotated[
        str | None, typer.Option(metavar="FILE|seed:N", help="A plan of faults, or one drawn from a seed.")
    ] = None,
) -> None:
    """Start the whole chain; Ctrl-C ends it."""
    from tools.console import console
    from tools.faults.drawing import plan_of
    from tools.local.chain import Chain, ChainOptions
    from tools.local.claim import claimed
    from tools.local.leftovers import end_leftovers
    from tools.local.parts import PartsKind
    from tools.pipeline.address import CHAIN_FILE, Driver

    kind = PartsKind(choose("--parts", parts, PartsKind))
    if keep and kind is not PartsKind.STAND_IN:
        raise UsageError("--keep keeps the data of the stand-ins, and Google's emulators have none on disk")
    # stdout belongs to the machine that asked for JSON there.
    people = console(stderr=json_file == STDOUT)
    described = Path(json_file) if json_file and json_file != STDOUT else None
    options = ChainOptions(
        parts=kind,
        driver=Driver(choose("--driver", driver, Driver)),
        port_base=port_base,
        flush_every=flush_every,
        trace=trace,
        keep=keep,
        faults=None if faults is None else plan_of(faults),
        report=lambda text: people.print(text, style="yellow"),
    )
    with claimed(options.state):
        end_leftovers(options.state / CHAIN_FILE, options.report)
        chain = Chain(options)
        if described:
            _remove_stale(described)
        _run(chain, people, described, show_json=json_file == STDOUT)


def _run(chain: "Chain", people: "Console", described: Path | None, show_json: bool) -> None:
    """Returns after Ctrl-C or SIGTERM; raises CommandError when a port is taken or a part dies."""
    from tools.console import console
    from tools.local.signals import stop_on_signals
    from tools.pipeline import address

    with stop_on_signals(), ExitStack() as running:
        try:
            with people.status("starting the chain"):
                started = time.monotonic()
                running.enter_context(chain)
            seconds = time.monotonic() - started
            if described:
                running.callback(described.unlink, missing_ok=True)
                address.write(described, chain.address)
            _announce(people, chain, seconds)
            if show_json:
                console().out(chain.address.to_json())
            _watch(chain)
        except KeyboardInterrupt:
            people.print("stopping the chain")


def _remove_stale(described: Path) -> None:
    """Removes what an earlier chain left: it would pass for the new one before that is ready.

    Raises UsageError for a file that holds something else.
    """
    from tools.pipeline import address

    try:
        if described.is_file() and described.stat().st_size:
            address.read(described)
    except CommandError:
        raise UsageError(
            f"--json {described} holds something else than a chain's addresses: name another file"
        ) from None
    try:
        described.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"--json {described} can't be written ({error.strerror}): name another file"
        ) from None


def _watch(chain: "Chain") -> None:
    while True:
        chain.heal()
        time.sleep(_WATCH)


def _announce(people: "Console", chain: "Chain", seconds: float) -> None:
    from tools.console import table
    from tools.faults.running import RECORD

    logs = {process.name: _shown(process.log) for process in chain.processes}
    rows = [(name, where, logs[name]) for name, where in _addresses(chain.address).items()]
    people.print(table(("part", "address", "log"), rows, title=f"The chain is up after {seconds:.1f} s"))
    if chain.options.flush_every is not None:
        people.print(f"The flush is called every {chain.options.flush_every:g} s.")
    if chain.options.trace:
        people.print("Spans are collected: cqc trace latest shows the last event's.")
    if faults := chain.options.misbehaviour:
        record = _shown(faults.folder / RECORD)
        people.print(f"It misbehaves for {faults.plan.heals_at:g} s; what went wrong: {record}")
    if chain.options.data:
        people.print(f"The data is kept in {_shown(chain.options.data)}: delete it to begin without.")
    people.print("Try in another terminal: cqc sample 1000 | cqc publish -    Stop with Ctrl-C.")


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd())


def _pulls_from(function: str) -> str:
    return f"pulls from {subscription_name(PUSHED[function], function)}"


def _addresses(chain: "ChainAddress") -> dict[str, str]:
    return {
        "pubsub": chain.pubsub,
        "firestore": chain.firestore,
        "bigquery": f"{chain.bigquery}  Storage Write: {chain.bigquery_storage}",
        "feature-store": chain.feature_store,
        **{name: chain.functions.get(name) or _pulls_from(name) for name in FUNCTIONS},
        **({"otlp": chain.otlp} if chain.otlp else {}),
    }
