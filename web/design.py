"""The small design system of all pages, shown with the very sheets they use: tokens and components."""

from flask import Blueprint, render_template

from locales import sentence

TOKENS: tuple[tuple[str, str], ...] = (
    ("brand", sentence("links, buttons, what is now")),
    ("text", sentence("what is read")),
    ("quiet", sentence("what is read second")),
    ("ground", sentence("behind everything")),
    ("card", sentence("behind what belongs together")),
    ("line", sentence("between things")),
    ("good", sentence("as it should be")),
    ("warn", sentence("somebody should look")),
    ("bad", sentence("somebody must act")),
)
"""Custom properties of `lastscan.css`; a theme sets these and nothing else."""


def design_pages() -> Blueprint:
    pages = Blueprint("design", __name__)

    @pages.get("/design")
    def design() -> str:
        return render_template("design.html", tokens=TOKENS)

    return pages
