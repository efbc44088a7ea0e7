"""What can go wrong in the archive, without any protocol's words for it."""


class ArchiveError(Exception):
    """Base of everything the archive refuses; the message is safe to show and to log."""


class InvalidInstanceError(ArchiveError):
    """The input is not an instance that this archive can hold."""


class InstanceTooLargeError(InvalidInstanceError):
    """The input, or what it inflates to, is larger than the limit."""


class NotFoundError(ArchiveError):
    """Nothing of that name exists, or not for this person."""


class NotPermittedError(ArchiveError):
    """This person may not do that, though they may know of what it would be done to."""


class GoneError(ArchiveError):
    """It was here, and has been deleted."""


class NotAvailableError(ArchiveError):
    """It exists, but not in the form that was asked for."""


class BusyError(ArchiveError):
    """Too much is asked of this server at the moment; asked again later it may answer."""


class StorageError(ArchiveError):
    """The object store did not do what was asked; nothing was acknowledged."""


class InvalidQueryError(ArchiveError):
    """A search parameter cannot be understood."""
