"""What can go wrong with a CRM, by what there is to do about it."""

from datetime import timedelta


class CrmError(Exception):
    """Any of the below. The text is for administrators and holds no secret and no personal data."""


class RateLimited(CrmError):
    """Too many requests: the request was not carried out. Ask again after `retry_after`."""

    def __init__(self, why: str, retry_after: timedelta) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class Unavailable(CrmError):
    """The CRM does not answer, or not sensibly; the request was not carried out or only read."""


class Resting(Unavailable):
    """The CRM failed again and again and is left alone for a while: no request was made."""


class AuthFailed(CrmError):
    """The key or token is wrong, expired, or not allowed to do this. A person must act."""

    def __init__(self, why: str, *, expired: bool = False) -> None:
        """`expired`: a new token might help."""
        super().__init__(why)
        self.expired = expired


class NotFound(CrmError):
    """There is no such record, or not any more."""


class Conflict(CrmError):
    """The CRM has such a record already."""


class Refused(CrmError):
    """The CRM does not accept these values; sending them again is useless."""


class Uncertain(CrmError):
    """The request left and no answer came. It may have been carried out."""


class Forged(CrmError):
    """A webhook that does not prove where it comes from."""
