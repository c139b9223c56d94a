"""What administrators keep: people of staff, and devices."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from locales import languages
from tracker.audit import Audit
from tracker.domain.audit import Action
from tracker.domain.errors import LastscanError
from tracker.domain.roles import Act
from tracker.domain.staff import Role
from tracker.staff import StaffAccounts
from web.language import OWN_NAMES, spoken
from web.sources import DeviceList
from web.staff.door import me, needs
from web.staff.wording import ROLES, WAYS, trouble

Answer = str | AnyResponse | tuple[str, int]


def administration_pages(pages: Blueprint, accounts: StaffAccounts, audit: Audit, devices: DeviceList) -> None:
    _people(pages, accounts)
    _devices(pages, audit, devices)


def _people(pages: Blueprint, accounts: StaffAccounts) -> None:
    def page(wrong: LastscanError | None = None, **more: Any) -> tuple[str, int]:
        facts = {
            "people": [
                {
                    "user": each.user,
                    "role": each.role,
                    "role_name": ROLES[each.role],
                    "site": each.site or "",
                    "ways": [WAYS[way] for way in each.ways],
                    "signed_in": each.signed_in,
                    "revoked": each.revoked_at is not None,
                    "demo": each.demo,
                    "me": each.user == me().staff.user,
                }
                for each in accounts.everybody()
            ],
            "roles": [(role.value, ROLES[role]) for role in Role],
            "tongues": [(tag, OWN_NAMES.get(tag, tag)) for tag in languages()],
            "trouble": trouble(wrong) if wrong else "",
        }
        return render_template("staff/people.html", **facts | more), 422 if wrong else 200

    def told(token: str, user: str) -> tuple[str, int]:
        link = url_for("staff.link", token=token, _external=True)
        return page(link=link, link_for=user)

    @pages.get("/people")
    @needs(Act.KEEP_STAFF)
    def people() -> Answer:
        return page()

    @pages.post("/people")
    @needs(Act.KEEP_STAFF)
    def invite() -> Answer:
        said = request.form
        user = said.get("user", "").strip().lower()
        language = said.get("language", "")
        try:
            token = accounts.add(
                user,
                role=_role(said.get("role", "")),
                site=said.get("site", "").strip().lower() or None,
                language=language if language in languages() else "en",
                by=me().staff,
            )
        except LastscanError as wrong:
            return page(wrong, user=user[:64])
        return told(token, user)

    @pages.post("/people/<user>/role")
    @needs(Act.KEEP_STAFF)
    def change_role(user: str) -> Answer:
        site = request.form.get("site", "").strip().lower() or None
        try:
            accounts.change_role(user, _role(request.form.get("role", "")), site=site, by=me().staff)
        except LastscanError as wrong:
            return page(wrong)
        return redirect(url_for("staff.people"), 303)

    @pages.post("/people/<user>/reset")
    @needs(Act.KEEP_STAFF)
    def reset(user: str) -> Answer:
        try:
            return told(accounts.reset(user, by=me().staff), user)
        except LastscanError as wrong:
            return page(wrong)

    @pages.post("/people/<user>/revoke")
    @needs(Act.KEEP_STAFF)
    def revoke(user: str) -> Answer:
        try:
            accounts.revoke(user, by=me().staff)
        except LastscanError as wrong:
            return page(wrong)
        return redirect(url_for("staff.people"), 303)


def _devices(pages: Blueprint, audit: Audit, devices: DeviceList) -> None:
    @pages.get("/devices", endpoint="devices")
    @needs(Act.KEEP_DEVICES)
    def every_device() -> Answer:
        words = spoken()
        shown = [
            {
                "dev": each.dev,
                "site": each.site,
                "heard": words.instant(each.heard_at, "UTC") if each.heard_at else "",
                "depth": each.depth,
                "battery": None if each.battery is None else round(each.battery * 100),
                "firmware": each.firmware or "",
                "revoked": each.revoked_at is not None,
            }
            for each in devices.list()
        ]
        return render_template("staff/devices.html", shown=shown)

    @pages.post("/devices/<dev>/revoke")
    @needs(Act.KEEP_DEVICES)
    def revoke_device(dev: str) -> Answer:
        if any(each.dev == dev and each.revoked_at is None for each in devices.list()):
            audit.note(Action.DEVICE_REVOKED, dev, by=me().staff)
            devices.revoke(dev)
        return redirect(url_for("staff.devices"), 303)


def _role(said: str) -> Role:
    """The role of this name; a form of ours offers no other, so any other is the least of them."""
    return Role(said) if said in set(Role) else Role.COURIER
