"""The chain on this machine: starts every part, waits until all are ready, watches and stops them.

    with Chain(ChainOptions(port_base=0)) as chain:
        chain.address.functions["parse"]

Enter it from the main thread: on Linux the parts end with the thread that started them.
"""

import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.errors import CommandError, UsageError
from tools.faults.plan import Plan
from tools.local.misfortune import Misfortune
from tools.local.parts import STATEFUL, Misbehaviour, PartsKind, address, all_parts
from tools.local.ports import DEFAULT_BASE, allot
from tools.local.process import Part, PartDied, Process, stop_all
from tools.local.readiness import accepts, answers, create_topology, create_warehouse, pulls
from tools.local.scheduler import Scheduler
from tools.local.signals import signals_ignored
from tools.local.supervisor import Supervisor
from tools.pipeline import address as addresses
from tools.pipeline.address import ChainAddress, ChainFile, Driver
from tools.proxies import keep_loopback_direct

READY_TIMEOUT = 60.0
"""Seconds for a part's first answer; measured: 2 to 5 s, several times that on a busy machine."""
_POLL = 0.03


@dataclass(frozen=True, slots=True)
class ChainOptions:
    """How to start the chain; `flush_every` is in seconds, None leaves the flush to the caller."""

    parts: PartsKind = PartsKind.STAND_IN
    driver: Driver = Driver.PUSH
    port_base: int = DEFAULT_BASE
    flush_every: float | None = None
    trace: bool = False
    """Whether spans are collected, for `cqc trace`."""
    keep: bool = False
    """Whether the stand-ins keep their data over a stop."""
    faults: Plan | None = None
    """What goes wrong on purpose, once the chain is up."""
    state: Path = field(default_factory=lambda: Path.cwd() / addresses.STATE_FOLDER)
    """Where chain.json, the logs and kept data go."""
    report: Callable[[str], None] = lambda _: None
    """Called with what does not end the chain, such as a failed scheduled flush, or a part that came back."""

    @property
    def data(self) -> Path | None:
        """The folder of kept data."""
        return (self.state / "data").absolute() if self.keep else None

    @property
    def misbehaviour(self) -> Misbehaviour | None:
        return Misbehaviour(self.faults, (self.state / "faults").absolute()) if self.faults else None

    def check(self) -> None:
        """Raises UsageError for a plan of faults that this chain can't run."""
        if self.faults is None:
            return
        if self.parts is PartsKind.EMULATORS and self.faults.beside_emulators() != self.faults:
            raise UsageError(
                "Google's emulators do not misbehave: leave out --parts emulators, or what the plan has of "
                "Pub/Sub's deliveries, of the calls of pubsub and firestore, and of kills of services"
            )
        if not self.keep and (killed := ", ".join(self.faults.forgets())):
            raise UsageError(f"the plan kills {killed}, and their data with them: add --keep")


class _Abandoned(CommandError):
    """The start was abandoned because another part failed, or the chain stops."""


class Chain:
    """A context manager: inside it the chain runs; after it only the logs and kept data are left."""

    def __init__(self, options: ChainOptions) -> None:
        keep_loopback_direct()
        self.options = options
        self._ports = allot(options.port_base)
        self.address: ChainAddress = address(self._ports, options.trace, options.driver, options.parts)
        self.file: Path = options.state / addresses.CHAIN_FILE
        self._parts: dict[str, Part] = {}
        self._processes: dict[str, Process] = {}
        self._scheduler: Scheduler | None = None
        self._supervisor: Supervisor | None = None
        self._misfortune: Misfortune | None = None
        self._given_up = threading.Event()

    @property
    def processes(self) -> Sequence[Process]:
        return tuple(self._processes.values())

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def check(self) -> None:
        """Raises PartDied when a part has died."""
        for process in self.processes:
            process.check()

    def heal(self) -> None:
        """Starts parts again that have ended; call it often, from the thread that entered the chain.

        Raises PartDied when a part keeps crashing, or is not ready in time.
        """
        if self._supervisor is None:
            self._supervisor = Supervisor(
                self.processes,
                start=lambda name: self._launch(name, continues=True),
                ready=self._ready,
                changed=self._write_file,
                report=self.options.report,
                forgetful=self._forgetful(),
            )
        self._supervisor.tick()

    def stop(self) -> None:
        """Stops every part and removes the chain's file; does nothing the second time."""
        self._given_up.set()
        if self._scheduler is not None:
            self._scheduler.stop()
        if self._misfortune is not None:
            self._misfortune.stop()
        if self._supervisor is not None:
            self._supervisor.close()
        with signals_ignored():
            # Those that pull acknowledge last what they have done: Pub/Sub must still be there.
            pulling = [self._processes.pop(name) for name in self.address.pulled if name in self._processes]
            stop_all(pulling)
            stop_all(self.processes)
            self._processes.clear()
            self._remove_file()

    def _start(self) -> None:
        options, faults = self.options, self.options.misbehaviour
        options.check()
        if faults:
            shutil.rmtree(faults.folder, ignore_errors=True)  # of an earlier run
            faults.folder.mkdir(parents=True)
        for part in all_parts(options.parts, self._ports, self.address, options.data, faults):
            self._parts[part.name] = part
            self._launch(part.name)
        self._bring_up()
        self._write_file({process.name: process.pid for process in self.processes})
        if self.options.flush_every is not None:
            url = self.address.functions["aggregate"]
            self._scheduler = Scheduler(url, self.options.flush_every, self.options.report)
            self._scheduler.start()
        if faults:
            self._misfortune = Misfortune(
                faults.plan, faults.folder, lambda: self.processes, self.address.pulled
            )
            self._misfortune.start()

    def _launch(self, name: str, continues: bool = False) -> Process:
        logs = self.options.state / "logs"
        try:
            process = Process(self._parts[name], logs / f"{name}.log", continues)
        except OSError as error:
            hint = f"the logs go to {logs}: is that a writable folder?"
            raise CommandError(f"{name} can't be started ({error}); {hint}") from None
        self._processes[name] = process
        return process

    def _forgetful(self) -> Mapping[str, str]:
        if self.options.keep:
            return {}
        can_keep = self.options.parts is PartsKind.STAND_IN
        return dict.fromkeys(STATEFUL, ": cqc up --keep keeps it" if can_keep else "")

    def _write_file(self, parts: Mapping[str, int]) -> None:
        """`parts`: those that are ready, with their process ids."""
        content = ChainFile(
            **self.address.model_dump(), pid=os.getpid(), parts=parts, forgets=self._forgetful()
        )
        addresses.write(self.file, content)

    def _bring_up(self) -> None:
        """Waits for all parts at once; raises the error of a dead part rather than of those that call it."""
        with ThreadPoolExecutor(len(self._processes)) as pool:
            pending = [pool.submit(self._ready, process) for process in self.processes]
            try:
                for done in as_completed(pending):
                    done.result()
            except BaseException as error:
                self._given_up.set()
                if isinstance(error, CommandError):
                    self.check()
                raise

    def _ready(self, process: Process) -> None:
        """Returns when the part answers, or pulls, and its topics or tables exist."""
        name = process.name
        if name in self.address.pulled:  # it serves no port
            self._wait(process, lambda: pulls(process))
            return
        for part in _PORTS_OF.get(name, (name,)):
            self._wait(process, lambda part=part: accepts(self._ports[part]))  # type: ignore[misc]
        if name in self.address.functions:
            self._wait(process, lambda: answers(self.address.functions[name]))
        elif name == "pubsub":
            create_topology(self.address)
        elif name == "bigquery":
            create_warehouse(self.address)

    def _wait(self, process: Process, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while not ready():
            process.check()
            if self._given_up.is_set():
                raise _Abandoned
            if time.monotonic() > deadline:
                raise PartDied(f"{process.name} is not ready after {READY_TIMEOUT:.0f} s. {process.tail()}")
            time.sleep(_POLL)

    def _remove_file(self) -> None:
        try:
            if addresses.read(self.file).pid == os.getpid():
                self.file.unlink()
        except CommandError:
            return  # never written, or not ours


_PORTS_OF = {"bigquery": ("bigquery", "bigquery-storage")}
