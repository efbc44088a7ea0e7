"""The metadata of a series, made once and kept, so that asking for it touches no instance.

What is kept is named by an ETag of all that can change it: the series' own row (every ingest and
every deletion moves its `updated_at`), the identity of patient, study and series, and the address
that stands in it. Whatever changes one of them makes the kept one useless, without knowing of it.
It is kept as a part of an array, so that series and study are answered without compressing again.
"""

import datetime
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from studies import gzip_parts, retrieve
from studies.access import Viewer, visible_to
from studies.dicom.deidentify import deidentify
from studies.dicom.json_model import dumps
from studies.errors import NotFoundError
from studies.gzip_parts import Part
from studies.models import Instance, Series, SeriesMetadata
from studies.noting import note_read

# Of what is made here; another number makes all of it anew.
_FORM = 2
# Instances read at once: a header may have megabytes.
_CHUNK = 50
# Series whose kept metadata are read at once: those of a large one may have megabytes.
_SERIES_AT_ONCE = 10
# A portal is called by few names; each has its own metadata.
_MAX_ADDRESSES = 4
_MAX_BASE_URL = 300


def series_of_study(viewer: Viewer, study_uid: str) -> list[Series]:
    """The series of a study in the order of their numbers.

    Raises:
        NotFoundError, GoneError: As `retrieve.find_study`.
    """
    found = Series.objects.select_related("study").filter(study__study_instance_uid=study_uid)
    series = list(visible_to(viewer, found).order_by("series_number", "id"))
    if not series:
        raise retrieve.absence(viewer, study_uid)
    note_read(viewer, study_uid)
    return series


def etag_of(series: Series, base_url: str) -> str:
    """Names the metadata of a series, whether made yet or not; the study comes with the series."""
    parts = [
        _FORM, base_url, series.pk, series.number_of_series_related_instances,
        series.updated_at.isoformat(), retrieve.identity_above_instances(series),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:32]


def retrieve_parts(series: Sequence[Series], *, base_url: str) -> Iterator[Part]:
    """Of each series the headers of all instances, compressed, as elements of a JSON array.

    Raises:
        NotFoundError: If a series is deleted at this moment.
    """
    for start in range(0, len(series), _SERIES_AT_ONCE):
        some = series[start : start + _SERIES_AT_ONCE]
        kept = SeriesMetadata.objects.filter(series__in=some, base_url=base_url)
        rows = kept.values_list("series", "etag", "content", "crc32", "length")
        found = {(pk, etag): Part(bytes(content), *sizes) for pk, etag, content, *sizes in rows}
        for one in some:
            etag = etag_of(one, base_url)
            yield found.get((one.pk, etag)) or _prepare(one, base_url, etag)


def retrieve_headers(series: Iterable[Series], *, base_url: str) -> Iterator[str]:
    """The header of each instance as a JSON text, read anew; what other forms are made of."""
    for one in series:
        yield from _headers(one, one.instances.all(), base_url)


def retrieve_without_identity(
    viewer: Viewer, series: Iterable[Series], *, base_url: str
) -> Iterator[str]:
    """The same of those images that may be shown to this person, without whose they are."""
    for one in series:
        shown = visible_to(viewer, one.instances.all())
        for header in _headers(one, shown, base_url):
            yield dumps(deidentify(json.loads(header)))


def _prepare(series: Series, base_url: str, etag: str) -> Part:
    headers = _headers(series, series.instances.all(), base_url)
    texts = (f",{header}" if number else header for number, header in enumerate(headers))
    part = gzip_parts.deflate(text.encode() for text in texts)
    _keep(
        SeriesMetadata(
            series=series, base_url=base_url, etag=etag,
            content=part.deflated, crc32=part.crc32, length=part.length,
        )
    )  # fmt: skip
    return part


def _headers(series: Series, instances: QuerySet[Instance], base_url: str) -> Iterator[str]:
    def of_series(instance: Instance) -> Instance:
        instance.series = series  # which is read already
        return instance

    # By number first, since one statement for all would hold all headers in memory.
    order = list(instances.order_by("instance_number", "id").values_list("pk", flat=True))
    rows = Instance.objects.select_related("stored_object")
    some = retrieve.few_at_once(rows, order, _CHUNK)
    yield from retrieve.retrieve_metadata(map(of_series, some), base_url=base_url)


def _keep(metadata: SeriesMetadata) -> None:
    """Raises NotFoundError if the series has gone while its metadata were made."""
    if len(metadata.base_url) > _MAX_BASE_URL:  # whoever calls the portal so may wait each time
        return
    with transaction.atomic():
        # Whoever deletes the series takes the same lock.
        series = Series.objects.select_for_update(no_key=True).filter(pk=metadata.series_id)
        if not series.exists():
            raise NotFoundError("The series is being deleted.")
        kept = SeriesMetadata.objects.filter(series=metadata.series_id)
        others = kept.exclude(base_url=metadata.base_url).order_by("-prepared_at")
        kept.filter(pk__in=others.values("pk")[_MAX_ADDRESSES - 1 :]).delete()
        SeriesMetadata.objects.bulk_create(
            [metadata],
            update_conflicts=True,
            unique_fields=["series", "base_url"],
            update_fields=["etag", "content", "crc32", "length", "prepared_at"],
        )


def unprepared(
    base_url: str, *, received_since: datetime.datetime, settled_before: datetime.datetime
) -> QuerySet[Series]:
    """Series of lately received studies that have settled and of which nothing valid is kept.

    Args:
        base_url: Address of the DICOMweb service in what would be kept.
        received_since: Of the studies; older ones are prepared when somebody asks.
        settled_before: When such a series changed last at the latest.
    """
    kept = SeriesMetadata.objects.filter(
        series=OuterRef("pk"), base_url=base_url, prepared_at__gte=OuterRef("updated_at")
    )
    return Series.objects.select_related("study").filter(
        ~Exists(kept), study__received_at__gte=received_since, updated_at__lt=settled_before
    )
