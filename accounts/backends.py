"""What a signed-in person may do, in one query."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db import connection

_ROLE = "role:"
# Names of permissions as `has_perm` takes them, a person's own and those of their roles, and the
# roles. In SQL, since it is asked with every request: to compile it anew takes ten times as long as
# to run it.
PERMISSION_NAMES = """
    SELECT kind.app_label || '.' || permission.codename
    FROM auth_permission permission
    JOIN django_content_type kind ON kind.id = permission.content_type_id
    WHERE permission.id IN (
        SELECT permission_id FROM accounts_user_user_permissions WHERE user_id = {user}
        UNION ALL
        SELECT permission_id FROM auth_group_permissions
        JOIN accounts_user_groups USING (group_id) WHERE user_id = {user}
    )
    UNION ALL
    SELECT 'role:' || role.name FROM auth_group role
    JOIN accounts_user_groups member ON member.group_id = role.id WHERE member.user_id = {user}
"""


class PermissionsInOneQuery(ModelBackend):
    """Django asks for a person's own permissions and for those of the groups one by one."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if not user_obj.is_active or user_obj.is_superuser or obj is not None:
            return super().get_all_permissions(user_obj, obj)
        if not hasattr(user_obj, "_perm_cache"):
            with connection.cursor() as cursor:
                cursor.execute(PERMISSION_NAMES.format(user="%(user)s"), {"user": user_obj.pk})
                remember_permissions(user_obj, (name for (name,) in cursor.fetchall()))
        return set(user_obj._perm_cache)  # noqa: SLF001


def remember_permissions(user: Any, names: Iterable[str]) -> None:
    """Where Django looks; a superuser's are all there are, whatever has been granted."""
    found = list(names)
    user._role_cache = {name[len(_ROLE) :] for name in found if name.startswith(_ROLE)}  # noqa: SLF001
    if not user.is_superuser:
        user._perm_cache = {name for name in found if not name.startswith(_ROLE)}  # noqa: SLF001


def roles_of(user: Any) -> set[str]:
    """Names of a person's roles, of the same query as their permissions."""
    if not hasattr(user, "_role_cache"):
        if user.is_superuser or not user.is_active:
            user._role_cache = set(user.groups.values_list("name", flat=True))  # noqa: SLF001
        else:
            user.get_all_permissions()
    return set(user._role_cache)  # noqa: SLF001
