"""Parts of pages drawn outside a request, once for all who watch the same."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any

from jinja2 import Environment

from locales import Words

KEPT = 128


class Fragments:
    """Draws templates that need nothing but what they are given; the last ones are kept for who asks the same."""

    def __init__(self, templates: Environment) -> None:
        self._templates = templates
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, str] = OrderedDict()

    def draw(self, template: str, words: Words, facts: dict[str, Any]) -> str:
        return self._templates.get_template(template).render(_=words.say, words=words, **facts)

    def once(self, key: Hashable, template: str, words: Words, facts: Callable[[], dict[str, Any]]) -> str:
        """The drawing for this key and language; `facts` are asked for only when there is none yet."""
        whole = (key, template, words.tag)
        with self._lock:
            if whole in self._kept:
                return self._kept[whole]
        drawn = self.draw(template, words, facts())
        with self._lock:
            self._kept[whole] = drawn
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return drawn
