"""What people add to studies and to the list of them: tags, comments, searches, columns."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower

from studies.models.study import Study

MAX_COMMENT = 4000


class Tag(models.Model):
    """A word of the vocabulary that everybody tags with; data stewards keep it.

    Studies hold keys of tags, so a tag is retired and never deleted.
    """

    class Colour(models.TextChoices):
        GREY = "grey", "Grey"
        BLUE = "blue", "Blue"
        GREEN = "green", "Green"
        AMBER = "amber", "Amber"
        RED = "red", "Red"
        VIOLET = "violet", "Violet"

    id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=40)
    colour = models.CharField(max_length=16, choices=Colour.choices, default=Colour.GREY)
    is_retired = models.BooleanField(
        default=False, help_text="No study is tagged with it any more; those that are stay so."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("name"), name="a_tag_is_named_once"),
            models.CheckConstraint(condition=~models.Q(name=""), name="a_tag_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class StudyComment(models.Model):
    """What somebody remarked on a study; it never changes and goes only along with the study."""

    study = models.ForeignKey(
        Study, on_delete=models.CASCADE, related_name="comments", db_index=False
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="study_comments"
    )
    text = models.TextField(max_length=MAX_COMMENT)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["study", "id"], name="comments_of_a_study")]
        constraints = [
            models.CheckConstraint(condition=~models.Q(text=""), name="a_comment_says_something")
        ]

    def __str__(self) -> str:
        return f"Comment {self.pk}"


class SavedSearch(models.Model):
    """A search by name: of its owner, or shared with a role, or of the portal itself.

    `parameters` are those of the study list's form, with relative dates as words, so that `today`
    is the day on which it is asked. Only an unshared one may hold patient data.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="saved_searches",
        null=True,
        blank=True,
        help_text="Nobody: it came with the portal, and everybody has it.",
    )
    name = models.CharField(max_length=60)
    parameters = models.JSONField()
    shared_with = models.ForeignKey(
        Group, on_delete=models.CASCADE, related_name="saved_searches", null=True, blank=True
    )

    class Meta:
        verbose_name_plural = "saved searches"
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"],
                nulls_distinct=False,
                name="a_person_names_a_search_once",
            ),
            models.CheckConstraint(condition=~models.Q(name=""), name="a_search_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Density(models.TextChoices):
    COMFORTABLE = "comfortable", "Comfortable"
    COMPACT = "compact", "Compact"


class ListPreference(models.Model):
    """How a person wants the study list."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="list_preference"
    )
    columns = ArrayField(
        models.CharField(max_length=32), default=list, help_text="Shown, in this order."
    )
    page_size = models.PositiveSmallIntegerField(null=True)
    density = models.CharField(max_length=16, choices=Density.choices, default=Density.COMFORTABLE)
    default_search = models.ForeignKey(
        SavedSearch, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    def __str__(self) -> str:
        return f"List of user {self.user_id}"
