"""What a signed-in person may do, in one query."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission


class PermissionsInOneQuery(ModelBackend):
    """Django asks for a person's own permissions and for those of the groups one by one."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if not user_obj.is_active or user_obj.is_superuser or obj is not None:
            return super().get_all_permissions(user_obj, obj)
        if not hasattr(user_obj, "_perm_cache"):
            names = Permission.objects.order_by().values_list("content_type__app_label", "codename")
            own, roles = names.filter(user=user_obj), names.filter(group__user=user_obj)
            user_obj._perm_cache = {f"{app}.{codename}" for app, codename in own.union(roles)}  # noqa: SLF001 - where Django looks
        return set(user_obj._perm_cache)  # noqa: SLF001
