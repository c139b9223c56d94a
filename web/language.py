"""Which language a page speaks: asked for by link, kept in a cookie, else what the browser likes."""

from flask import Flask, Response, g, request

from locales import Words, choose, languages, words

COOKIE = "lang"
A_YEAR = 365 * 24 * 3600

OWN_NAMES = {"en": "English", "zh-Hans": "中文"}
"""What a language calls itself: written so on every page, whatever the page's own language."""


def spoken() -> Words:
    """The words of this request."""
    if "words" not in g:
        asked = request.args.get("lang", "")
        kept = request.cookies.get(COOKIE, "")
        accepted = request.headers.get("Accept-Language", "")
        known = [tag for tag in (asked, kept) if tag in languages()]
        g.words = words(known[0] if known else choose([accepted]))
    found: Words = g.words
    return found


def others() -> list[tuple[str, str, str]]:
    """For the switch: tag, own name and address of this page in each other language."""
    kept = {name: value for name, value in request.args.items() if name in ("number", "journey")}
    found = []
    for tag in languages():
        if tag != spoken().tag:
            query = "&".join(f"{name}={_plain(value)}" for name, value in {**kept, "lang": tag}.items())
            found.append((tag, OWN_NAMES.get(tag, tag), f"?{query}"))
    return found


def _plain(value: str) -> str:
    return "".join(letter for letter in value[:40] if (letter.isascii() and letter.isalnum()) or letter == "-")


def remember_language(app: Flask) -> None:
    """A language asked for by `?lang=` stays for a year; any other value is as if it were not there."""

    def keep(response: Response) -> Response:
        asked = request.args.get("lang", "")
        if asked in languages() and request.endpoint != "static" and response.mimetype == "text/html":
            response.set_cookie(
                COOKIE, asked, max_age=A_YEAR, samesite="Lax", httponly=True, secure=request.is_secure, path="/"
            )
        return response

    app.after_request(keep)
