"""DICOMweb of the portal beside Orthanc's and beside what the machine can do at all.

    .venv/bin/python -m bench.dicomweb SCRATCH --studies 50000

Everything is made below SCRATCH on the first run (an hour for a million studies) and used again
afterwards. Needs Orthanc with its DICOMweb and PostgreSQL plugins, and nginx. Clients, servers and
databases share this machine's cores. Prints the table of docs/performance.md.
"""

import argparse
import signal
import sys
from pathlib import Path

from bench.dicomweb import ct_study, data, operations, report, streaming
from bench.dicomweb.measure import FailedError, MemoryWatch, Timings, run
from bench.dicomweb.operations import Measure
from bench.dicomweb.servers import Nginx, Orthanc, Portal, Server

ROUNDS = 3  # each side in turn, so that a disturbance meets all of them


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # stop the servers then too
    place = options.scratch / f"studies-{options.studies}"
    portal = Portal(place / "portal")
    orthanc = Orthanc(place / "orthanc")
    nginx = Nginx(options.scratch / "nginx")
    _tell("preparing")
    data.prepare(portal, orthanc, options.studies)
    study = ct_study.make(options.scratch / "ct-study")
    servers: dict[str, Server] = {"portal": portal, "orthanc": orthanc, "limit": nginx}
    try:
        for server in servers.values():
            server.start()
        data.store_ct_study(portal, orthanc, study, options.scratch / "ct-study")
        _tell(data.compare(portal, orthanc))
        measures = [
            *operations.queries(portal, orthanc),
            *operations.retrieval(portal, orthanc, nginx, study),
            operations.storing(portal, orthanc, study, options.scratch / "written"),
        ]
        print(f"\n{options.studies:,} studies\n\n{report.header()}")
        for measure in measures:
            if options.only in measure.name:
                _show(measure, servers, options)
            data.remove_stored(portal, orthanc)
        if options.gigabytes:
            print(f"\n{streaming.table(portal, study, options.gigabytes)}")
            data.remove_stored(portal, orthanc)
    finally:
        for server in servers.values():
            server.stop()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.dicomweb", description=__doc__)
    parser.add_argument("scratch", type=lambda text: Path(text).resolve())
    parser.add_argument("--studies", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=9, help="For each figure (default 9).")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--only", default="", help="Only rows whose name has this in it.")
    parser.add_argument(
        "--gigabytes", type=int, default=4, help="Of the study that is streamed; 0 leaves it out."
    )
    return parser.parse_args()


def _show(measure: Measure, servers: dict[str, Server], options: argparse.Namespace) -> None:
    for clients in options.clients:
        totals: dict[str, Timings] = {}
        failed: set[str] = set()
        rounds = 1 if measure.is_long else ROUNDS
        for _ in range(rounds):
            for side, operation in measure.sides.items():
                if side in failed:
                    continue
                _tell(f"{measure.name}, {clients} clients, {side}")
                pid = servers[side].pid if side != "limit" else None
                try:
                    with MemoryWatch(pid) as memory:
                        timings = run(operation, clients=clients, seconds=options.seconds / rounds)
                except FailedError as error:
                    _tell(str(error))
                    failed.add(side)
                    totals.pop(side, None)
                    continue
                timings.peak_bytes = memory.peak_bytes
                totals.setdefault(side, Timings()).add(timings)
        print(report.row(measure.name, clients, totals), flush=True)


def _tell(text: str) -> None:
    print(f"\r\033[K{text}" if sys.stderr.isatty() else text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
