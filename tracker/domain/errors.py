"""Every error the tracker raises on purpose, and what the caller can do about it."""

from tracker.domain.staff import StaffTrouble


class LastscanError(Exception):
    """Something a caller can mend; the message says how."""


class UnreadableLabelError(LastscanError):
    """A number does not have the form it should: scan or type it again."""


class BadNameError(LastscanError):
    """A device, site, facility or departure name is not of the agreed form."""


class BadFileError(LastscanError):
    """A picture is not what it is named as, or none that we keep; the message says which."""


class BadBookingError(LastscanError):
    """A booking cannot be taken as it stands; `pointer` names the field, as in RFC 6901."""

    def __init__(self, message: str, *, pointer: str) -> None:
        super().__init__(message)
        self.pointer = pointer


class BadNetworkError(LastscanError):
    """A facility or departure makes no sense: named, kept aside, the rest goes on."""


class BadItineraryError(LastscanError):
    """Legs do not join in place and time; `leg` is the first that does not, from 0; None where the end is wrong."""

    def __init__(self, message: str, *, leg: int | None) -> None:
        super().__init__(message)
        self.leg = leg


class UnknownDeviceError(LastscanError):
    """No such device is registered: `lastscan device add` registers one."""


class FeedExistsError(LastscanError):
    """A feed of this name is registered already."""


class DeviceExistsError(LastscanError):
    """The device is registered already: `--move` gives it a new site."""


class GapDecisionError(LastscanError):
    """This gap cannot be closed so: it is unknown or closed already, or nobody says who decides and why."""


class DecisionError(LastscanError):
    """It cannot be decided so as things stand; the message says what to do instead. Nothing was changed."""


class DecidedMeanwhileError(DecisionError):
    """Somebody else decided about this piece since it was looked at: look again, then decide."""


class NotAllowedError(DecisionError):
    """Not for this role to decide: ask somebody of a role it names."""


class SignInError(LastscanError):
    """Who it is was not shown: try again, or ask an administrator for a new link. The same for an unknown user."""


class TooManyTriesError(LastscanError):
    """Under this name too much was tried; `after` says in how many seconds it may go on."""

    def __init__(self, message: str, *, after: int) -> None:
        super().__init__(message)
        self.after = after


class WeakPasswordError(LastscanError):
    """Choose another password: of at least `least` characters, or where that is None, one that is harder to guess."""

    def __init__(self, message: str, *, least: int | None) -> None:
        super().__init__(message)
        self.least = least


class StaffError(LastscanError):
    """It cannot be done so with this account of staff; message and `trouble` say why. Nothing was changed."""

    def __init__(self, message: str, trouble: StaffTrouble) -> None:
        super().__init__(message)
        self.trouble = trouble


class BudgetSpentError(LastscanError):
    """Personal data was opened as often as one person needs to on a day: a supervisor may allow more, for a reason."""


class MissingExtraError(LastscanError):
    """A library that is left out by default is needed; the message says how to install it."""


class StoreError(LastscanError):
    """The database cannot do what was asked now; nothing was changed."""


class MistakeError(LastscanError):
    """Something of ours went wrong that nobody foresaw; what it was is the cause. What was begun is undone."""


class UnkeepableError(StoreError):
    """The database will never take this as it is: trying again is of no use. Nothing was changed."""
