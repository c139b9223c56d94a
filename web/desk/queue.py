"""The queue, one case on one screen, and what people add to it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from flask import Blueprint, abort, json, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from tracker.cases import CaseFile, Cases, CaseTakenError, Name, Wanted
from tracker.desk import Desk
from tracker.domain.card import Form
from tracker.domain.cases import Ending, View, Worked
from tracker.domain.errors import DecisionError
from tracker.domain.roles import Act
from tracker.domain.rules import IrregularityKind
from tracker.domain.rules.duty import Actor
from web.desk import view, wording
from web.desk.acts import acts, done
from web.desk.path import CASE, name_of
from web.journey_map import journey_map
from web.language import spoken
from web.staff.door import me, needs
from web.view import track_view

A_PAGE = 50

Answer = str | Response | tuple[str, int]


def queue_pages(pages: Blueprint, cases: Cases, show: Callable[..., str]) -> None:
    """`show` draws the page of a case, with what was done to say about it."""

    @pages.get("/")
    @needs(Act.WORK_CASES)
    def queue() -> Answer:
        wanted, page = _wanted(), _page()
        found = cases.queue(me().staff, wanted)
        words = spoken()
        shown = found.cases[(page - 1) * A_PAGE : page * A_PAGE]
        return render_template(
            "desk/queue.html",
            wanted=wanted,
            views=[
                (each.value, wording.VIEWS[each], found.counts[each], wanted.beneath is None and each is wanted.view)
                for each in View
            ],
            kinds=[(each.value, words.say(wording.KINDS[each]), count) for each, count in sorted(found.kinds.items())],
            actors=[(each.value, words.say(wording.ACTORS[each])) for each in Actor],
            rows=[view.row(each, words, found.now) for each in shown],
            incidents=[view.incident_row(each, words) for each in found.incidents],
            count=len(found.cases),
            page=page,
            older=len(found.cases) > page * A_PAGE,
            gaps=found.gaps,
        )

    @pages.get(f"/case/{CASE}")
    @needs(Act.WORK_CASES)
    def case(number: str, kind: str, subject: str) -> Answer:
        name = name_of(number, kind, subject)
        if request.args.get("as_of"):
            return _as_of(cases, name, request.args["as_of"])
        return show(_file(cases, name))

    @pages.post(f"/case/{CASE}")
    @needs(Act.WORK_CASES)
    def work(number: str, kind: str, subject: str) -> Answer:
        name = name_of(number, kind, subject)
        act = WORKS.get(request.form.get("act", ""))
        if act is None:
            abort(400)
        try:
            act(cases, name)
        except CaseTakenError as quicker:
            return show(_file(cases, name), quicker=quicker.now), 409
        except DecisionError:
            return show(_file(cases, name), wrong=True), 422
        return redirect(url_for("desk.queue") if request.form.get("act") == "end" else view.href(name), 303)

    @pages.post("/take-all")
    @needs(Act.WORK_CASES)
    def take_all() -> Answer:
        """All cases beneath an incident that nobody has."""
        kind, _, root = request.form.get("incident", "").partition(":")
        found = cases.queue(me().staff, Wanted(beneath=(kind, root)))
        cases.take_all([each.case.name for each in found.cases], by=me().staff)
        return redirect(url_for("desk.queue", view=View.MINE.value), 303)

    @pages.get(f"/looking/{CASE}")
    @needs(Act.WORK_CASES, polls=True)
    def looking(number: str, kind: str, subject: str) -> Response:
        """Who else has this case open; asked now and then by an open page."""
        try:
            who = cases.still_looking(name_of(number, kind, subject), me().staff)
        except DecisionError:
            abort(404)
        return Response(json.dumps(sorted(who)), mimetype="application/json")


def _as_of(cases: Cases, name: Name, said: str) -> Answer:
    """A case's piece as it was shown at a past moment, to be read only."""
    try:
        instant = datetime.fromisoformat(said)
        instant = instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
        card = cases.as_of(name[0], instant)
    except (ValueError, OverflowError):
        abort(400)
    if card is None:
        abort(404)
    words = spoken()
    return render_template(
        "desk/as_of.html",
        piece=track_view(card, words, Form.RECIPIENT),
        at=words.instant(instant, "UTC"),
        troubles=[
            (words.say(wording.KINDS[each.kind]), view.why(card, each, words))
            for each in card.irregularities
            if each.open
        ],
        lines=view.lines(card, words),
        told=view.told(card, words),
        here=view.href(name),
    )


def case_page(desk: Desk, file: CaseFile, **more: Any) -> str:
    """The page of one case; `more` is what an act has to say about itself."""
    words, card, case = spoken(), file.card, file.case
    piece = track_view(card, words, Form.RECIPIENT)
    coming, over = view.next_step(case.found, words)
    left = case.helped_by - card.seen_by
    zone = card.destination.zone
    return render_template(
        "desk/case.html",
        file=file,
        piece=piece,
        map=journey_map(card, words, Form.RECIPIENT),
        kind=words.say(wording.KINDS[case.found.kind]),
        why=view.why(card, case.found, words),
        evidence=[view.fact(str(key)) for key in case.found.evidence],
        since=words.instant(case.found.since, zone),
        next_step=coming,
        over=over,
        left=view.time_left(left, words),
        tone=view.tone(left),
        harm=words.number(round(case.harm.total, 1)),
        factors=view.factors(case.harm.promise, case.harm.goods, case.harm.time, words),
        lines=view.lines(card, words),
        told=view.told(card, words),
        others=view.others(file, words),
        notes=[(note.user, words.instant(note.at, zone), note.text) for note in file.notes],
        endings=[(each.value, wording.ENDINGS[each]) for each in Ending],
        ending=wording.ENDINGS[file.worked.ending] if file.worked.ending is not None else "",
        here=view.href(case.name),
        asks=view.href(case.name).replace("/desk/case/", "/desk/looking/", 1),
        acts=acts(file, desk, words),
        done=done(file, desk, words, request.args.get("done", "")),
        mine=file.worked.owner == me().staff.user,
        key=uuid4().hex,
        **more,
    )


def _file(cases: Cases, name: Name) -> CaseFile:
    found = cases.file(name, me().staff)
    if found is None:
        abort(404)
    return found


def seen() -> Worked:
    """The case as the form that was sent showed it."""
    ended = request.form.get("ended", "")
    try:
        ended_at = datetime.fromisoformat(ended) if ended else None
    except ValueError:
        abort(400)
    return Worked(owner=request.form.get("owner") or None, ended_at=ended_at)


def _end(cases: Cases, name: Name) -> None:
    said = request.form.get("ending", "")
    if said not in set(Ending):
        abort(400)
    cases.end(name, Ending(said), by=me().staff, seen=seen())


WORKS: dict[str, Callable[[Cases, Name], None]] = {
    "take": lambda cases, name: cases.take(name, by=me().staff, seen=seen()),
    "leave": lambda cases, name: cases.leave(name, by=me().staff, seen=seen()),
    "end": _end,
    "reopen": lambda cases, name: cases.reopen(name, by=me().staff, seen=seen()),
    "note": lambda cases, name: cases.note(
        name, request.form.get("note", ""), by=me().staff, key=request.form.get("key", "")
    ),
}
"""What a form of the case page may ask for, by the name of its button."""


def _wanted() -> Wanted:
    """What the address asks for; what is in no list is not asked for."""
    said = request.args
    chosen, kind, actor = said.get("view", ""), said.get("kind", ""), said.get("actor", "")
    incident, _, root = said.get("incident", "").partition(":")
    return Wanted(
        view=View(chosen) if chosen in set(View) else View.ALL,
        kind=IrregularityKind(kind) if kind in set(IrregularityKind) else None,
        actor=Actor(actor) if actor in set(Actor) else None,
        beneath=(incident, root[:64]) if root else None,
    )


def _page() -> int:
    said = request.args.get("page", "")
    return int(said) if said.isascii() and said.isdigit() and 0 < len(said) < 6 and int(said) else 1
