"""Signing in and out: by password and code, by passkey, and the first time by a link."""

from ipaddress import ip_address

from flask import Blueprint, Response, abort, json, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from tracker.domain.errors import LastscanError, SignInError, TooManyTriesError
from tracker.domain.passwords import ALONE, MOST
from tracker.domain.roles import Act
from tracker.domain.staff import Role
from tracker.staff import StaffAccounts, codes_can_be_had, demo_user
from web.limits import Lookups
from web.same_origin import cookie_name
from web.staff import passkeys
from web.staff.door import COOKIE, inside, let_in, let_out, needs, open_to_all
from web.staff.wording import ROLES, trouble

Answer = str | AnyResponse | tuple[str, int] | tuple[str, int, dict[str, str]]


def sign_in_pages(pages: Blueprint, accounts: StaffAccounts, tries: Lookups) -> None:
    """`tries` limits those of one address."""

    @pages.get("/sign-in")
    @open_to_all
    def sign_in() -> Answer:
        return _page(then=request.args.get("then", ""))

    @pages.post("/sign-in")
    @open_to_all
    def signs_in() -> Answer:
        said = request.form
        then = said.get("then", "")
        if wait := tries.wait(request.remote_addr):
            return _refused(TooManyTriesError("too many tries from this address", after=wait), then)
        try:
            opened = accounts.sign_in(said.get("user", ""), said.get("password", ""), said.get("code", ""))
        except LastscanError as wrong:
            return _refused(wrong, then, user=said.get("user", "")[:64])
        return let_in(opened, then)

    @pages.post("/sign-out")
    @open_to_all
    def sign_out() -> AnyResponse:
        accounts.sign_out(request.cookies.get(cookie_name(COOKIE), ""))
        return let_out(url_for("staff.sign_in"))

    @pages.post("/stay")
    @needs(Act.KEEP_OWN_ACCOUNT)
    def stay() -> AnyResponse:
        """Counts as something done, and that is all."""
        return Response(status=204)

    @pages.get("/link/<token>")
    @open_to_all
    def link(token: str) -> Answer:
        return _link_page(accounts, token)

    @pages.post("/link/<token>")
    @open_to_all
    def use_link(token: str) -> Answer:
        if request.form.get("password", "") != request.form.get("again", ""):
            return _link_page(accounts, token, differ=True)
        try:
            opened = accounts.use_link(token, request.form.get("password", ""))
        except LastscanError as wrong:
            return _link_page(accounts, token, wrong=wrong)
        return let_in(opened, "")

    if codes_can_be_had():

        @pages.post("/passkey/options")
        @open_to_all
        def passkey_options() -> AnyResponse:
            if wait := tries.wait(request.remote_addr):
                return Response(status=429, headers={"Retry-After": str(wait)})
            return passkeys.options(accounts.passkey_to_use(rp=passkeys.relying_party()))

        @pages.post("/passkey")
        @open_to_all
        def passkey() -> AnyResponse:
            answer = passkeys.answer()
            try:
                opened = accounts.sign_in_by_passkey(answer, rp=passkeys.relying_party(), origins=passkeys.origins())
            except SignInError as wrong:
                return Response(json.dumps({"trouble": trouble(wrong)}), 403, mimetype="application/json")
            entered = let_in(opened, request.args.get("then", ""))
            entered.status_code = 200
            entered.set_data(json.dumps({"to": inside(request.args.get("then", ""))}))
            entered.mimetype = "application/json"
            del entered.headers["Location"]
            return entered


def demo_door(accounts: StaffAccounts) -> Blueprint:
    """`POST /demo/staff`: in a demo, somebody on this very machine works as whom they like."""
    pages = Blueprint("demo_staff", __name__)

    @pages.post("/demo/staff")
    @open_to_all
    def work_as() -> AnyResponse:
        role = request.form.get("role", "")
        if role not in set(Role) or not _on_this_machine():
            abort(403)
        try:
            return let_in(accounts.let_in(demo_user(Role(role))), "")
        except SignInError:
            abort(403)

    return pages


def _on_this_machine() -> bool:
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def _page(*, then: str, user: str = "", trouble: str = "") -> str:
    with_passkeys = codes_can_be_had() and passkeys.can_be_used()
    return render_template("staff/sign_in.html", then=then[:200], user=user, trouble=trouble, passkeys=with_passkeys)


def _refused(wrong: LastscanError, then: str, *, user: str = "") -> Answer:
    page = _page(then=then, user=user, trouble=trouble(wrong))
    if isinstance(wrong, TooManyTriesError):
        return page, 429, {"Retry-After": str(wrong.after)}
    return page, 403


def _link_page(
    accounts: StaffAccounts, token: str, *, wrong: LastscanError | None = None, differ: bool = False
) -> tuple[str, int]:
    whose = accounts.link_of(token)
    said = trouble(wrong) if wrong is not None and whose is not None else ""
    page = render_template(
        "staff/link.html",
        whose=whose,
        role=ROLES[whose.role] if whose else "",
        trouble=said,
        differ=differ,
        least=ALONE,
        most=MOST,
    )
    return page, 404 if whose is None else 422 if said or differ else 200
