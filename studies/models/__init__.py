"""The information model (PS3.3 A.1.2) as rows, and the objects that the rows point at."""

from studies.models.deletion import DeletedInstance, Deletion
from studies.models.grant import EmergencyAccess, ShareLink, StudyGrant
from studies.models.hanging_protocol import HangingProtocol
from studies.models.instance import Instance
from studies.models.metadata import SeriesMetadata
from studies.models.objects import (
    InstanceConflict,
    QuarantinedInput,
    ReceivedObject,
    Source,
    StoredObject,
)
from studies.models.patient import Patient
from studies.models.presentation import Presentation
from studies.models.report import (
    Addendum,
    Notification,
    ReferringName,
    Report,
    ReportTemplate,
    StudyFollower,
)
from studies.models.series import Series
from studies.models.site import Site, StudyScope
from studies.models.study import Priority, ReadingStatus, Study
from studies.models.worklist import ListPreference, SavedSearch, StudyComment, Tag

__all__ = [
    "Addendum",
    "DeletedInstance",
    "Deletion",
    "EmergencyAccess",
    "HangingProtocol",
    "Instance",
    "InstanceConflict",
    "ListPreference",
    "Notification",
    "Patient",
    "Presentation",
    "Priority",
    "QuarantinedInput",
    "ReadingStatus",
    "ReceivedObject",
    "ReferringName",
    "Report",
    "ReportTemplate",
    "SavedSearch",
    "Series",
    "SeriesMetadata",
    "ShareLink",
    "Site",
    "Source",
    "StoredObject",
    "Study",
    "StudyComment",
    "StudyFollower",
    "StudyGrant",
    "StudyScope",
    "Tag",
]
