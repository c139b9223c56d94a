"""One's own account: password, one-time codes, passkeys, language, and where one is signed in."""

from typing import Any

import segno
from flask import Blueprint, Response, json, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from locales import languages
from tracker.domain.errors import LastscanError
from tracker.domain.passwords import ALONE, WITH_A_CODE
from tracker.domain.roles import Act
from tracker.staff import StaffAccounts, codes_can_be_had
from web.language import COOKIE as LANGUAGE
from web.language import OWN_NAMES, spoken
from web.staff import passkeys
from web.staff.door import me, needs
from web.staff.wording import WAYS, trouble

Answer = str | AnyResponse | tuple[str, int]


def account_pages(pages: Blueprint, accounts: StaffAccounts) -> None:
    def page(wrong: LastscanError | None = None, **more: Any) -> tuple[str, int]:
        mine = me()
        ways = accounts.ways_in(mine)
        facts = {
            "mine": mine,
            "ways": ways,
            "least": WITH_A_CODE if ways.codes else ALONE,
            "extras": codes_can_be_had(),
            "with_passkeys": codes_can_be_had() and passkeys.can_be_used(),
            "sessions": [
                (
                    each,
                    WAYS.get(each.via, each.via),
                    spoken().instant(each.made_at, "UTC"),
                    each.session == mine.session,
                )
                for each in accounts.sessions(mine)
            ],
            "tongues": [(tag, OWN_NAMES.get(tag, tag)) for tag in languages()],
            "trouble": trouble(wrong) if wrong else "",
        }
        return render_template("staff/account.html", **facts | more), 422 if wrong else 200

    def again(done: str) -> AnyResponse:
        return redirect(url_for("staff.account") + f"?done={done}", 303)

    @pages.get("/me")
    @needs(Act.KEEP_OWN_ACCOUNT)
    def account() -> Answer:
        return page(done=request.args.get("done", ""))

    @pages.post("/me/language")
    @needs(Act.KEEP_OWN_ACCOUNT)
    def choose_language() -> Answer:
        chosen = request.form.get("language", "")
        if chosen not in languages():
            return again("")
        accounts.change_language(me(), chosen)
        answer = again("language")
        answer.set_cookie(LANGUAGE, chosen, secure=request.is_secure, httponly=True, samesite="Lax", path="/")
        return answer

    @pages.post("/me/password")
    @needs(Act.KEEP_OWN_ACCOUNT)
    def change_password() -> Answer:
        said = request.form
        if said.get("new", "") != said.get("again", ""):
            return page(differ=True)[0], 422
        try:
            accounts.change_password(me(), said.get("password", ""), said.get("new", ""))
        except LastscanError as wrong:
            return page(wrong)
        return again("password")

    @pages.post("/me/sessions/end")
    @needs(Act.KEEP_OWN_ACCOUNT)
    def end_session() -> Answer:
        accounts.end_session(me(), request.form.get("session", ""))
        return again("session")

    if codes_can_be_had():
        _second_factors(pages, accounts, page, again)


def _second_factors(pages: Blueprint, accounts: StaffAccounts, page: Any, again: Any) -> None:
    @pages.post("/me/codes")
    @needs(Act.KEEP_OWN_ACCOUNT)
    def begin_codes() -> Answer:
        try:
            address = accounts.begin_codes(me())
        except LastscanError as wrong:
            return page(wrong)  # type: ignore[no-any-return]
        return page(**_picture(address))  # type: ignore[no-any-return]

    @pages.post("/me/codes/confirm")
    @needs(Act.KEEP_OWN_ACCOUNT)
    def confirm_codes() -> Answer:
        said = request.form
        try:
            recovery = accounts.confirm_codes(me(), said.get("password", ""), said.get("code", ""))
        except LastscanError as wrong:
            return page(wrong)  # type: ignore[no-any-return]
        return page(recovery=recovery)  # type: ignore[no-any-return]

    @pages.post("/me/codes/remove")
    @needs(Act.KEEP_OWN_ACCOUNT)
    def remove_codes() -> Answer:
        try:
            accounts.remove_codes(me(), request.form.get("password", ""))
        except LastscanError as wrong:
            return page(wrong)  # type: ignore[no-any-return]
        return again("codes")  # type: ignore[no-any-return]

    @pages.post("/me/passkeys/options")
    @needs(Act.KEEP_OWN_ACCOUNT)
    def passkey_to_add() -> AnyResponse:
        return passkeys.options(accounts.passkey_to_add(me(), rp=passkeys.relying_party()))

    @pages.post("/me/passkeys")
    @needs(Act.KEEP_OWN_ACCOUNT)
    def add_passkey() -> AnyResponse:
        said = passkeys.answer()
        name = str(request.args.get("name", ""))
        try:
            accounts.add_passkey(me(), said, name=name, rp=passkeys.relying_party(), origins=passkeys.origins())
        except LastscanError as wrong:
            return Response(json.dumps({"trouble": trouble(wrong)}), 422, mimetype="application/json")
        return Response(json.dumps({"to": url_for("staff.account") + "?done=passkey"}), mimetype="application/json")

    @pages.post("/me/passkeys/remove")
    @needs(Act.KEEP_OWN_ACCOUNT)
    def remove_passkey() -> Answer:
        accounts.remove_passkey(me(), request.form.get("credential", ""))
        return again("passkey")  # type: ignore[no-any-return]


def _picture(address: str) -> dict[str, Any]:
    """The QR code as the path of an SVG, and the secret in letters."""
    rows = tuple(segno.make(address, error="m").matrix)
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    secret = address.partition("secret=")[2].partition("&")[0]
    spaced = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return {"qr": path, "qr_size": len(rows), "secret": spaced}
