"""What support may do with the notices of an incident before they go: write its own words, release them, stop them."""

import re
from collections.abc import Mapping

from tracker.clock import Clock, WallClock
from tracker.domain.audit import Action
from tracker.domain.errors import DecisionError
from tracker.domain.roles import Act, see_to_it
from tracker.domain.staff import Staff
from tracker.domain.storms import Decision, Storm
from tracker.store import Store, Transaction
from tracker.store.storms import Counted

__all__ = ["Counted", "Storms"]

LONGEST_WORDS = 300

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


class Storms:
    """Incidents by what they owe to people. Each decision is written to the audit with its author, and all pages of its
    pieces show it at once. Safe to share between threads."""

    def __init__(self, store: Store, clock: Clock, wall: Clock | None = None) -> None:
        """`wall` dates the audit, whose times are real ones in a demo too."""
        self._store = store
        self._clock = clock
        self._wall = wall or WallClock()

    def standing(self) -> list[Counted]:
        """Those that are not over, the newest first, with how many pieces and people are concerned, wait and were
        told."""
        with self._store.reading() as tx:
            return tx.storms.counted(self._clock.now())

    def write(self, id: str, words: Mapping[str, str], *, by: Staff) -> Counted:
        """What happened in support's own words, by language, in place of the standard sentence: in messages from now on
        and on pages. An empty text takes one back. Languages without one get the English one, if there is one.

        This and the others raise NotAllowedError where it is not for this role, and DecisionError where it cannot be.
        """
        for language, text in words.items():
            if _LANGUAGE.fullmatch(language) is None:
                raise DecisionError(f"{language!r} is no language; write it as en or zh-Hans")
            if len(text) > LONGEST_WORDS:
                raise DecisionError(f"a text has at most {LONGEST_WORDS} letters")
        said = {language: " ".join(text.split()) for language, text in words.items()}
        return self._decide(id, by, "words", "; ".join(said.values()), said)

    def release(self, id: str, *, by: Staff) -> Counted:
        """What waits goes now. DecisionError if it was stopped."""
        return self._decide(id, by, "release")

    def stop(self, id: str, *, by: Staff, reason: str) -> Counted:
        """What was not handed over to a provider yet is not told, nor what the same root owes later."""
        if not reason.strip():
            raise DecisionError("say why: people will not hear of this")
        return self._decide(id, by, "stop", reason.strip())

    def _decide(
        self, id: str, by: Staff, what: str, reason: str | None = None, words: Mapping[str, str] | None = None
    ) -> Counted:
        see_to_it(by.role, Act.SPEAK)
        now = self._clock.now()
        with self._store.writing() as tx:
            storm = _found(tx, id)
            if what == "stop":
                tx.storms.stop(storm, by=by.user, now=now)
            elif storm.decision is Decision.STOPPED:
                raise DecisionError(f"{id} was stopped; nothing of it is told any more")
            elif words is not None:
                tx.storms.write(storm, words, by=by.user, now=now)
            else:
                tx.storms.release(storm, by=by.user, now=now)
            tx.audit.append(
                at=self._wall.now(),
                who=by.user,
                role=by.role.value,
                action=Action.DECIDED,
                object=f"incident {what} {id}",
                reason=reason,
            )
            tx.timelines.tell_readers(tx.storms.pieces(storm))
            return tx.storms.counted(now, only=id)[0]


def _found(tx: Transaction, id: str) -> Storm:
    storm = tx.storms.named([id]).get(id)
    if storm is None:
        raise DecisionError(f"no incident {id!r}; `lastscan incidents notices` lists them")
    return storm
