"""`cqc up`: the whole chain on this machine, until Ctrl-C."""

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from tools.console import console, table
from tools.errors import UsageError
from tools.local.chain import Chain, ChainOptions
from tools.local.signals import stop_on_signals
from tools.pipeline import address
from tools.pipeline.address import ChainAddress

STDOUT = "-"
_WATCH = 0.2
"""Seconds between two looks at the parts."""


def run(options: ChainOptions, json_file: str | None) -> None:
    """Returns after Ctrl-C or SIGTERM; raises CommandError when a port is taken or a part ends by itself."""
    # stdout belongs to the machine that asked for JSON there.
    people = console(stderr=json_file == STDOUT)
    described = Path(json_file) if json_file and json_file != STDOUT else None
    if described:
        _forget(described)
    chain = Chain(replace(options, report=lambda text: people.print(text, style="yellow")))
    with stop_on_signals(), ExitStack() as running:
        try:
            with people.status("starting the chain"):
                started = time.monotonic()
                running.enter_context(chain)
            seconds = time.monotonic() - started
            if described:
                running.callback(described.unlink, missing_ok=True)
                address.write(described, chain.address)
            _announce(people, chain, options, seconds)
            if json_file == STDOUT:
                console().out(chain.address.to_json())
            _watch(chain)
        except KeyboardInterrupt:
            people.print("stopping the chain")


def _forget(described: Path) -> None:
    """Removes what an earlier chain left: it would pass for ours before ours is ready."""
    try:
        described.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"--json {described} can't be written ({error.strerror}): name another file"
        ) from None


def _watch(chain: Chain) -> None:
    while True:
        chain.check()
        time.sleep(_WATCH)


def _announce(people: Console, chain: Chain, options: ChainOptions, seconds: float) -> None:
    logs = {process.name: process.log for process in chain.processes}
    rows = [(name, where, logs[name]) for name, where in _places(chain.address).items()]
    people.print(table(("part", "address", "log"), rows, title=f"The chain is up after {seconds:.1f} s"))
    if options.flush_every is not None:
        people.print(f"The flush is called every {options.flush_every:g} s.")
    if options.trace:
        people.print("Spans are collected: cqc trace latest shows the last event's.")
    people.print("Try in another terminal: cqc sample 1000 | cqc publish -    Stop with Ctrl-C.")


def _places(chain: ChainAddress) -> dict[str, str]:
    return {
        "pubsub": chain.pubsub,
        "firestore": chain.firestore,
        "bigquery": f"{chain.bigquery}  Storage Write: {chain.bigquery_storage}",
        "feature-store": chain.feature_store,
        **chain.functions,
        **({"otlp": chain.otlp} if chain.otlp else {}),
    }
