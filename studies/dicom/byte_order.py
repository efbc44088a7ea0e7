"""Big endian to little endian, in which all pixels and binary values leave (PS3.18 8.7.3)."""

from array import array

# Bytes of a word of each VR whose values the library leaves as they are (PS3.5 7.3).
WORD_BYTES = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}
_TYPES = {2: "H", 4: "I", 8: "Q"}


def swap_words(value: bytes, width: int) -> bytes:
    """Words of `width` bytes (1, 2, 4 or 8) in the other byte order; an odd rest as it is."""
    if width == 1:
        return value
    whole = len(value) - len(value) % width
    words = array(_TYPES[width], value[:whole])
    words.byteswap()
    return words.tobytes() + value[whole:]
