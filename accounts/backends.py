"""What a signed-in person may do, in one query."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.db.models import Value
from django.db.models.functions import Concat


class PermissionsInOneQuery(ModelBackend):
    """Django asks for a person's own permissions and for those of the groups one by one."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if not user_obj.is_active or user_obj.is_superuser or obj is not None:
            return super().get_all_permissions(user_obj, obj)
        if not hasattr(user_obj, "_perm_cache"):
            own, of_roles = permission_names(user=user_obj), permission_names(group__user=user_obj)
            remember_permissions(user_obj, own.union(of_roles))
        return set(user_obj._perm_cache)  # noqa: SLF001


def permission_names(**whose: Any) -> Any:
    """As `has_perm` takes them: app and codename."""
    name = Concat("content_type__app_label", Value("."), "codename")
    return Permission.objects.order_by().filter(**whose).values_list(name, flat=True)


def remember_permissions(user: Any, names: Iterable[str]) -> None:
    """Where Django looks; a superuser's are all there are, whatever has been granted."""
    if not user.is_superuser:
        user._perm_cache = set(names)  # noqa: SLF001
