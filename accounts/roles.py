"""The roles of the portal: Django groups that a migration makes and gives their permissions."""

from enum import StrEnum


class Role(StrEnum):
    """Value is the name of the group."""

    CLINICIAN = "clinician"
    RADIOLOGIST = "radiologist"
    TECHNOLOGIST = "technologist"
    DATA_STEWARD = "data steward"
    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"


WORK_IN_ADMIN = frozenset({Role.DATA_STEWARD, Role.ADMINISTRATOR})
