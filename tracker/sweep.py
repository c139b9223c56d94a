"""The passing of time: what may change though nothing is heard."""

from tracker.project import Projector


class Sweep:
    """Judges again what is due by the business clock."""

    def __init__(self, projector: Projector) -> None:
        self._projector = projector

    def turn(self) -> int:
        """A batch of what is due; answers how many pieces were judged again."""
        return self._projector.judge_due()

    def step(self) -> int:
        """Everything due by now; answers how many pieces were judged again."""
        judged = 0
        while done := self.turn():
            judged += done
        return judged
