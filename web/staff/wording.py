"""How roles, actions, ways in and troubles of staff are said."""

from locales import sentence
from tracker.domain.audit import Action
from tracker.domain.errors import (
    BadNameError,
    LastscanError,
    MissingExtraError,
    NotAllowedError,
    SignInError,
    StaffError,
    TooManyTriesError,
    WeakPasswordError,
)
from tracker.domain.staff import Role, StaffTrouble
from web.language import spoken

ROLES: dict[Role, str] = {
    Role.COURIER: sentence("Courier"),
    Role.SHIPPER: sentence("Shipper"),
    Role.SUPPORT: sentence("Support"),
    Role.SUPERVISOR: sentence("Supervisor"),
    Role.NETWORK_MANAGER: sentence("Network manager"),
    Role.ADMINISTRATOR: sentence("Administrator"),
}

ACTIONS: dict[Action, str] = {
    Action.SIGNED_IN: sentence("signed in"),
    Action.SIGN_INS_FAILED: sentence("sign-ins failed"),
    Action.SIGNED_OUT: sentence("signed out"),
    Action.INVITED: sentence("invited"),
    Action.LINK_MADE: sentence("made the first link"),
    Action.RESET: sentence("reset the account"),
    Action.ROLE_CHANGED: sentence("changed the role"),
    Action.STAFF_REVOKED: sentence("revoked the account"),
    Action.PASSWORD_SET: sentence("set a password"),
    Action.CODES_SET: sentence("set one-time codes up"),
    Action.CODES_REMOVED: sentence("removed one-time codes"),
    Action.RECOVERY_USED: sentence("used a recovery code"),
    Action.PASSKEY_ADDED: sentence("added a passkey"),
    Action.PASSKEY_REMOVED: sentence("removed a passkey"),
    Action.DEVICE_ADDED: sentence("registered a device"),
    Action.DEVICE_MOVED: sentence("moved a device"),
    Action.DEVICE_REVOKED: sentence("revoked a device"),
    Action.FEED_ADDED: sentence("registered a feed"),
    Action.FEED_REVOKED: sentence("revoked a feed"),
    Action.LOOKED: sentence("opened personal data"),
    Action.STOPPED: sentence("was stopped: too much personal data opened in a day"),
    Action.ALLOWED_MORE: sentence("allowed more views for today"),
    Action.EXPORTED: sentence("exported"),
    Action.DECIDED: sentence("decided"),
}

WAYS: dict[str, str] = {
    "password": sentence("password"),
    "codes": sentence("one-time codes"),
    "passkey": sentence("passkey"),
    "link": sentence("link"),
    "open link": sentence("link not used yet"),
    "password and code": sentence("password and code"),
    "demo": sentence("demo"),
}

TROUBLES: dict[StaffTrouble, str] = {
    StaffTrouble.EXISTS: sentence("Somebody has this name already. Choose another."),
    StaffTrouble.UNKNOWN: sentence("Nobody of staff has this name."),
    StaffTrouble.REVOKED: sentence("This account was revoked, for good. Invite under another name."),
    StaffTrouble.NO_ADMINISTRATOR: sentence("This is not an administrator who may sign in."),
    StaffTrouble.LAST_ADMINISTRATOR: sentence(
        "This is the only administrator who can sign in. Make another one first."
    ),
    StaffTrouble.BEGIN_AGAIN: sentence("Begin again: this was done already, or too late."),
    StaffTrouble.PASSWORD_TOO_SHORT: sentence("Without codes your password must be longer. Change it first."),
    StaffTrouble.TOO_MANY_PASSKEYS: sentence("You have as many passkeys as one may have. Remove one first."),
    StaffTrouble.OTHER_KEY: sentence("Your codes cannot be read any more. Ask an administrator for a new link."),
}


def trouble(wrong: LastscanError) -> str:
    """What went wrong and what to do, in the reader's language."""
    words = spoken()
    match wrong:
        case WeakPasswordError(least=None):
            return words.say("That password is easily guessed. Take several words of your own.")
        case WeakPasswordError(least=least):
            return words.say("A password has at least {least} characters, and at most 128.", least=least)
        case TooManyTriesError(after=after):
            minutes = words.number(max(1, round(after / 60)))
            return words.say("Too many tries under this name. In {minutes} minutes you can go on.", minutes=minutes)
        case StaffError(trouble=which):
            return words.say(TROUBLES[which])
        case BadNameError():
            return words.say(
                "A name has small letters, digits and hyphens, 32 at most, and begins with a letter or digit."
            )
        case NotAllowedError():
            return words.say("That is not yours to do. Ask somebody else who may.")
        case MissingExtraError():
            return words.say("This installation lacks a library for that. Its operator installs lastscan[auth].")
        case SignInError():
            return words.say("That does not fit. Check each field, and try again.")
    return words.say("That could not be done. Nothing was changed.")
