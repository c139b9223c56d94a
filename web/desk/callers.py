"""Who is calling: what was said finds pieces; whose they are opens for a reason."""

from flask import Blueprint, abort, render_template, request
from werkzeug.wrappers import Response

from locales import Words, sentence
from tracker.callers import By, Callers, Found
from tracker.domain.errors import BudgetSpentError, DecisionError
from tracker.domain.roles import Act
from tracker.domain.shipment import PieceKind
from tracker.domain.timeline import State
from web import places
from web.desk import view, wording
from web.language import spoken
from web.staff.door import me, needs
from web.wording import HEADLINES

Answer = str | Response | tuple[str, int]

FOUND_BY: dict[By, str] = {
    By.NUMBER: sentence("number agrees"),
    By.REFERENCE: sentence("reference agrees"),
    By.NAME: sentence("name agrees"),
    By.PHONE: sentence("phone agrees"),
    By.EMAIL: sentence("mail address agrees"),
}


def caller_pages(pages: Blueprint, callers: Callers) -> None:
    @pages.get("/find")
    @needs(Act.LOOK)
    def find() -> Answer:
        return render_template("desk/find.html", asked=False)

    @pages.post("/find")
    @needs(Act.LOOK)
    def found() -> Answer:
        """By a form that is posted: what a caller says is personal and stands in no address."""
        words, said = spoken(), request.form.get("said", "")
        return render_template(
            "desk/find.html", asked=True, said=said[:200], rows=[_row(each, words) for each in callers.find(said)]
        )

    @pages.post("/contacts/<number>")
    @needs(Act.LOOK)
    def contacts(number: str) -> Answer:
        try:
            opened = callers.contacts(number, by=me().staff, reason=request.form.get("reason", ""))
        except BudgetSpentError:
            return render_template("desk/contacts.html", number=number, spaced=places.spaced(number), spent=True), 429
        except DecisionError:
            return render_template("desk/contacts.html", number=number, spaced=places.spaced(number), spent=False), 422
        if opened is None:
            abort(404)
        return render_template("desk/contacts.html", number=number, spaced=places.spaced(number), opened=opened)


def _row(each: Found, words: Words) -> dict[str, object]:
    piece = each.piece
    state = HEADLINES[PieceKind.PARCEL][State(piece.state) if piece.state else State.BOOKED]
    return {
        "number": piece.number,
        "spaced": places.spaced(piece.number),
        "way": f"{piece.origin} → {piece.destination}",
        "state": words.say(state, place=piece.destination),
        "booked": words.instant(piece.booked_at, "UTC"),
        "by": [words.say(FOUND_BY[by]) for by in By if by in each.by],
        "open": [
            (
                view.href((piece.number, kind, subject)),
                words.say(wording.KINDS[kind]),
            )
            for kind, subject in piece.open
        ],
    }
