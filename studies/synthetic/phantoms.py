"""The catalogue of synthetic image series that demonstration studies share."""

from studies.synthetic import projections, sections
from studies.synthetic.part10 import PhantomSeries

CATALOGUE: tuple[PhantomSeries, ...] = (*sections.SERIES, *projections.SERIES)

__all__ = ["CATALOGUE", "PhantomSeries"]
