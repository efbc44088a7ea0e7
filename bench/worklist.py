"""The study list at scale: every filter, pair of filters, order and depth, beside plain SQL.

    .venv/bin/python -m bench.worklist SCRATCH --studies 50000 1000000

Uses the archives that `bench.dicomweb` makes below SCRATCH, and gives their studies readers,
priorities, tags and statuses on the first run. What is measured is the time that the server needs
for a page, from the request to the finished HTML, in this process; "SQL" is the same page and the
same count as finished statements on an open connection. Prints the table of docs/performance.md.
"""

import argparse
import itertools
import os
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.dicomweb.servers import Portal

Wish = dict[str, str]
LIMIT_MS = 50


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.worklist", description=__doc__)
    parser.add_argument("scratch", type=lambda text: Path(text).resolve())
    parser.add_argument("--studies", type=int, nargs="+", default=[50_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=5, help="Pages for each figure (default 5).")
    parser.add_argument("--each", action="store_true", help="A line for each search as well.")
    options = parser.parse_args()
    if len(options.studies) > 1:  # one process for each: Django knows one database
        for number in options.studies:
            arguments = [str(options.scratch), "--studies", str(number)]
            arguments += ["--repeat", str(options.repeat), *(["--each"] if options.each else [])]
            os.spawnl(os.P_WAIT, sys.executable, sys.executable, "-m", "bench.worklist", *arguments)
        return
    portal = Portal(options.scratch / f"studies-{options.studies[0]}" / "portal")
    portal.database.start()
    try:
        portal.manage("migrate", "--verbosity", "0")
        portal.manage("collectstatic", "--noinput", "--verbosity", "0")
        _measure(portal, options)
    finally:
        portal.database.stop()


def _measure(portal: Portal, options: argparse.Namespace) -> None:
    os.environ.update(portal.environment | {"LOG_LEVEL": "ERROR"})
    import django  # noqa: PLC0415 - it reads the environment when it is imported

    django.setup()
    from bench.worklist_pages import Pages  # noqa: PLC0415 - needs Django to be set up

    pages = Pages()
    print(f"\n{options.studies[0]:,} studies\n\n{HEADER}")
    for group, searches in pages.groups():
        figures = [pages.time(search, options.repeat) for search in searches]
        print(_row(group, figures), flush=True)
        if options.each:
            both = zip(searches, figures, strict=True)
            for search, figure in sorted(both, key=lambda each: -min(each[1].sql)):
                told = f"page {min(figure.page):7.1f}  SQL {min(figure.sql):7.1f}"
                print(f"    {told}  {search}", flush=True)


@dataclass
class Figures:
    """Milliseconds of one search, for each time that it was made.

    Attributes:
        page: From the request to the finished page.
        cpu: Of these the processor time of the portal's process.
        sql: The statements of the page that ask for studies, alone.
    """

    page: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    sql: list[float] = field(default_factory=list)


HEADER = """\
| | searches | p50 / p95 ms | slowest p95 ms | over 50 ms | SQL p50 / p95 ms | page : SQL | CPU ms |
|---|--:|--:|--:|--:|--:|--:|--:|"""


def _row(group: str, figures: list[Figures]) -> str:
    page, cpu, sql = (
        list(itertools.chain.from_iterable(getattr(figure, name) for figure in figures))
        for name in ("page", "cpu", "sql")
    )
    slowest = [_percentile(figure.page, 95) for figure in figures]
    return (
        f"| {group} | {len(figures)} | {_percentile(page, 50):.1f} / {_percentile(page, 95):.1f}"
        f" | {max(slowest):.1f} | {sum(each > LIMIT_MS for each in slowest)}"
        f" | {_percentile(sql, 50):.2f} / {_percentile(sql, 95):.2f}"
        f" | {statistics.median(page) / statistics.median(sql):.1f}"
        f" | {statistics.median(cpu):.1f} |"
    )


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def pairs(filters: dict[str, Wish]) -> Iterator[Wish]:
    """Every two that do not set the same field."""
    for first, second in itertools.combinations(filters.values(), 2):
        if not set(first) & set(second):
            yield first | second


if __name__ == "__main__":
    main()
