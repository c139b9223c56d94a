"""What an endpoint's owner reads when it was switched off."""

from locales import choose, words
from notify.channels.webhook.endpoint import Endpoint


def switched_off(endpoint: Endpoint) -> tuple[str, str, str]:
    """Subject, text and language. It is named by its id: a path may hold a secret of theirs."""
    spoken = words(choose([endpoint.language]))
    _ = spoken.say
    assert endpoint.off_at is not None
    when = spoken.instant(endpoint.off_at, "UTC")
    lines = (
        _("Since {instant} your webhook {id} is sent nothing more.", instant=when, id=endpoint.id),
        _("It took nothing for five days, or answered 410 Gone."),
        _("What it missed is kept for 30 days."),
        _("Mend it, send it a test, which switches it on again, and have what failed sent once more."),
    )
    return _("Your webhook was switched off"), "\n".join(lines) + "\n", spoken.tag
