"""How a person left a study: kept by the viewer, for the viewer."""

from django.conf import settings
from django.db import models

from studies.models.study import Study


class Presentation(models.Model):
    """Layout, window, zoom and slice of each series; nothing of it changes an image."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="presentations",
        db_index=False,  # the constraint's index begins with it
    )
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="presentations")
    state = models.JSONField(help_text="Of frontend/src/presentation.js.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "study"], name="one_presentation_of_a_study_for_each_user"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.study_id}"
