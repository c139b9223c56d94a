"""Reads the log by position, folds and judges what it touches, and writes what is owed: all of it, or none.

A batch is worked off as a whole: `match` finds out where its facts belong, `settle` folds and judges the pieces they
touch and writes what changed, `replan` finds another way for those that missed theirs. `rebuild` does it all again.
"""

from tracker.project.projector import Projector
from tracker.project.rebuild import rebuild

__all__ = ["Projector", "rebuild"]
