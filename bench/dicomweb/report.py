"""The table of `docs/performance.md`."""

from bench.dicomweb.measure import MIB, Timings

_HEADER = (
    "| | clients | portal /s | p50 / p95 ms | MiB | Orthanc /s | p50 / p95 ms | MiB | limit /s"
    " | p50 / p95 ms | portal : Orthanc | limit : portal |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def header() -> str:
    return _HEADER


def row(name: str, clients: int, sides: dict[str, Timings]) -> str:
    portal, orthanc, limit = (sides.get(side) for side in ("portal", "orthanc", "limit"))
    cells = [
        name, str(clients),
        _rate(portal), _times(portal), _memory(portal),
        _rate(orthanc), _times(orthanc), _memory(orthanc),
        _rate(limit), _times(limit),
        _ratio(portal, orthanc), _ratio(limit, portal),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _rate(timings: Timings | None) -> str:
    return _digits(timings.rate) if timings else "–"


def _times(timings: Timings | None) -> str:
    if not timings:
        return "–"
    count = f" (n={len(timings.latencies)})" if len(timings.latencies) < 20 else ""
    middle, slow = (_digits(timings.percentile(percent) * 1000) for percent in (50, 95))
    return f"{middle} / {slow}{count}"


def _memory(timings: Timings | None) -> str:
    return f"{timings.peak_bytes / MIB:,.0f}" if timings else "–"


def _ratio(one: Timings | None, other: Timings | None) -> str:
    return _digits(one.rate / other.rate) if one and other else "–"


def _digits(value: float) -> str:
    """Three significant digits are more than the measurement bears."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
