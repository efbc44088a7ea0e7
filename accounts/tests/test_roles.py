"""Roles are groups that migrations make, and demonstration users have one each."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command

from accounts.roles import Role

pytestmark = pytest.mark.django_db


def codenames(role):
    return set(Group.objects.get(name=role).permissions.values_list("codename", flat=True))


@pytest.mark.parametrize("role", list(Role))
def test_a_role_exists_after_the_migrations(role):
    assert Group.objects.filter(name=role).exists()


def test_who_reads_sees_the_archive_and_adds_annotations_and_reports_alone():
    archive = {"view_patient", "view_study", "view_series", "view_instance"}
    of_their_own = {"annotate_study", "view_report", "view_addendum", "break_glass"}

    of_the_list = {"prioritise_study", "tag_study", "comment_study"}
    of_all_sites = {"view_every_study", "grant_study", "share_study", "view_analytics"}
    of_reading = {"add_report", "assign_study", "export_studies"}

    clinician, radiologist = codenames(Role.CLINICIAN), codenames(Role.RADIOLOGIST)
    assert clinician == archive | of_their_own | of_the_list
    assert radiologist == clinician | of_all_sites | of_reading


def test_an_operator_sees_no_patient():
    assert codenames(Role.OPERATOR) == {"view_analytics"}


def test_data_stewards_see_conflicts_and_quarantine():
    assert {"view_instanceconflict", "view_quarantinedinput"} <= codenames(Role.DATA_STEWARD)


def test_administrators_manage_accounts():
    assert {"add_user", "change_user", "view_user"} <= codenames(Role.ADMINISTRATOR)


def test_an_administrator_cannot_take_over_a_superuser(sign_in):
    superuser = get_user_model().objects.create_superuser("root", password="x" * 20)
    client = sign_in("administrator")
    get_user_model().objects.filter(username="administrator-1").update(is_staff=True)

    response = client.post(
        f"/admin/accounts/user/{superuser.pk}/password/", {"password1": "y" * 20}
    )

    superuser.refresh_from_db()
    assert response.status_code == 403
    assert superuser.check_password("x" * 20)


@pytest.mark.parametrize("model", ["study", "patient", "series", "instance", "instanceconflict"])
def test_a_data_steward_sees_records_in_the_admin_but_types_over_none(sign_in, model):
    client = sign_in("data steward")
    get_user_model().objects.filter(username="data steward-1").update(is_staff=True)

    assert client.get(f"/admin/studies/{model}/").status_code == 200
    assert client.get(f"/admin/studies/{model}/add/").status_code == 403


def test_demonstration_users_get_passwords_that_work_and_are_printed_once(
    settings, capsys, django_client
):
    settings.PACS_DEMONSTRATION = True
    call_command("create_demo_users")
    first = capsys.readouterr().out
    call_command("create_demo_users")
    second = capsys.readouterr().out

    password = re.search(r"^radiologist\s+radiologist\s+(\S+)$", first, re.MULTILINE)[1]
    assert django_client.login(username="radiologist", password=password)
    assert password not in second
    assert second.count("(already there)") == len(Role)


def test_demonstration_users_are_refused_elsewhere(settings):
    settings.PACS_DEMONSTRATION = False

    with pytest.raises(CommandError, match="PACS_DEMONSTRATION"):
        call_command("create_demo_users")

    assert not get_user_model().objects.exists()
