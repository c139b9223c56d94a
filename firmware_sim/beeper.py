"""What a handheld's beeper has sounded, so that somebody can hear it: the terminal, a script, a test."""

from collections import Counter, deque
from collections.abc import Callable

from scanner.feedback import Feedback, Sound

REMEMBERED = 100

OnSound = Callable[[Feedback], None]


class Beeper:
    """Sounds what `scanner.feedback` says. One sound only means that the scan is kept."""

    def __init__(self, on_sound: OnSound | None = None) -> None:
        self.heard: deque[Feedback] = deque(maxlen=REMEMBERED)
        self.counts: Counter[Sound] = Counter()
        self._on_sound = on_sound

    def sound(self, said: Feedback) -> None:
        self.heard.append(said)
        if said.sound is not None:
            self.counts[said.sound] += 1
        if self._on_sound is not None:
            self._on_sound(said)
