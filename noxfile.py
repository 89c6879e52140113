"""The sessions: `python -m pip install nox`, then `python -m nox -s demo` (or tests, lint, bench)."""

import nox

# uv where it is there; without it a plain virtual environment, into which _install puts uv.
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.needs_version = ">=2024.4.15"


def _install(session: nox.Session) -> None:
    """The project, editable, with all that its commands, tests and linters need."""
    # Bytecode now: the chain starts eight processes at once, which would each compile the same modules.
    options = ["--compile-bytecode", "-e", ".[dev]"]
    if session.venv_backend == "uv":
        session.install(*options)
        return
    session.install("uv", silent=True)
    session.run("uv", "pip", "install", "--quiet", "--python", "python", *options)


@nox.session
def demo(session: nox.Session) -> None:
    """Run the whole chain on this machine and show what arrives; ends by itself."""
    _install(session)
    session.run("python", "-m", "tools.demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Every test that can run on this machine; arguments after -- go to pytest."""
    _install(session)
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, format and strict types, tests included."""
    _install(session)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")


@nox.session
def bench(session: nox.Session) -> None:
    """Events per second and CPU per event of parse and features; results under build/."""
    _install(session)
    session.run("python", "-m", "tools.bench", *session.posargs)
