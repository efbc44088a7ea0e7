"""What happens to accounts, told to the audit trail, and what follows from it.

By signals of the models, which come inside the transaction and whoever makes the change: a page,
the administration, a command.
"""

from typing import Any

from allauth.core import context
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver

from accounts import second_factor
from accounts.acts import Act, Action, note
from accounts.models import User
from accounts.sessions import end_others


def _note(what: str, user: User, **detail: str) -> None:
    # Who does it is who makes the request; to whom it is done stands beside it.
    about = {"user": user.get_username(), **detail}
    note(Act(action=Action.SECURITY, what=what, detail=about, is_change=True))


@receiver(post_save, sender=User)
def _on_new_password(instance: User, *, created: bool, raw: bool = False, **_rest: Any) -> None:
    # Set by `set_password` until the row is saved.
    if created or raw or instance._password is None:  # type: ignore[attr-defined]  # noqa: SLF001
        return
    _note("password changed", instance)
    end_others(instance, context.request, because="the password was changed")


@receiver(post_save, sender=Authenticator)
def _on_new_factor(instance: Authenticator, *, created: bool, raw: bool = False, **_: Any) -> None:
    if not created or raw:
        return
    if instance.type == Authenticator.Type.TOTP:
        second_factor.use_up_until_now(instance)
        end_others(instance.user, context.request, because="a second factor was set up")
    _note("second factor set up", instance.user, kind=instance.type)


@receiver(post_delete, sender=Authenticator)
def _on_removed_factor(instance: Authenticator, origin: Any = None, **_rest: Any) -> None:
    if isinstance(origin, User):
        return  # which is deleted, with all that it has
    if instance.type == Authenticator.Type.TOTP:
        if context.request:
            context.request.session.pop(second_factor.IN_SESSION, None)
        end_others(instance.user, context.request, because="a second factor was removed")
    _note("second factor removed", instance.user, kind=instance.type)


@receiver(m2m_changed, sender=User.groups.through)
def _on_roles(action: str, instance: Any, pk_set: set[int] | None, **_rest: Any) -> None:
    done = {"post_add": "added", "post_remove": "removed", "pre_clear": "removed"}.get(action)
    if done is None or not isinstance(instance, User):
        return
    groups = instance.groups if pk_set is None else Group.objects.filter(pk__in=pk_set)
    if names := sorted(groups.values_list("name", flat=True)):
        _note("roles changed", instance, **{done: ", ".join(names)})
