"""No kind without its words: in the documents, in its template, in the table of what to repeat."""

from pathlib import Path

import pytest

from notify.routing import AT_LEAST_ONCE, LADDER, PROVIDERS_FORGET_AFTER
from tracker.domain.notices import NoticeKind

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "notices.md").read_text(encoding="utf-8")
TEMPLATES = ROOT / "notify" / "templates"


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_every_notice_is_explained(kind):
    assert f"### {kind}\n\n" in DOCS


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_every_notice_has_its_template(kind):
    assert (TEMPLATES / f"{kind}.jinja").exists()


def test_no_paragraph_and_no_template_is_left_over():
    kinds = {*NoticeKind, "incident"}  # which joins others, and is owed to nobody by itself
    assert {line.removeprefix("### ") for line in DOCS.splitlines() if line.startswith("### ")} == kinds
    assert {file.stem for file in TEMPLATES.glob("*.jinja")} == kinds


def test_the_documents_name_what_may_come_twice():
    sentence = DOCS[DOCS.index("SMTP cannot be asked") : DOCS.index("All others are not: at most once")]
    assert {kind for kind in NoticeKind if f"`{kind}`" in sentence} == AT_LEAST_ONCE


def test_the_documents_name_the_ladder():
    assert "at once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h" in DOCS
    assert [wait.total_seconds() for wait in LADDER] == [
        0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400,
    ]  # fmt: skip
    assert f"After {PROVIDERS_FORGET_AFTER.total_seconds() / 3600:.0f} hours" in DOCS
