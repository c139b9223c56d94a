"""The passing of time: what may change though nothing is heard."""

from tracker.project import Projector


class Sweep:
    """Judges again what is due by the business clock."""

    def __init__(self, projector: Projector) -> None:
        self._projector = projector

    def step(self) -> int:
        """Everything due by now; answers how many pieces were judged again."""
        judged = 0
        while done := self._projector.judge_due():
            judged += done
        return judged
