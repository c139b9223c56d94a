"""Which sentences the product says, and which of them a language cannot say yet.

Sentences are found where they are said: `because(…)` in the domain, `say("…")`, `_("…")` and `sentence("…")` in
Python, `_("…")` in templates and in scripts. A constant may stand for the text anywhere in its own Python file.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel.messages.extract import extract_javascript
from jinja2.ext import babel_extract

from locales import SOURCE, languages, placeholders, words

ROOT = Path(__file__).resolve().parent.parent
WHERE = ("tracker/domain", "notify", "web", "locales", "lastscan")
SAID_BY = frozenset({"because", "say", "sentence", "_"})
TEMPLATES = (".html", ".txt", ".jinja", ".j2", ".xml", ".svg")


@dataclass(frozen=True, slots=True)
class Gap:
    """A sentence that a language lacks, or says with other facts than the English one."""

    sentence: str
    where: str
    reason: str


def collect(root: Path = ROOT) -> dict[str, str]:
    """Every sentence said anywhere, and one place where it is."""
    found: dict[str, str] = {}
    for folder in WHERE:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix == ".py":
                said = python_sentences(path.read_text(encoding="utf-8"))
            elif path.suffix in TEMPLATES and "templates" in path.parts:
                said = template_sentences(path)
            elif path.suffix == ".js" and "vendor" not in path.parts:
                said = script_sentences(path)
            else:
                continue
            for line, text in said:
                found.setdefault(text, f"{path.relative_to(root)}:{line}")
    return found


def python_sentences(source: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(source)
    constants: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    constants[target.id] = node.value.value
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and _called(node) in SAID_BY:
            match node.args[0]:
                case ast.Constant(value=str(text)):
                    yield node.lineno, text
                case ast.Name(id=name) if name in constants:
                    yield node.lineno, constants[name]
                case _:
                    pass  # said by a name from elsewhere: there it is marked with sentence("…")


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def template_sentences(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as file:
        for line, _, message, _ in babel_extract(file, ("_",), (), {"encoding": "utf-8", "silent": "false"}):
            text = message[0] if isinstance(message, tuple) else message
            if isinstance(text, str):
                yield line, text


def script_sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Those of a browser's script, in the order in which they stand."""
    with path.open("rb") as file:
        for line, _, message, _ in extract_javascript(file, {"_": None}, (), {"encoding": "utf-8"}):
            said: Any = message  # with facts given, the call as it stands: the sentence and what is no text
            yield line, said if isinstance(said, str) else said[0]


def gaps(tag: str, sentences: Mapping[str, str]) -> list[Gap]:
    """What a language cannot say as it should; nothing for English, whose sentences are the keys."""
    spoken, found = words(tag), []
    for text, where in sentences.items():
        if not spoken.knows(text):
            found.append(Gap(text, where, "no translation"))
        elif tag != SOURCE and placeholders(spoken.pattern(text)) != placeholders(text):
            found.append(Gap(text, where, f"names other facts: {spoken.pattern(text)}"))
    return found


def report() -> Iterator[str]:
    """Every gap of every language, in the form its .po file wants."""
    sentences = collect()
    for tag in languages():
        for gap in gaps(tag, sentences):
            escaped = gap.sentence.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            yield f'# {tag}: {gap.reason}\n#: {gap.where}\nmsgid "{escaped}"\nmsgstr ""\n'
