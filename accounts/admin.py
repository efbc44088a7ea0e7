from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import second_factor
from accounts.acts import Act, Action, note
from accounts.models import ApiToken, Grant, User

# One sign-in page for all, so that its limits and messages hold for the admin too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """Administrators give roles; only a superuser makes superusers or grants single permissions."""

    list_display = ("username", "first_name", "last_name", "is_active", "is_staff", "last_login")
    list_filter = ("groups", "is_active", "is_staff", "is_superuser")
    search_fields = ("username", "first_name", "last_name", "email")
    list_per_page = 50
    actions = ("reset_second_factor",)

    @admin.action(
        description="Reset the second factor of the selected users", permissions=["change"]
    )
    def reset_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        with transaction.atomic():
            users = [user for user in queryset if _may_touch(request, user)]
            for user in users:
                second_factor.reset(user)
        self.message_user(request, f"The second factor of {len(users)} users was reset.")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        fixed = ("last_login", "date_joined")
        return fixed if request.user.is_superuser else (*fixed, "is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """Tokens are made by `create_api_token`, which shows them; here they are seen and revoked."""

    list_display = ("prefix", "name", "user", "last_used_at", "expires_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    list_per_page = 50
    search_fields = ("prefix", "name", "user__username")
    exclude = ("digest",)
    actions = ("revoke",)

    @admin.action(description="Revoke the selected tokens", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        _revoke(queryset, "API token revoked")
        self.message_user(request, "The tokens are revoked.")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_apitoken")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """A revoked token still says who had one."""
        return False


@admin.register(Grant)
class GrantAdmin(admin.ModelAdmin):
    """What programs got for somebody's password; here it is seen and revoked."""

    list_display = ("name", "user", "created_at", "expires_at", "revoked_at", "revoked_because")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    list_per_page = 50
    search_fields = ("name", "user__username")
    actions = ("revoke",)

    @admin.action(description="Revoke the selected grants", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Grant]) -> None:
        _revoke(queryset, "token revoked", revoked_because="an administrator revoked it")
        self.message_user(request, "The grants are revoked.")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_grant")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Grant | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Grant | None = None) -> bool:
        return False


def _revoke(queryset: QuerySet[Any], what: str, **because: str) -> None:
    """Each with its act, in one transaction."""
    with transaction.atomic():
        for row in queryset.filter(revoked_at=None).select_related("user"):
            type(row).objects.filter(pk=row.pk).update(revoked_at=timezone.now(), **because)
            detail = {"token": str(row), "user": row.user.get_username()}
            note(Act(action=Action.SECURITY, what=what, detail=detail, is_change=True))


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    """Setting a superuser's password would be a way to become one."""
    return user is None or not user.is_superuser or bool(request.user.is_superuser)
