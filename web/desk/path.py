"""How a case is called in the path of a page."""

from flask import abort

from tracker.cases import Name
from tracker.domain.rules import IrregularityKind

CASE = "<number>/<kind>/<path:subject>"


def name_of(number: str, kind: str, subject: str) -> Name:
    """What a path calls a case; 404 for a kind there is not."""
    if kind not in set(IrregularityKind):
        abort(404)
    return number, IrregularityKind(kind), subject
