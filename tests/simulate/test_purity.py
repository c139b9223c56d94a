"""The machines that are simulated have no thread, socket, time or chance of their own: they come as arguments."""

import ast
from pathlib import Path

import pytest

MACHINES = (
    "scanner/handheld.py",
    "scanner/journal.py",
    "scanner/epoch.py",
    "scanner/frames.py",
    *(str(path) for folder in ("tracker/ingest", "tracker/project") for path in sorted(Path(folder).glob("*.py"))),
    "tracker/sweep.py",
    "tracker/outbox.py",
    "notify/dispatch.py",
    "notify/routing.py",
    *(str(path) for path in sorted(Path("lastscan/simulate").glob("*.py"))),
)
FORBIDDEN = {"threading", "socket", "time", "asyncio", "secrets", "subprocess", "select", "selectors"}
DRAWN_OR_TOLD = {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("uuid", "uuid1"), ("uuid", "uuid4")}


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def asked(tree: ast.AST) -> set[tuple[str, str]]:
    """Module and function of every call spelled `module.function(…)`; a generator made from a seed asks nobody."""
    found = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            seeded = node.func.attr == "Random" and node.args
            found |= set() if seeded else {(node.func.value.id, node.func.attr)}
    return found


@pytest.mark.parametrize("source", MACHINES)
def test_it_takes_time_and_chance_as_arguments(source: str) -> None:
    tree = ast.parse(Path(source).read_text())
    assert not imported(tree) & FORBIDDEN
    for module, function in asked(tree):
        assert module != "random"
        assert (module, function) not in DRAWN_OR_TOLD
