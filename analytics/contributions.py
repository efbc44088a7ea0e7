"""What a study contributes to which count, as SQL: the only place that says so.

A study counts once under any modality and once under each of its own; a series under its own. A
study or series without instances counts for nothing. A date that no image can be of is none.
"""

# Minutes from acquisition to signature at which a bucket begins; before the first is a report
# signed before the images, by their clock, were taken.
TURNAROUND_MINUTES = (
    0, 15, 30, 60, 120, 240, 480, 720, 1440, 2880, 4320, 7200, 14400, 43200,
)  # fmt: skip
UNKNOWN = "unknown"  # of a turnaround: the acquisition is undated
# X-rays were first seen in 1895.
FIRST_YEAR, LAST_YEAR = 1895, 2199


def _label(expression: str) -> str:
    """Text of strangers as one short line that cannot be mistaken for ANY."""
    line = rf"btrim(left(regexp_replace({expression}, '[\s*]+', ' ', 'g'), 128))"
    return f"COALESCE({line}, '')"


def _code(expression: str) -> str:
    """A Modality (0008,0060), or nothing if it is no code string (PS3.5 6.2)."""
    return f"CASE WHEN {expression} ~ '^[A-Z0-9_ ]{{1,16}}$' THEN btrim({expression}) ELSE '' END"


_PHYSICIAN = _label(
    "COALESCE(NULLIF(s.referring_physician_name, ''),"
    " NULLIF(s.referring_physician_name_ideographic, ''), s.referring_physician_name_phonetic)"
)
# The modality's clock is read as UTC unless it says its offset.
_ACQUIRED = r"""s.study_moment - CASE
    WHEN s.timezone_offset_from_utc ~ '^[+-](0\d|1[0-4])[0-5]\d$'
    THEN (left(s.timezone_offset_from_utc, 3) || ':'
        || right(s.timezone_offset_from_utc, 2))::interval
    ELSE '0'::interval END"""
_DAY = (
    f"CASE WHEN s.study_date BETWEEN '{FIRST_YEAR}-01-01' AND '{LAST_YEAR}-12-31'"
    " THEN s.study_date END"
)
_IS_DATED = f"({_DAY}) IS NOT NULL AND s.study_time IS NOT NULL"

# Of the studies whose keys are the parameter `studies`; bounds of buckets are `bounds`.
CONTRIBUTIONS = f"""
    WITH study AS (
        SELECT s.id, {_DAY} AS day, {_label("s.institution_name")} AS site,
            COALESCE(
                (SELECT array_agg(DISTINCT {_code("m")}) FROM unnest(s.modalities_in_study) m),
                ARRAY['']
            ) AS modalities,
            CASE WHEN {_IS_DATED}
                THEN extract(isodow FROM s.study_date) || '-' || to_char(s.study_time, 'HH24')
                ELSE '' END AS hour,
            {_PHYSICIAN} AS physician,
            CASE WHEN r.signed_at IS NULL THEN NULL WHEN {_IS_DATED}
                THEN width_bucket(
                    extract(epoch FROM r.signed_at - ({_ACQUIRED})) / 60, %(bounds)s::numeric[]
                )::text
                ELSE '{UNKNOWN}' END AS turnaround
        FROM studies_study s LEFT JOIN studies_report r ON r.study_id = s.id
        WHERE s.id = ANY(%(studies)s) AND s.number_of_study_related_instances > 0
    ), series AS (
        SELECT s.id AS study, s.day, s.site, {_code("e.modality")} AS modality,
            {_label("upper(e.body_part_examined)")} AS body_part, COALESCE(d.name, '') AS device,
            (e.received_at AT TIME ZONE 'UTC')::date AS received,
            e.number_of_series_related_instances AS instances, e.size_bytes
        FROM study s JOIN studies_series e ON e.study_id = s.id
        LEFT JOIN analytics_seriesdevice d ON d.series_id = e.id
        WHERE e.number_of_series_related_instances > 0
    ), contribution AS (
        SELECT s.id AS study, c.dimension, s.day, m.modality, s.site, c.key,
            1 AS studies, 0 AS series, 0 AS instances, 0::bigint AS size_bytes
        FROM study s CROSS JOIN LATERAL unnest(ARRAY['*'] || s.modalities) m(modality)
        CROSS JOIN LATERAL (VALUES
            ('volume', ''), ('hour', s.hour), ('physician', s.physician),
            ('turnaround', s.turnaround)
        ) c(dimension, key)
        WHERE c.key IS NOT NULL
        UNION ALL
        SELECT e.study, c.dimension, c.day, m.modality, e.site, c.key,
            0, 1, e.instances, e.size_bytes
        FROM series e CROSS JOIN LATERAL (VALUES ('*'), (e.modality)) m(modality)
        CROSS JOIN LATERAL (VALUES
            ('volume', e.day, ''), ('body-part', e.day, e.body_part),
            ('device', e.day, e.device), ('received', e.received, '')
        ) c(dimension, day, key)
    )
"""  # noqa: S608 - of this module's own constants
