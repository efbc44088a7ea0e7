"""Pages of the study list for `bench.worklist`; Django must be set up."""

import datetime
import time
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench.worklist import Figures, Wish, pairs
from studies import query
from studies.filters import PATIENT_FIELDS
from studies.models import Study, Tag

READERS = 20
# Lately received studies are unread, a few are urgent, assigned, tagged; so a department works.
WORK = """
    UPDATE studies_study SET
        reading_status = CASE WHEN id % 50 = 0 THEN 'unread' WHEN id % 331 = 0 THEN 'in-progress'
            ELSE 'reported' END,
        priority = CASE WHEN id % 200 = 1 THEN 'stat' WHEN id % 40 = 1 THEN 'urgent'
            ELSE 'routine' END,
        assigned_to_id = CASE WHEN id % 50 = 0 THEN %(reader)s + id / 50 %% %(readers)s END,
        tags = CASE WHEN id % 20 = 3 THEN ARRAY[%(common)s] WHEN id % 5003 = 0 THEN ARRAY[%(rare)s]
            ELSE '{}' END
"""


class Pages:
    """The archive's own values to search for, and a radiologist who does."""

    def __init__(self) -> None:
        self.client = Client(HTTP_HOST="localhost")
        self.user = self._radiologist()
        self.client.force_login(self.user)
        self.tags = list(Tag.objects.order_by("pk"))
        newest = Study.objects.filter(study_date__isnull=False).newest_first()
        self.today = newest.values_list("study_date", flat=True)[0]
        self.study = newest[1000]

    def _radiologist(self) -> Any:
        people = get_user_model().objects.filter(username__startswith="bench-reader-")
        if not people.exists():
            made = [get_user_model()(username=f"bench-reader-{n}") for n in range(READERS)]
            people = get_user_model().objects.bulk_create(made)
            group = Group.objects.get(name="radiologist")
            group.user_set.add(*people)
            tags = [Tag.objects.create(name=name) for name in ("bench common", "bench rare")]
            keys = {
                "reader": people[0].pk, "readers": READERS, "common": tags[0].pk, "rare": tags[1].pk
            }  # fmt: skip
            with connection.cursor() as cursor:
                cursor.execute(WORK.replace(" % ", " %% "), keys)
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE studies_study")
        return people[0]

    def filters(self) -> dict[str, Wish]:
        study, today = self.study, self.today
        family = study.patient_name_folded.split()[0]
        return {
            "mrn": {"patient_id": study.patient_id},
            "mrn beginning": {"patient_id": study.patient_id[:-2]},
            "accession": {"accession_number": study.accession_number},
            "name": {"patient_name": study.patient_name_folded},
            "family name": {"patient_name": family},
            "part of name": {"patient_name": family[1:4]},
            "two letters": {"patient_name": family[:2]},
            "description": {"study_description": study.study_description},
            "word of description": {"study_description": study.study_description.split()[0]},
            "nothing": {"study_description": "zzqx"},
            "common modality": {"modality": "CT"},
            "rare modality": {"modality": "NM"},
            "missing modality": {"modality": "IVUS"},
            "unread": {"reading_status": "unread"},
            "in progress": {"reading_status": "in-progress"},
            "reported": {"reading_status": "reported"},
            "stat": {"priority": "stat"},
            "routine": {"priority": "routine"},
            "mine": {"assigned_to": "me"},
            "nobody's": {"assigned_to": "nobody"},
            "common tag": {"tag": str(self.tags[0].pk)},
            "rare tag": {"tag": str(self.tags[1].pk)},
            "day": {"date_from": str(today), "date_to": str(today)},
            "week": {"date_from": str(today - datetime.timedelta(days=6))},
            "old month": {"date_from": "2021-03-01", "date_to": "2021-03-31"},
            "years": {"date_to": str(today - datetime.timedelta(days=700))},
            "words": {"text": f"{study.patient_id[:4]}"},
            "word and name": {"text": f"{family[:4]} {study.patient_name_folded.split()[-1][:3]}"},
        }  # fmt: skip

    def groups(self) -> list[tuple[str, list[Wish]]]:
        filters, sorts = self.filters(), [f"{s}{n}" for n in query.SORT_COLUMNS for s in ("", "-")]
        return [
            ("no filter, each order", [{"sort": sort} for sort in sorts]),
            ("deep pages, each order", [w for sort in sorts for w in self._deep(sort)]),
            ("each filter", list(filters.values())),
            ("each filter, its last page", [wish | {"end": "1"} for wish in filters.values()]),
            ("each pair of filters", list(pairs(filters))),
            ("each filter in each other order",
             [w | {"sort": s} for w in filters.values() for s in sorts if s != "-date"]),
        ]  # fmt: skip

    def _deep(self, sort: str) -> list[Wish]:
        """After the studies at a tenth, half and nine tenths of the list, and its last page."""
        column = query.SORT_COLUMNS[sort.lstrip("-")]
        sign = "-" if sort.startswith("-") else ""
        total = Study.objects.count()
        ordered = Study.objects.order_by(f"{sign}{column}", f"{sign}id").values_list(
            "pk", flat=True
        )
        places = [ordered[total * tenths // 10] for tenths in (1, 5, 9)]
        return [{"sort": sort, "after": str(pk)} for pk in places] + [{"sort": sort, "end": "1"}]

    def time(self, wish: Wish, repeat: int) -> Figures:
        address = self._address(wish)
        with CaptureQueriesContext(connection) as captured:
            response = self.client.get(address)
        assert response.status_code == 200, (address, response.status_code)
        asked = [one["sql"] for one in captured.captured_queries]
        statements = [
            sql for sql in asked if sql.startswith("SELECT") and '"studies_study"' in sql
        ]  # fmt: skip
        figures = Figures()
        for _ in range(repeat):
            wall, cpu = time.perf_counter(), time.process_time()
            self.client.get(address)
            figures.page.append((time.perf_counter() - wall) * 1000)
            figures.cpu.append((time.process_time() - cpu) * 1000)
            wall = time.perf_counter()
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                    cursor.fetchall()
            figures.sql.append((time.perf_counter() - wall) * 1000)
        return figures

    def _address(self, wish: Wish) -> str:
        """The address that the search form leads to: it holds no patient data."""
        form = {k: v for k, v in wish.items() if k not in ("after", "end")}
        if set(form) & set(PATIENT_FIELDS):
            address = self.client.post("/", form)["Location"]
        else:
            address = "/?" + "&".join(f"{k}={v}" for k, v in form.items())
        rest = "".join(f"&{k}={v}" for k, v in wish.items() if k in ("after", "end"))
        return address + rest
