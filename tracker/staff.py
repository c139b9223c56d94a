"""Accounts of staff: who may sign in, by what, and who is signed in.

Times here are those of the wall, in a demo too. Passwords are kept as Argon2id, secrets of one-time codes sealed with a
key that is not in the database, and everything else that opens a door (sessions, links, recovery codes) as a digest.
Whatever changes here is a row of the audit, in the same transaction.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from threading import Semaphore
from typing import TYPE_CHECKING, Any

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tracker.clock import Clock, WallClock
from tracker.domain.audit import MACHINE, NOBODY, OPERATOR, RESERVED, Action
from tracker.domain.errors import (
    BadNameError,
    MissingExtraError,
    NotAllowedError,
    SignInError,
    StaffError,
    TooManyTriesError,
)
from tracker.domain.ids import is_wire_name, wire_name
from tracker.domain.passwords import MOST, check_password, is_long, normalised
from tracker.domain.roles import Act, see_to_it
from tracker.domain.staff import Role, Staff, StaffTrouble
from tracker.store import Store, Transaction
from tracker.store.staff import Member, Passkey, Session

if TYPE_CHECKING:
    from pyotp import TOTP

IDLE = timedelta(minutes=15)
WHOLE_SHIFT = timedelta(hours=12)
TRIES, WITHIN = 10, timedelta(hours=1)
LINK_GOOD_FOR = timedelta(hours=72)
CHALLENGE_GOOD_FOR = timedelta(minutes=5)
RECOVERY_CODES = 10
_TOUCHED_EVERY = timedelta(seconds=10)
_CODE_LASTS_S = 30
_MOST_PASSKEYS = 10
_FIRST = "admin"
_HASHES_AT_ONCE = 2  # each takes 19 MB

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""OWASP's first choice of Argon2id."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody of staff at work. `session` names the session without opening it."""

    staff: Staff
    site: str | None
    language: str
    demo: bool
    session: str
    made_at: datetime
    ends_at: datetime  # whatever is done
    idle_ends_at: datetime  # unless something is done


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session: `token` opens it, and is known to nobody but its browser."""

    token: str
    signed_in: SignedIn


@dataclass(frozen=True, slots=True)
class OpenSession:
    session: str
    via: str
    made_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class WaysIn:
    """By what somebody can sign in."""

    password: bool
    codes: bool
    recovery_left: int
    passkeys: tuple[Passkey, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list of staff."""

    user: str
    role: Role
    site: str | None
    language: str
    demo: bool
    made_at: datetime
    revoked_at: datetime | None
    ways: tuple[str, ...]  # password, codes, passkey, open link
    signed_in: int  # sessions open now


class StaffAccounts:
    """Who of staff may sign in, and who is signed in. Safe to share between threads."""

    def __init__(
        self, store: Store, key: bytes, clock: Clock | None = None, *, hasher: PasswordHasher = HASHER
    ) -> None:
        """`key`: at least 32 random bytes, kept outside the database."""
        self._store = store
        self._clock = clock or WallClock()
        self._hasher = hasher
        self._hashing = Semaphore(_HASHES_AT_ONCE)
        self._seal = AESGCM(hashlib.sha256(b"one-time codes" + key).digest())
        self._name_key = hashlib.sha256(b"names tried" + key).digest()

    @cached_property
    def _nobodys(self) -> str:
        """Checked in place of the password of a user that is not there, so that the time taken tells no names."""
        return self._hash(secrets.token_hex(16))

    # members

    def first_link(self, user: str = _FIRST) -> str | None:
        """The token of a link by which the first administrator signs in; None where somebody can already."""
        with self._store.writing() as tx:
            now = self._clock.now()
            members = tx.staff.lock_all()
            if any(self._is_administrator(tx, member) for member in members):
                return None
            if not any(member.user == user for member in members):
                self._add(tx, user, Role.ADMINISTRATOR, None, "en", now)
            elif (known := tx.staff.lock(user)) is None or known.role is not Role.ADMINISTRATOR or known.revoked_at:
                raise StaffError(
                    f"{user} is not an administrator who may sign in; name another with --user",
                    StaffTrouble.NO_ADMINISTRATOR,
                )
            return self._link(tx, user, now, by=None, action=Action.LINK_MADE)

    def add(self, user: str, *, role: Role, site: str | None = None, language: str = "en", by: Staff | None) -> str:
        """Makes an account; the token of the one-time link by which its owner chooses how to sign in."""
        _may(by)
        with self._store.writing() as tx:
            now = self._clock.now()
            if tx.staff.find(user) is not None:
                raise StaffError(f"{user} has an account already; a new link is made by a reset", StaffTrouble.EXISTS)
            self._add(tx, user, role, site, language, now)
            return self._link(tx, user, now, by=by, action=Action.INVITED, reason=role.value)

    def reset(self, user: str, *, by: Staff | None) -> str:
        """Takes every way in away and ends every session; the token of the one new link."""
        _may(by)
        with self._store.writing() as tx:
            self._somebody(tx, user)
            tx.staff.forget_ways_in(user)
            return self._link(tx, user, self._clock.now(), by=by, action=Action.RESET)

    def change_role(self, user: str, role: Role, *, site: str | None, by: Staff | None) -> None:
        """Ends every session: who signs in again has the new role."""
        _may(by)
        if by is not None and by.user == user:
            raise NotAllowedError("another administrator must change your own role")
        with self._store.writing() as tx:
            members = tx.staff.lock_all()
            member = self._somebody(tx, user)
            if role is not Role.ADMINISTRATOR:
                self._keep_one_administrator(tx, members, without=user)
            tx.staff.change(user, role=role.value, site=None if site is None else wire_name(site))
            tx.staff.end(user)
            self._note(tx, by, Action.ROLE_CHANGED, user, f"{member.role} → {role}")

    def revoke(self, user: str, *, by: Staff | None) -> None:
        """For good: the name is never given to anybody else, so that what was done under it keeps its author."""
        _may(by)
        if by is not None and by.user == user:
            raise NotAllowedError("another administrator must revoke your own account")
        with self._store.writing() as tx:
            members = tx.staff.lock_all()
            self._somebody(tx, user)
            self._keep_one_administrator(tx, members, without=user)
            tx.staff.forget_ways_in(user)
            tx.staff.change(user, revoked_at=self._clock.now())
            self._note(tx, by, Action.STAFF_REVOKED, user)

    def everybody(self) -> list[Listed]:
        with self._store.reading() as tx:
            now = self._clock.now()
            links = tx.staff.links(now)
            keys = {passkey.user for passkey in tx.staff.passkeys()}
            found = []
            for member in tx.staff.all():
                there = (
                    ("password", member.password_hash is not None),
                    ("codes", member.code_secret is not None),
                    ("passkey", member.user in keys),
                    ("open link", member.user in links),
                )
                alive = [s for s in tx.staff.sessions(member.user) if self._is_open(s, now)]
                found.append(
                    Listed(
                        user=member.user,
                        role=member.role,
                        site=member.site,
                        language=member.language,
                        demo=member.demo,
                        made_at=member.made_at,
                        revoked_at=member.revoked_at,
                        ways=tuple(name for name, has in there if has),
                        signed_in=len(alive),
                    )
                )
            return found

    # signing in

    def sign_in(self, user: str, password: str, code: str = "") -> Opened:
        """A session for who gives the password and, where one was set up, a one-time or recovery code.

        Raises SignInError for anything that does not fit, the same and after the same work for a user that is not
        there, and TooManyTriesError after ten failures within an hour under one name.
        """
        name = user.strip().lower()[:64]
        digest, name = self._name_digest(name), name if is_wire_name(name) else ""
        with self._store.writing() as tx:
            member, tried = tx.staff.find(name), self._try(tx, digest, name)
        known = member is not None and member.revoked_at is None and member.password_hash is not None
        against = member.password_hash if known and member is not None and member.password_hash else self._nobodys
        if not (self._fits(password, against) and known):
            raise SignInError("name, password and code do not fit together")
        with self._store.writing() as tx:
            now = self._clock.now()
            member = tx.staff.lock(name)
            if member is None or member.revoked_at is not None or member.password_hash != against:
                raise SignInError("name, password and code do not fit together")
            if member.code_secret is not None and not self._takes_code(tx, member, code, now):
                raise SignInError("name, password and code do not fit together")
            if self._hasher.check_needs_rehash(against):
                tx.staff.change(name, password_hash=self._hash(password))
            tx.staff.forgive(digest, succeeded=tried)
            return self._open(tx, member, "password and code" if member.code_secret else "password", now)

    def link_of(self, token: str) -> Staff | None:
        """Whose link this is; looking does not use it up."""
        with self._store.reading() as tx:
            user = tx.staff.link(_digest(token), self._clock.now())
            member = None if user is None else tx.staff.find(user)
        return None if member is None else member.staff

    def use_link(self, token: str, password: str) -> Opened:
        """Sets the password by a link, which is used up, and signs in.

        Raises SignInError for a link that is none, used up or too old, and WeakPasswordError, which leaves it good.
        """
        given = normalised(password)
        with self._store.reading() as tx:
            user = tx.staff.link(_digest(token), self._clock.now())
        if user is None:
            raise SignInError("this link is used up or too old; ask an administrator for a new one")
        check_password(given, user=user, second_factor=False)
        hashed = self._hash(given)
        with self._store.writing() as tx:
            member = tx.staff.lock(user)
            if member is None or not tx.staff.use_link(_digest(token)):
                raise SignInError("this link is used up or too old; ask an administrator for a new one")
            tx.staff.change(user, password_hash=hashed, long_password=True)
            self._note(tx, member.staff, Action.PASSWORD_SET, user)
            return self._open(tx, member, "link", self._clock.now())

    # sessions

    def session(self, token: str, *, idle: bool = False) -> SignedIn | None:
        """Who this session is of; None for one that has ended. Unless `idle`, it counts as something done."""
        if not 20 <= len(token) <= 64:
            return None
        digest, now = _digest(token), self._clock.now()
        with self._store.reading() as tx:
            found = tx.staff.session(digest)
        if found is None:
            return None
        session, member = found
        if member.revoked_at is not None or not self._is_open(session, now):
            return None
        if not idle and now - session.seen_at >= _TOUCHED_EVERY:
            with self._store.writing() as tx:
                tx.staff.seen(digest, now)
            session = Session(session.digest, session.user, session.via, session.made_at, now)
        return _signed_in(member, session)

    def sign_out(self, token: str) -> None:
        with self._store.writing() as tx:
            found = tx.staff.session(_digest(token))
            if found is not None:
                session, member = found
                tx.staff.end(member.user, digest=session.digest)
                self._note(tx, member.staff, Action.SIGNED_OUT, member.user)

    def sessions(self, me: SignedIn) -> list[OpenSession]:
        """Those of mine that are open, the newest first."""
        with self._store.reading() as tx:
            now = self._clock.now()
            found = [each for each in tx.staff.sessions(me.staff.user) if self._is_open(each, now)]
        return [OpenSession(_handle(each.digest), each.via, each.made_at, each.seen_at) for each in found]

    def end_session(self, me: SignedIn, session: str) -> None:
        """Signs one of my sessions out; one that has ended already is no error."""
        with self._store.writing() as tx:
            for each in tx.staff.sessions(me.staff.user):
                if hmac.compare_digest(_handle(each.digest), session):
                    tx.staff.end(me.staff.user, digest=each.digest)
                    self._note(tx, me.staff, Action.SIGNED_OUT, me.staff.user)

    def tell_failures(self) -> int:
        """To be called every ten minutes: writes into the audit what failed since, and drops what is over."""
        with self._store.writing() as tx:
            now = self._clock.now()
            failed = tx.staff.tell_failures(older=now - WITHIN)
            tx.staff.end_old(made_before=now - WHOLE_SHIFT, seen_before=now - IDLE)
            for user, times in failed.items():
                said = {"action": Action.SIGN_INS_FAILED, "object": user or NOBODY, "reason": str(times)}
                tx.audit.append(at=now, who=NOBODY, role=NOBODY, **said)
        return sum(failed.values())

    # ways in

    def ways_in(self, me: SignedIn) -> WaysIn:
        with self._store.reading() as tx:
            member = tx.staff.find(me.staff.user)
            assert member is not None
            return WaysIn(
                password=member.password_hash is not None,
                codes=member.code_secret is not None,
                recovery_left=tx.staff.recovery_left(member.user),
                passkeys=tuple(tx.staff.passkeys(member.user)),
            )

    def change_language(self, me: SignedIn, language: str) -> None:
        with self._store.writing() as tx:
            tx.staff.change(me.staff.user, language=language)

    def change_password(self, me: SignedIn, old: str, new: str) -> None:
        """Ends every other session of mine. SignInError where the old one does not fit, and it counts as a try."""
        given = normalised(new)
        member = self._mine(me, old)
        check_password(given, user=member.user, second_factor=member.code_secret is not None)
        hashed = self._hash(given)
        with self._store.writing() as tx:
            tx.staff.change(member.user, password_hash=hashed, long_password=is_long(given))
            self._end_others(tx, me)
            self._note(tx, me.staff, Action.PASSWORD_SET, member.user)

    def begin_codes(self, me: SignedIn) -> str:
        """The `otpauth:` address of a new secret, for an authenticator; in force once `confirm_codes` saw a code."""
        pyotp = _pyotp()
        self._own(me)
        secret: str = pyotp.random_base32()
        with self._store.writing() as tx:
            tx.staff.change(me.staff.user, code_pending=self._sealed(me.staff.user, secret))
        found: str = pyotp.TOTP(secret).provisioning_uri(name=me.staff.user, issuer_name="Lastscan")
        return found

    def confirm_codes(self, me: SignedIn, password: str, code: str) -> list[str]:
        """Asks for a one-time code from now on; ten recovery codes, shown once."""
        self._mine(me, password)
        with self._store.writing() as tx:
            member = self._somebody(tx, me.staff.user)
            if member.code_pending is None:
                raise StaffError("begin again: there is no secret waiting for its first code", StaffTrouble.BEGIN_AGAIN)
            step = self._step(self._unsealed(member.user, member.code_pending), code, self._clock.now(), after=None)
            if step is None:
                raise SignInError("that code does not fit; look at the clock of the authenticator")
            drawn = [_recovery_code() for _ in range(RECOVERY_CODES)]
            tx.staff.set_recovery(member.user, [_digest(_plain(each)) for each in drawn])
            tx.staff.change(member.user, code_secret=member.code_pending, code_pending=None, code_step=step)
            self._end_others(tx, me)
            self._note(tx, me.staff, Action.CODES_SET, member.user)
        return drawn

    def remove_codes(self, me: SignedIn, password: str) -> None:
        member = self._mine(me, password)
        if not member.long_password:
            raise StaffError(
                "without codes the password must be longer: change it first", StaffTrouble.PASSWORD_TOO_SHORT
            )
        with self._store.writing() as tx:
            tx.staff.change(member.user, code_secret=None, code_pending=None, code_step=None)
            tx.staff.set_recovery(member.user, [])
            self._end_others(tx, me)
            self._note(tx, me.staff, Action.CODES_REMOVED, member.user)

    # passkeys: `rp` is the host name the browser sees, `origins` what it may call itself

    def passkey_to_add(self, me: SignedIn, *, rp: str) -> str:
        """What `navigator.credentials.create` wants, as JSON."""
        webauthn, structs = _webauthn()
        self._own(me)
        with self._store.reading() as tx:
            known = tx.staff.passkeys(me.staff.user)
        options = webauthn.generate_registration_options(
            rp_id=rp,
            rp_name="Lastscan",
            user_name=me.staff.user,
            user_id=hashlib.sha256(me.staff.user.encode()).digest(),
            challenge=self._challenge(),
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.REQUIRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[
                structs.PublicKeyCredentialDescriptor(id=_unspelled(each.credential)) for each in known
            ],
        )
        return str(webauthn.options_to_json(options))

    def add_passkey(
        self, me: SignedIn, answer: Mapping[str, Any], *, name: str, rp: str, origins: Sequence[str]
    ) -> None:
        """Keeps a passkey of mine. SignInError where the browser's answer is not what was asked for."""
        webauthn, _ = _webauthn()
        self._own(me)
        try:
            found = webauthn.verify_registration_response(
                credential=dict(answer),
                expected_challenge=self._used_challenge(answer),
                expected_rp_id=rp,
                expected_origin=list(origins),
                require_user_verification=True,
            )
        except Exception as wrong:  # whatever a stranger's bytes make of it
            raise SignInError("that passkey could not be taken; try again") from wrong
        with self._store.writing() as tx:
            if len(tx.staff.passkeys(me.staff.user)) >= _MOST_PASSKEYS:
                raise StaffError(
                    f"{_MOST_PASSKEYS} passkeys are as many as one may have; remove one first",
                    StaffTrouble.TOO_MANY_PASSKEYS,
                )
            key = Passkey(
                credential=_spelled(found.credential_id),
                user=me.staff.user,
                name=name.strip()[:40] or "passkey",
                public_key=found.credential_public_key,
                uses=found.sign_count,
                made_at=self._clock.now(),
                used_at=None,
            )
            tx.staff.add_passkey(key)
            self._note(tx, me.staff, Action.PASSKEY_ADDED, me.staff.user, key.name)

    def remove_passkey(self, me: SignedIn, credential: str) -> None:
        with self._store.writing() as tx:
            if tx.staff.remove_passkey(me.staff.user, credential):
                self._end_others(tx, me)
                self._note(tx, me.staff, Action.PASSKEY_REMOVED, me.staff.user)

    def passkey_to_use(self, *, rp: str) -> str:
        """What `navigator.credentials.get` wants, as JSON: any passkey of ours, with a finger, a face or a PIN."""
        webauthn, structs = _webauthn()
        required = structs.UserVerificationRequirement.REQUIRED
        options = webauthn.generate_authentication_options(
            rp_id=rp, challenge=self._challenge(), user_verification=required
        )
        return str(webauthn.options_to_json(options))

    def sign_in_by_passkey(self, answer: Mapping[str, Any], *, rp: str, origins: Sequence[str]) -> Opened:
        """A session for who holds the passkey; SignInError for anything else."""
        webauthn, _ = _webauthn()
        with self._store.reading() as tx:
            key = tx.staff.passkey(re.sub(r"[^\w-]", "", str(answer.get("id", ""))[:1400], flags=re.ASCII))
        try:
            if key is None:
                raise SignInError("this passkey is none of ours")
            found = webauthn.verify_authentication_response(
                credential=dict(answer),
                expected_challenge=self._used_challenge(answer),
                expected_rp_id=rp,
                expected_origin=list(origins),
                credential_public_key=key.public_key,
                credential_current_sign_count=key.uses,
                require_user_verification=True,
            )
        except Exception as wrong:  # whatever a stranger's bytes make of it
            raise SignInError("that passkey does not open an account here") from wrong
        with self._store.writing() as tx:
            now = self._clock.now()
            member = tx.staff.lock(key.user)
            if member is None or member.revoked_at is not None or tx.staff.passkey(key.credential) is None:
                raise SignInError("that passkey does not open an account here")
            tx.staff.used_passkey(key.credential, found.new_sign_count, now)
            return self._open(tx, member, "passkey", now)

    # the demo's own

    def add_demo(self, user: str, *, role: Role, language: str = "en") -> None:
        """Somebody of the demo, who is let in without a password and can never have one; known already is no error."""
        with self._store.writing() as tx:
            if tx.staff.find(user) is None:
                self._add(tx, user, role, None, language, self._clock.now(), demo=True)
                self._note(tx, None, Action.INVITED, user, role.value)

    def let_in(self, user: str) -> Opened:
        """A session for somebody of the demo; SignInError for anybody else."""
        with self._store.writing() as tx:
            member = tx.staff.lock(user)
            if member is None or not member.demo or member.revoked_at is not None:
                raise SignInError("nobody is let in without showing who it is, but in a demo")
            return self._open(tx, member, "demo", self._clock.now())

    # inside

    def _add(
        self,
        tx: Transaction,
        user: str,
        role: Role,
        site: str | None,
        language: str,
        now: datetime,
        *,
        demo: bool = False,
    ) -> None:
        if wire_name(user) in RESERVED:
            raise BadNameError(f"{user}: nobody of staff may have this name; choose another")
        place = None if site is None else wire_name(site)
        tx.staff.add(user, role=role, site=place, language=language, demo=demo, now=now)

    def _link(
        self, tx: Transaction, user: str, now: datetime, *, by: Staff | None, action: Action, reason: str | None = None
    ) -> str:
        token = secrets.token_urlsafe(32)
        tx.staff.add_link(_digest(token), user, now + LINK_GOOD_FOR)
        self._note(tx, by, action, user, reason)
        return token

    def _somebody(self, tx: Transaction, user: str) -> Member:
        member = tx.staff.lock(user)
        if member is None:
            raise StaffError(f"{user!r} is nobody of staff; `lastscan staff list` shows who is", StaffTrouble.UNKNOWN)
        if member.revoked_at is not None:
            raise StaffError(f"{user} was revoked, for good: add another account", StaffTrouble.REVOKED)
        return member

    def _is_administrator(self, tx: Transaction, member: Member) -> bool:
        """Somebody who keeps staff and can sign in."""
        can = member.password_hash is not None or bool(tx.staff.passkeys(member.user))
        return member.role is Role.ADMINISTRATOR and member.revoked_at is None and not member.demo and can

    def _keep_one_administrator(self, tx: Transaction, members: Sequence[Member], *, without: str) -> None:
        administrators = {member.user for member in members if self._is_administrator(tx, member)}
        if administrators == {without}:
            raise StaffError(
                f"{without} is the only administrator who can sign in; make another one first",
                StaffTrouble.LAST_ADMINISTRATOR,
            )

    def _note(self, tx: Transaction, by: Staff | None, action: Action, user: str, reason: str | None = None) -> None:
        who, role = (OPERATOR, MACHINE) if by is None else (by.user, by.role.value)
        tx.audit.append(at=self._clock.now(), who=who, role=role, action=action, object=user, reason=reason)

    def _try(self, tx: Transaction, name_digest: str, user: str) -> int:
        """Counts a try as failed until it has succeeded, so that many at once are no more than one after the other."""
        tx.audit.lock()
        now = self._clock.now()
        failed = tx.staff.failures(name_digest, now - WITHIN)
        if len(failed) >= TRIES:
            after = (failed[-TRIES] + WITHIN - now).total_seconds()
            raise TooManyTriesError("too many tries under this name", after=max(1, int(after) + 1))
        known = tx.staff.find(user) is not None
        return tx.staff.add_failure(name_digest, user if known else None, now)

    def _mine(self, me: SignedIn, password: str) -> Member:
        """My account, after I have given my password once more; that counts as a try."""
        self._own(me)
        digest = self._name_digest(me.staff.user)
        with self._store.writing() as tx:
            member, tried = self._somebody(tx, me.staff.user), self._try(tx, digest, me.staff.user)
        if not self._fits(password, member.password_hash or self._nobodys) or member.password_hash is None:
            raise SignInError("that is not your password")
        with self._store.writing() as tx:
            tx.staff.forgive(digest, succeeded=tried)
        return member

    @staticmethod
    def _own(me: SignedIn) -> None:
        if me.demo:
            raise NotAllowedError("an account of the demo is everybody's: it has no password, codes or passkeys")

    def _end_others(self, tx: Transaction, me: SignedIn) -> None:
        mine = [each.digest for each in tx.staff.sessions(me.staff.user) if _handle(each.digest) == me.session]
        tx.staff.end(me.staff.user, but=mine[0] if mine else "")

    def _open(self, tx: Transaction, member: Member, via: str, now: datetime) -> Opened:
        token = secrets.token_urlsafe(32)
        session = Session(_digest(token), member.user, via, now, now)
        tx.staff.open(session)
        self._note(tx, member.staff, Action.SIGNED_IN, member.user, via)
        return Opened(token, _signed_in(member, session))

    @staticmethod
    def _is_open(session: Session, now: datetime) -> bool:
        return now < session.made_at + WHOLE_SHIFT and now < session.seen_at + IDLE

    def _name_digest(self, name: str) -> str:
        return hmac.new(self._name_key, name.encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def _hash(self, password: str) -> str:
        with self._hashing:
            return self._hasher.hash(normalised(password))

    def _fits(self, password: str, hashed: str) -> bool:
        given = normalised(password)[: MOST + 1].encode("utf-8", "replace")
        try:
            with self._hashing:
                return self._hasher.verify(hashed, given)
        except (VerificationError, InvalidHashError):
            return False

    def _takes_code(self, tx: Transaction, member: Member, code: str, now: datetime) -> bool:
        """Whether this is a code not used so far; it is used up."""
        assert member.code_secret is not None
        given = _plain(code)
        if not given.isdigit() or len(given) != 6:
            used = tx.staff.use_recovery(member.user, _digest(given))
            if used:
                self._note(tx, member.staff, Action.RECOVERY_USED, member.user)
            return used
        step = self._step(self._unsealed(member.user, member.code_secret), given, now, after=member.code_step)
        if step is None:
            return False
        tx.staff.change(member.user, code_step=step)
        return True

    def _step(self, secret: str, code: str, now: datetime, *, after: int | None) -> int | None:
        """The half minute this code is of: now, or the one before or after, and later than the last one used."""
        codes: TOTP = _pyotp().TOTP(secret)
        current = int(now.timestamp()) // _CODE_LASTS_S
        given = _plain(code).encode()
        for step in (current - 1, current, current + 1):
            if hmac.compare_digest(codes.generate_otp(step).encode(), given) and (after is None or step > after):
                return step
        return None

    def _sealed(self, user: str, secret: str) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + self._seal.encrypt(nonce, secret.encode(), user.encode())

    def _unsealed(self, user: str, sealed: bytes) -> str:
        try:
            return self._seal.decrypt(sealed[:12], sealed[12:], user.encode()).decode()
        except InvalidTag as wrong:
            raise StaffError(
                f"the codes of {user} were sealed with another key; reset this account", StaffTrouble.OTHER_KEY
            ) from wrong

    def _challenge(self) -> bytes:
        drawn, now = secrets.token_bytes(32), self._clock.now()
        with self._store.writing() as tx:
            tx.staff.add_challenge(_digest(_spelled(drawn)), now + CHALLENGE_GOOD_FOR, now)
        return drawn

    def _used_challenge(self, answer: Mapping[str, Any]) -> bytes:
        """The challenge this answers, if it is one of ours that nobody has answered; it is used up."""
        said = msgspec.json.decode(_unspelled(str(answer["response"]["clientDataJSON"])))
        challenge = str(said["challenge"])
        with self._store.writing() as tx:
            if not tx.staff.use_challenge(_digest(challenge), self._clock.now()):
                raise SignInError("begin again: this was answered already, or too late")
        return _unspelled(challenge)


def demo_user(role: Role) -> str:
    """The name of the demo's own of this role."""
    return f"demo-{role.value.replace('_', '-')}"


def _may(by: Staff | None) -> None:
    """Whoever may run the command on this machine may; else it takes the role."""
    if by is not None:
        see_to_it(by.role, Act.KEEP_STAFF)


def _signed_in(member: Member, session: Session) -> SignedIn:
    ends_at = session.made_at + WHOLE_SHIFT
    return SignedIn(
        staff=member.staff,
        site=member.site,
        language=member.language,
        demo=member.demo,
        session=_handle(session.digest),
        made_at=session.made_at,
        ends_at=ends_at,
        idle_ends_at=min(ends_at, session.seen_at + IDLE),
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _handle(digest: str) -> str:
    return digest[:16]


def _recovery_code() -> str:
    """Eighty bits, in four groups of letters and digits that are not taken for one another."""
    drawn = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(drawn[at : at + 4] for at in range(0, 16, 4))


def _plain(code: str) -> str:
    return "".join(letter for letter in code.lower() if letter.isascii() and letter.isalnum())[:40]


def _spelled(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unspelled(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _pyotp() -> Any:
    try:
        import pyotp
    except ImportError as missing:
        raise MissingExtraError("one-time codes need pyotp: pip install 'lastscan[auth]'") from missing
    return pyotp


def _webauthn() -> tuple[Any, Any]:
    try:
        import webauthn
        from webauthn.helpers import structs
    except ImportError as missing:
        raise MissingExtraError("passkeys need webauthn: pip install 'lastscan[auth]'") from missing
    return webauthn, structs


def codes_can_be_had() -> bool:
    """Whether the libraries for codes and passkeys are installed."""
    try:
        _pyotp()
        _webauthn()
    except MissingExtraError:
        return False
    return True
