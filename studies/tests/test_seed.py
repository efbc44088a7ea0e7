"""Demonstration data: plausible, reproducible, and every study opens with pictures."""

import collections
import datetime
import io

import pydicom
import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count, Sum

from analytics.tests.recount import counted, recount
from studies import seeding
from studies.models import Instance, Patient, Series, Source, StoredObject, Study
from studies.synthetic import records
from studies.tests.builders import make_file
from studies.tests.drawn import taken_from

UNTIL = datetime.date(2026, 3, 1)

# The first of these tests draws all phantoms.
pytestmark = [
    pytest.mark.django_db, pytest.mark.timeout(300),
]  # fmt: skip


@pytest.fixture(scope="module")
def phantom_store(phantoms, tmp_path_factory, django_db_setup, django_db_blocker):
    """All phantoms, stored once for the tests of this module."""
    from django.test import override_settings  # noqa: PLC0415

    root = tmp_path_factory.mktemp("phantoms")
    with (
        django_db_blocker.unblock(),
        override_settings(OBJECT_STORE_URL=f"file://{root}"),
        taken_from(phantoms),
    ):
        stored = seeding.store_phantoms(lambda _: None)
    yield root, stored
    with django_db_blocker.unblock():
        StoredObject.objects.filter(source=Source.SEED).delete()


@pytest.fixture
def seed(phantom_store, settings):
    root, phantoms = phantom_store
    settings.OBJECT_STORE_URL = f"file://{root}"

    def seed(number, random_seed=1, until=UNTIL):
        return seeding.seed_studies(
            number, random_seed=random_seed, until=until, phantoms=phantoms, progress=lambda _: None
        )

    return seed


def content() -> list[tuple]:
    """All that was seeded, without keys and times of writing."""
    return list(
        Instance.objects.order_by("sop_instance_uid").values_list(
            "sop_instance_uid", "instance_number", "series__series_description",
            "series__study__study_instance_uid", "series__study__patient_name",
            "series__study__accession_number", "series__study__study_moment",
        )
    )  # fmt: skip


def test_the_same_random_seed_gives_the_same_data(seed):
    seed(30)
    first = content()
    Instance.objects.all().delete()
    Series.objects.all().delete()
    Study.objects.all().delete()
    Patient.objects.all().delete()

    seed(30)

    assert content() == first


def test_another_random_seed_gives_other_data_beside_the_first(seed):
    seed(20, random_seed=1)
    seed(20, random_seed=2)

    assert Study.objects.count() == 40


def test_seeding_twice_doubles_nothing(seed):
    seed(25)

    written = seed(25)

    assert (written.studies, Study.objects.count()) == (0, 25)


@pytest.mark.parametrize("later", [1, 2, 5, 400])
def test_seeding_again_on_another_day_doubles_nothing(seed, later):
    seed(25)

    written = seed(60, until=UNTIL + datetime.timedelta(days=later))

    assert written.studies == 35
    assert Study.objects.values("accession_number").distinct().count() == 60
    for study in Study.objects.select_related("patient_record"):
        patient = study.patient_record
        assert (study.patient_name, study.patient_birth_date) == (
            patient.patient_name,
            patient.patient_birth_date,
        )


def test_seeding_more_later_adds_only_what_is_missing(seed):
    seed(10)
    seed(30)
    grown = content()
    Instance.objects.all().delete()
    Series.objects.all().delete()
    Study.objects.all().delete()

    seed(30)

    assert grown == content()


def test_aggregates_of_seeded_studies_are_those_of_their_rows(seed):
    seed(60)

    counted = {
        row["series__study"]: (row["series"], row["instances"], row["bytes"])
        for row in Instance.objects.values("series__study").annotate(
            series=Count("series", distinct=True),
            instances=Count("pk"),
            bytes=Sum("stored_object__size_bytes"),
        )
    }
    kept = {
        study.pk: (
            study.number_of_study_related_series,
            study.number_of_study_related_instances,
            study.size_bytes,
        )
        for study in Study.objects.all()
    }
    assert kept == counted
    assert all(
        study.modalities_in_study == sorted(set(study.series.values_list("modality", flat=True)))
        for study in Study.objects.all()
    )


def test_a_seeded_instance_comes_back_with_its_own_identity_and_the_phantoms_pixels(seed, client):
    seed(5)
    instance = Instance.objects.select_related("series__study", "stored_object").first()
    study = instance.series.study

    response = client.get(
        f"/dicom-web/studies/{study.study_instance_uid}/series/"
        f"{instance.series.series_instance_uid}/instances/{instance.sop_instance_uid}"
        "?accept=application/dicom;transfer-syntax=*"
    )

    dataset = pydicom.dcmread(io.BytesIO(b"".join(response)))
    assert dataset.SOPInstanceUID == instance.sop_instance_uid
    assert dataset.file_meta.MediaStorageSOPInstanceUID == instance.sop_instance_uid
    assert dataset.StudyInstanceUID == study.study_instance_uid
    assert str(dataset.PatientName) == str(study.person_name)
    assert dataset.PatientID == study.patient_id
    assert dataset.StudyDate == study.study_date.strftime("%Y%m%d")
    assert dataset.pixel_array.std() > 0


def test_seeded_studies_do_not_share_a_frame_of_reference(seed):
    seed(60)

    shared = (
        Series.objects.values("frame_of_reference_uid")
        .annotate(studies=Count("study", distinct=True))
        .filter(studies__gt=1)
    )
    assert not shared.exists()


def test_seeded_series_and_images_are_of_plausible_number(seed):
    seed(200)

    series = list(Study.objects.values_list("number_of_study_related_series", flat=True))
    assert min(series) == 1
    assert 6 <= max(series) <= 8
    assert Series.objects.filter(modality="CT", number_of_series_related_instances__gte=24).exists()


def test_flush_removes_what_was_seeded_and_nothing_else(seed, store, settings, tmp_path):
    """With phantoms of its own, since those of the module are shared."""
    seed(5)
    StoredObject.objects.filter(source=Source.SEED).update(source=Source.IMPORT)
    own = StoredObject.objects.filter(instances__isnull=False)
    own.update(source=Source.SEED)
    settings.OBJECT_STORE_URL = f"file://{tmp_path}/other"
    store(make_file())

    removed = seeding.remove_seeded()

    assert removed > 0
    assert list(Study.objects.values_list("study_instance_uid", flat=True)) == ["1.2.3"]
    assert Patient.objects.count() == 1


def test_what_is_seeded_and_removed_is_counted(seed, store, settings, tmp_path):
    store(make_file())
    seed(12)
    after_seeding = (counted(), recount())
    # The phantoms of the module stay, see above.
    StoredObject.objects.filter(source=Source.SEED).update(source=Source.IMPORT)
    StoredObject.objects.filter(instances__is_overlaid=True).update(source=Source.SEED)
    settings.OBJECT_STORE_URL = f"file://{tmp_path}/other"
    seeding.remove_seeded()

    assert after_seeding[0] == after_seeding[1]
    assert Study.objects.count() == 1
    assert counted() == recount()


def test_a_seeded_study_that_got_a_real_image_keeps_it_and_counts_it(seed, store):
    seed(1)
    study = Study.objects.get()
    store(
        make_file(
            StudyInstanceUID=study.study_instance_uid, SeriesInstanceUID="1.9",
            PatientID=study.patient_id, IssuerOfPatientID=study.issuer_of_patient_id, Modality="SR",
        )
    )  # fmt: skip

    Instance.objects.filter(stored_object__source=Source.SEED).delete()
    seeding.remove_empty()
    seeding.recount([study.pk])

    study.refresh_from_db()
    assert study.number_of_study_related_series == 1
    assert study.number_of_study_related_instances == 1
    assert study.modalities_in_study == ["SR"]


# --- Records, without a database ---------------------------------------------------------------


def all_records(batches=4):
    return [record for n in range(batches) for record in records.batch(1, n, UNTIL)]


def test_uids_accession_numbers_and_patient_ids_are_unique():
    studies = all_records()

    assert len({r.study_instance_uid for r in studies}) == len(studies)
    assert len({r.accession_number for r in studies}) == len(studies)
    patients = {(r.patient.patient_id, r.patient.issuer): r.patient for r in studies}
    assert all(patients[(r.patient.patient_id, r.patient.issuer)] == r.patient for r in studies)


def test_patients_come_back_and_are_older_than_their_studies():
    studies = all_records()
    visits = collections.Counter(r.patient.patient_id for r in studies)

    assert max(visits.values()) > 3
    assert all(r.patient.birth_date < r.date for r in studies)


def test_ten_years_with_quiet_weekends_and_busy_mornings():
    studies = all_records()
    weekdays = collections.Counter(r.date.weekday() for r in studies)
    hours = collections.Counter(r.time.hour for r in studies)

    assert max(r.date for r in studies) <= UNTIL
    assert (UNTIL - min(r.date for r in studies)).days > 9 * 365
    assert weekdays[6] < weekdays[1] / 2
    assert hours[3] < hours[10] / 5


def test_names_have_accents_and_other_scripts():
    names = [r.patient.name for r in all_records()]

    assert any("ü" in n.alphabetic or "é" in n.alphabetic for n in names)
    assert any("Ѐ" <= n.alphabetic[:1] <= "ӿ" for n in names)
    assert any(n.ideographic and n.phonetic for n in names)


def test_breasts_are_examined_of_grown_women():
    examined = [r for r in all_records() if "mammography" in r.study_description]

    assert {r.patient.sex for r in examined} == {"F"}
    assert min((r.date - r.patient.birth_date).days for r in examined) > 30 * 365


@pytest.mark.parametrize("modality", ["CT", "MR", "US", "DX", "CR", "MG", "NM", "PT", "XA"])
def test_every_modality_occurs(modality):
    phantoms = {s.name: s.modality for s in seeding.CATALOGUE}

    assert any(phantoms[p.phantom] == modality for r in all_records() for p in r.series)


# --- The command ---------------------------------------------------------------------------------


def test_a_negative_number_is_refused():
    with pytest.raises(CommandError):
        call_command("seed", "--studies", "-1", "--noinput")


def test_removing_asks_first(monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _: "no")

    with pytest.raises(CommandError, match="Nothing was done"):
        call_command("seed", "--flush", "--studies", "0")


def test_if_empty_leaves_an_archive_with_studies_alone(store, capsys):
    store(make_file())

    call_command("seed", "--if-empty", "--noinput")

    assert "nothing was seeded" in capsys.readouterr().out
