"""What is made of rows and objects beforehand, so that asking for it costs one read."""

from django.db import models

from studies.models.series import Series


class SeriesMetadata(models.Model):
    """The DICOM JSON model of a whole series as a part of answers, see `studies.metadata`.

    Addresses stand in it, so there is one for each name that the portal is called by. It may be
    removed at any time: the next one who asks has it made again.
    """

    series = models.ForeignKey(
        Series, on_delete=models.CASCADE, related_name="prepared_metadata", db_index=False
    )
    base_url = models.CharField("base URL", max_length=300)
    etag = models.CharField("ETag", max_length=64)
    content = models.BinaryField(help_text="Elements of a JSON array, deflated.")
    # The database's own defaults are for the release before, which writes neither.
    crc32 = models.BigIntegerField(
        "CRC-32", db_default=0, help_text="Of the elements, not deflated."
    )
    length = models.BigIntegerField(db_default=0, help_text="Bytes of the elements, not deflated.")
    prepared_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "series metadata"
        constraints = [
            models.UniqueConstraint(
                fields=["series", "base_url"], name="series_metadata_is_kept_once_per_address"
            )
        ]

    def __str__(self) -> str:
        return self.etag
