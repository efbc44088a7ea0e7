"""What the elements of a header are called (PS3.6), for people who read one."""

from pydicom.datadict import DicomDictionary, RepeatersDictionary


def element_names() -> dict[str, list[str]]:
    """Tag → name and keyword; a tag that repeats has `x` for any hex digit, as in 60xx3000."""
    entries = {f"{tag:08X}": entry for tag, entry in DicomDictionary.items()} | RepeatersDictionary
    return {tag: [name, keyword] for tag, (_, _, name, _, keyword) in entries.items() if name}
