"""Names of people who do not exist, in many languages; Faker fills pools, not rows."""

import random
from dataclasses import dataclass
from functools import lru_cache

from faker import Faker
from faker.providers.person.ja_JP import Provider as Japanese

from studies.dicom.names import PersonName

# Locale → share of the patients. Accents, and scripts that a search has to fold or keep.
LOCALES = {
    "en_GB": 34, "en_US": 14, "de_DE": 8, "fr_FR": 7, "es_ES": 6, "it_IT": 4, "pl_PL": 5,
    "tr_TR": 4, "sv_SE": 3, "cs_CZ": 2, "pt_BR": 2, "nl_NL": 2, "hu_HU": 1, "ru_RU": 2,
    "el_GR": 1, "ar_AA": 1, "he_IL": 1, "ja_JP": 2, "ko_KR": 1,
}  # fmt: skip

# Family and given names of Korea with their three component groups (PS3.5 I.2); Faker has no pairs.
_KOREAN_FAMILY = [
    ("Kim", "金", "김"),
    ("Lee", "李", "이"),
    ("Park", "朴", "박"),
    ("Choi", "崔", "최"),
    ("Jung", "鄭", "정"),
]
_KOREAN_GIVEN = {
    "F": [("Jiyoung", "智英", "지영"), ("Sumin", "秀珉", "수민"), ("Eunji", "恩智", "은지")],
    "M": [("Minjun", "民俊", "민준"), ("Junho", "俊鎬", "준호"), ("Sangwoo", "相宇", "상우")],
}


@dataclass(frozen=True, slots=True)
class _Pool:
    given: dict[str, list[str]]
    family: dict[str, list[str]]


@lru_cache
def _pool(locale: str) -> _Pool:
    # Weighted choice costs Faker thirty times as much as the plain one.
    faker = Faker(locale, use_weighting=False)
    faker.seed_instance(1)
    draw = {
        "M": (faker.first_name_male, faker.last_name_male),
        "F": (faker.first_name_female, faker.last_name_female),
    }
    return _Pool(
        given={sex: sorted({given() for _ in range(200)}) for sex, (given, _) in draw.items()},
        family={sex: sorted({last() for _ in range(400)}) for sex, (_, last) in draw.items()},
    )


def patient_name(rng: random.Random, sex: str) -> PersonName:
    """A name for a patient of sex M or F."""
    locale = rng.choices(list(LOCALES), weights=list(LOCALES.values()))[0]
    if locale == "ja_JP":
        return _japanese(rng, sex)
    if locale == "ko_KR":
        return _in_three_groups(rng.choice(_KOREAN_FAMILY), rng.choice(_KOREAN_GIVEN[sex]))
    pool = _pool(locale)
    middle = f"^{rng.choice(pool.given[sex])}" if rng.random() < 0.12 else ""
    return PersonName(f"{rng.choice(pool.family[sex])}^{rng.choice(pool.given[sex])}{middle}")


def _japanese(rng: random.Random, sex: str) -> PersonName:
    pairs = Japanese.first_name_female_pairs if sex == "F" else Japanese.first_name_male_pairs
    kanji, kana, roman = rng.choice(list(Japanese.last_name_pairs))
    given_kanji, given_kana, given_roman = rng.choice(list(pairs))
    return _in_three_groups((roman, kanji, kana), (given_roman, given_kanji, given_kana))


def _in_three_groups(family: tuple[str, str, str], given: tuple[str, str, str]) -> PersonName:
    return PersonName(*(f"{f}^{g}" for f, g in zip(family, given, strict=True)))


@lru_cache
def physicians(count: int = 60) -> tuple[PersonName, ...]:
    """Referring physicians, the same ones always: a few send much, most send little."""
    rng = random.Random(7)
    pool = _pool("en_GB")
    return tuple(
        PersonName(f"{rng.choice(pool.family[sex])}^{rng.choice(pool.given[sex])}^^Dr")
        for sex in rng.choices("MF", k=count)
    )
