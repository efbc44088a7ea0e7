"""What can go wrong in the archive, without any protocol's words for it."""

from typing import Self


class ArchiveError(Exception):
    """Base of everything the archive refuses; the message is safe to show and to log."""


class InvalidInstanceError(ArchiveError):
    """The input is not an instance that this archive can hold.

    Attributes:
        sop_class_uid: Of the instance, empty where it could not be read.
        sop_instance_uid: Likewise.
    """

    sop_class_uid = ""
    sop_instance_uid = ""

    def of_instance(self, sop_class_uid: str, sop_instance_uid: str) -> Self:
        """The same, telling which instance it is."""
        self.sop_class_uid, self.sop_instance_uid = sop_class_uid, sop_instance_uid
        return self


class InstanceTooLargeError(InvalidInstanceError):
    """The input, or what it inflates to, is larger than the limit."""


class UnsupportedTransferSyntaxError(InvalidInstanceError):
    """Its pixel data are in a transfer syntax in which the archive cannot write them."""


class OtherStudyError(InvalidInstanceError):
    """The instance is of another study than the one it was sent to."""


class MalformedBodyError(ArchiveError):
    """What was sent does not have the form that it claims to have."""


class UnsupportedMediaTypeError(ArchiveError):
    """What was sent is in a form that the archive does not take."""


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


class InvalidReportError(ArchiveError):
    """A report that cannot be signed as it is."""


class InvalidAccessError(ArchiveError):
    """A grant, an emergency or a link that cannot be given as it is asked for."""


class EditConflictError(ArchiveError):
    """Somebody else changed it since it was read; nothing was overwritten."""
