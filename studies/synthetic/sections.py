"""All sectional series: computed tomography, magnetic resonance, positron emission."""

from studies.synthetic import ct, mr, pt

SERIES = (*ct.SERIES, *mr.SERIES, *pt.SERIES)
