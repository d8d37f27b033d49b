"""The commands of docs/contributing.md for who is used to nox; CI runs .ci/run."""

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "types"]
nox.options.reuse_existing_virtualenvs = True
PYTHONS = ["3.11", "3.12", "3.13"]


def install(session: nox.Session, group: str) -> None:
    """Install the package and a group, with a pip that knows groups."""
    session.install("--upgrade", "pip>=25.1")
    session.install("-e", ".", "--group", group)


@nox.session
def lint(session: nox.Session) -> None:
    """Run the linter and the formatter."""
    install(session, "dev")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Run the type checker."""
    install(session, "dev")
    session.run("mypy")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests, in three processes."""
    install(session, "test")
    words = session.posargs or ["-n", "3", "--dist", "loadfile"]
    session.run("python", "-m", "pytest", *words)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site of the documentation."""
    install(session, "docs")
    session.run("python", "-m", "tools.docs_site")


@nox.session
def ci(session: nox.Session) -> None:
    """Run all that a change has to pass."""
    session.run(".ci/run", external=True)
