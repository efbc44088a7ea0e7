"""Key images as a Key Object Selection (PS3.3 A.35.4, PS3.16 TID 2010), and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studies.dicom import content_items as content
from studies.dicom.content_items import Code
from studies.dicom.documents import Document, Reference, document_dataset, template, to_part10
from studies.dicom.json_values import Header

KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
_OF_INTEREST = Code("113000", "DCM", "Of Interest")
_DESCRIPTION = Code("113012", "DCM", "Key Object Description")


@dataclass(frozen=True, slots=True)
class KeyImage:
    """An image that was chosen; `frame` is None where all of its frames were."""

    sop_instance_uid: str
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class KeyObjects:
    title: str
    note: str
    images: list[KeyImage]


def write_key_objects(
    document: Document, note: str, images: Sequence[KeyImage], references: Mapping[str, Reference]
) -> bytes:
    """A Part 10 file.

    Documents that it takes the place of are named as in a report, which the module of key objects
    does not foresee: a Standard Extended SOP Class (PS3.2 7.3).

    Args:
        document: Whose it is, and of which study.
        note: What the author said of them all; may be empty.
        images: At least one.
        references: The same images by SOP Instance UID.
    """
    described = [content.text(content.CONTAINS, _DESCRIPTION, note)] if note else []
    chosen = [
        content.image(
            content.CONTAINS,
            references[image.sop_instance_uid].sop_class_uid,
            image.sop_instance_uid,
            [image.frame] if image.frame else (),
        )
        for image in images
    ]
    observer = content.observer(document.author, document.login)
    root = content.container("", _OF_INTEREST, [*observer, *described, *chosen])
    root.ContentTemplateSequence = [template("2010")]
    used = {image.sop_instance_uid for image in images}
    dataset = document_dataset(document, (references[uid] for uid in used), root)
    dataset.SOPClassUID = KEY_OBJECT_SELECTION
    dataset.Modality = "KO"
    dataset.SeriesDescription = "Key images"
    return to_part10(dataset)


def read_key_objects(header: Header) -> KeyObjects:
    """Of a document in the DICOM JSON model, of whichever vendor; images only."""
    images = []
    for item in content.children(header, "IMAGE"):
        uid, frames = content.image_of(item)
        images += [KeyImage(uid, frame) for frame in frames] or [KeyImage(uid)]
    title, note = content.concept_of(header).meaning, content.first_text(header, _DESCRIPTION)
    return KeyObjects(title, note, images)
