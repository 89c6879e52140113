"""The sessions: `python -m pip install nox`, then `python -m nox -s demo` (or tests, lint, bench)."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import nox

# uv where it is installed, else a plain virtual environment, into which _install puts uv.
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.needs_version = ">=2024.4.15"

ROOT = Path(__file__).parent
FUNCTIONS = sorted(path.parent.name for path in ROOT.glob("functions/*/main.py"))
RUNTIME = re.compile(r'runtime += "python(3)(\d+)"')
DEPLOYED_VERSION = ".".join(RUNTIME.findall((ROOT / "terraform/modules/stage/main.tf").read_text())[0])


def _interpreter(version: str) -> str | None:
    """A working Python of that version, from the PATH or pyenv, whose shims may have nothing behind them."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    installed = sorted(pyenv.glob(f"versions/{version}.*/bin/python"))
    for candidate in (shutil.which(f"python{version}"), *map(str, installed)):
        if candidate and subprocess.run([candidate, "--version"], capture_output=True).returncode == 0:
            return candidate
    return None


DEPLOYED_PYTHON = _interpreter(DEPLOYED_VERSION)
SIDE_BY_SIDE = ("--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile")
"""For pytest. Each process starts chains of its own, 1.2 GB resident each by `nox -s load`: four at most."""


def _install(session: nox.Session) -> None:
    """The project, editable, with all that its commands, tests and linters need."""
    # Bytecode now: the chain starts eight processes at once, which would each compile the same modules.
    _install_packages(session, "--compile-bytecode", "-e", ".[dev]")


def _install_packages(session: nox.Session, *arguments: str) -> None:
    if session.venv_backend == "none":
        return  # nox --no-venv: everything is in the environment that nox was started with
    if session.venv_backend == "uv":
        session.install(*arguments)
        return
    session.install("uv", silent=True)
    session.run("uv", "pip", "install", "--quiet", "--python", "python", *arguments)


@nox.session
def demo(session: nox.Session) -> None:
    """Run the whole chain on this machine and show what arrives, then stop."""
    _install(session)
    session.run("python", "-m", "tools.demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Every test that can run on this machine; arguments after -- go to pytest."""
    _install(session)
    session.run("python", "-m", "pytest", *SIDE_BY_SIDE, *session.posargs)


@nox.session
def outages(session: nox.Session) -> None:
    """Chains whose parts are killed, frozen and braked: what is lost, and what the commands say."""
    _install(session)
    session.run("python", "-m", "pytest", *SIDE_BY_SIDE, "-m", "outages", "tests/chain", *session.posargs)


@nox.session(name="tests-deployed", python=DEPLOYED_PYTHON or False)
def tests_deployed(session: nox.Session) -> None:
    """What is deployed, and the functions as servers, on the Python that is deployed."""
    if DEPLOYED_PYTHON is None:
        session.skip(f"NOT CHECKED: install Python {DEPLOYED_VERSION}, on the PATH or with pyenv")
    _install(session)
    folders = ("tests/unit", "--ignore=tests/unit/tools", "tests/entrypoints")
    session.run("python", "-m", "pytest", *SIDE_BY_SIDE, *(session.posargs or folders))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, format and strict types, tests included."""
    _install(session)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")


@nox.session
def bench(session: nox.Session) -> None:
    """What events, starts and flushes cost; -- --check: budgets, -- --record: docs and cqc cost."""
    _install(session)
    session.run("python", "-m", "tools.bench", *session.posargs)


@nox.session
def load(session: nox.Session) -> None:
    """Latency, CPU and memory under load, and nothing lost; -- --rate R --minutes M [--burst]."""
    _install(session)
    session.run("python", "-m", "tools.load", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Break the code on purpose, one line at a time: some test must see it; -- --only PATTERN, --tenth N."""
    _install(session)
    session.run("python", "-m", "tests.mutants", *session.posargs)


@nox.session
def audit(session: nox.Session) -> None:
    """Known vulnerabilities of what is pinned for the functions and installed for the tools; needs PyPI."""
    _install(session)
    session.run("python", "-m", "tools.audit", *session.posargs)


@nox.session
def hostile(session: nox.Session) -> None:
    """50,000 hostile inputs through the pure path of the functions, and slow senders at their servers.

    With `-- --inputs 1000000 --seed N` more inputs.
    """
    _install(session)
    session.run("python", "-m", "tests.hostile", *session.posargs)
    session.run("python", "-m", "pytest", "-m", "hostile", "tests/entrypoints")


@nox.session
def soak(session: nox.Session) -> None:
    """Chains of real processes that misbehave by drawn plans; -- --minutes N --seed S, or --only SEED."""
    _install(session)
    session.run("python", "-m", "tests.soak", *session.posargs)


@nox.session
def generate(session: nox.Session) -> None:
    """Write the schemas, feature groups and generated parts of the docs; a test keeps them current."""
    _install(session)
    session.run("python", "-m", "tools.generate")


@nox.session
def package(session: nox.Session) -> None:
    """Build one zip per function under build/packages, and start each in a clean environment."""
    _install(session)
    _install_packages(session, "uv")  # makes the clean environments
    session.run("python", "-m", "tools.generate.package")
    deployed = {"DEPLOYED_PYTHON": DEPLOYED_PYTHON} if DEPLOYED_PYTHON else {}
    session.run("python", "-m", "pytest", "-m", "packages", "tests/packages", *session.posargs, env=deployed)


@nox.session
def terraform(session: nox.Session) -> None:
    """Check the deployment: format, validity, terraform's own tests, what they would make, and checkov."""
    _install(session)
    session.run("python", "-m", "tools.terraform", "fmt", "-check", "-diff", "-recursive")
    session.run("python", "-m", "tools.terraform", "validate", "-no-color")
    session.run("python", "-m", "pytest", "-m", "terraform", "tests/terraform", *session.posargs)
    session.notify("checkov")


@nox.session
def checkov(session: nox.Session) -> None:
    """Look for unsafe settings in terraform/; alone, as checkov pins old releases of what we use."""
    _install_packages(session, "checkov==3.3.30")
    options = ["--framework=terraform", "--quiet", "--compact", "--skip-download"]
    session.run("checkov", "--directory=terraform", *options)


@nox.session
def lock(session: nox.Session) -> None:
    """Pin what each requirements.in asks for; with `-- --upgrade` the newest releases. Read the diff."""
    _install_packages(session, "uv")
    options = [
        f"--python-version={DEPLOYED_VERSION}",
        "--python-platform=x86_64-manylinux_2_28",
        "--generate-hashes",
    ]
    quiet = ["--quiet", "--no-annotate", "--custom-compile-command=python -m nox -s lock", *session.posargs]
    for name in FUNCTIONS:
        with session.chdir(f"functions/{name}"):
            files = ["requirements.in", "--output-file=requirements.txt"]
            session.run("uv", "pip", "compile", *options, *quiet, *files)
