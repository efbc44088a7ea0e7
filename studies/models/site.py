"""Sites: where studies were made, and who may see the studies of which."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models.functions import Upper


class Site(models.Model):
    """An institution, or a department of it, as the first object of a study names it.

    Institution Name (0008,0080) and Institutional Department Name (0008,1040), PS3.3 C.7.5.1.
    """

    institution_name = models.CharField(max_length=256)
    institutional_department_name = models.CharField(max_length=256, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["institution_name", "institutional_department_name"],
                name="a_site_is_kept_once",
            ),
            models.CheckConstraint(
                condition=~models.Q(institution_name=""), name="a_site_names_its_institution"
            ),
        ]

    def __str__(self) -> str:
        return " / ".join(filter(None, (self.institution_name, self.institutional_department_name)))


class StudyScope(models.Model):
    """A user, or everybody in a group, may see the studies of an institution or a department.

    By name and not by site, so that it can be given before the first image has come, and holds for
    every department. Case does not count: devices of one hospital write its name differently.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="study_scopes",
        null=True,
        blank=True,
    )
    group = models.ForeignKey(
        Group, on_delete=models.CASCADE, related_name="study_scopes", null=True, blank=True
    )
    institution_name = models.CharField(
        max_length=256, help_text="As the images name it; letters in any case."
    )
    institutional_department_name = models.CharField(
        max_length=256, blank=True, help_text="The whole institution, where empty."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user__isnull=True, group__isnull=False)
                | models.Q(user__isnull=False, group__isnull=True),
                name="a_scope_is_of_a_user_or_of_a_group",
                violation_error_message="Choose either a user or a group.",
            ),
            models.CheckConstraint(
                condition=~models.Q(institution_name=""), name="a_scope_names_an_institution"
            ),
            models.UniqueConstraint(
                "user",
                "group",
                Upper("institution_name"),
                Upper("institutional_department_name"),
                nulls_distinct=False,
                name="a_scope_is_given_once",
                violation_error_message="This scope has been given already.",
            ),
        ]

    def __str__(self) -> str:
        return " / ".join(filter(None, (self.institution_name, self.institutional_department_name)))

    def clean(self) -> None:
        """In the form in which the index has names."""
        self.institution_name = self.institution_name.strip()
        self.institutional_department_name = self.institutional_department_name.strip()
