"""The information model (PS3.3 A.1.2) as rows, and the objects that the rows point at."""

from studies.models.deletion import DeletedInstance, Deletion
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
from studies.models.series import Series
from studies.models.study import Study

__all__ = [
    "DeletedInstance",
    "Deletion",
    "HangingProtocol",
    "Instance",
    "InstanceConflict",
    "Patient",
    "Presentation",
    "QuarantinedInput",
    "ReceivedObject",
    "Series",
    "SeriesMetadata",
    "Source",
    "StoredObject",
    "Study",
]
