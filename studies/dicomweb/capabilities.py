"""Retrieve Capabilities Transaction (PS3.18 8.9): what is here to be asked for, as WADL.

Resources and methods come from the addresses themselves; only what a transaction takes and gives is
said here, and a test asks for each of it.
"""

import re
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, get_resolver
from django.utils.cache import patch_vary_headers

from studies.dicom.attributes import ATTRIBUTES, Level
from studies.dicomweb import metadata, rendered, search, views, wado_uri
from studies.dicomweb.delete import delete_instances
from studies.dicomweb.errors import answers_errors
from studies.dicomweb.media_types import (
    DICOM,
    DICOM_JSON,
    DICOM_XML,
    JSON,
    OCTET_STREAM,
    RENDERED_MEDIA_TYPES,
    ZIP,
    accepted,
)
from studies.dicomweb.payload import base_url
from studies.dicomweb.store import store_instances
from studies.errors import NotAvailableError

WADL = "application/vnd.sun.wadl+xml"
_NAMESPACE = "http://wadl.dev.java.net/2009/02"
# Elements that occur once in their parent are objects in JSON, others arrays (PS3.18 G.2).
_UNIQUE = {"application", "resources", "request"}


@dataclass(frozen=True, slots=True)
class Transaction:
    """What a view takes and gives: media types and query parameters."""

    title: str
    produces: tuple[str, ...]
    parameters: tuple[str, ...] = ("accept",)
    consumes: tuple[str, ...] = ()


def _multipart(media_type: str) -> str:
    return f'multipart/related; type="{media_type}"'


def _search(title: str, *levels: Level) -> Transaction:
    keys = (a.keyword_path for a in ATTRIBUTES if a.matches and a.level in levels)
    return Transaction(
        f"{title} (PS3.18 10.6)",
        (DICOM_JSON, _multipart(DICOM_XML)),
        ("accept", "includefield", "limit", "offset", *search.OPTIONS, *keys),
    )


_OF_STUDY = (Level.PATIENT, Level.STUDY)
_OCTETS_IN_PARTS = _multipart(OCTET_STREAM)
_IMAGES_IN_PARTS = tuple(_multipart(media_type) for media_type in RENDERED_MEDIA_TYPES)
_OF_IMAGES = ("accept", "annotation", "quality", "viewport", "window", "iccprofile")
_THUMBNAIL = Transaction(
    "Retrieve Thumbnail (PS3.18 10.4)", RENDERED_MEDIA_TYPES, ("accept", "viewport")
)
_METADATA = Transaction("Retrieve Metadata (PS3.18 10.4)", (DICOM_JSON, _multipart(DICOM_XML)))
TRANSACTIONS = {
    search.search_for_studies: _search("Search for Studies", *_OF_STUDY),
    search.search_for_series: _search("Search for Series", *_OF_STUDY, Level.SERIES),
    search.search_for_instances: _search("Search for Instances", *Level),
    views.retrieve_instances: Transaction(
        "Retrieve Instances (PS3.18 10.4)", (_multipart(DICOM), _OCTETS_IN_PARTS, ZIP)
    ),
    views.retrieve_instance: Transaction(
        "Retrieve Instance (PS3.18 10.4)", (_multipart(DICOM), DICOM, _OCTETS_IN_PARTS, ZIP)
    ),
    store_instances: Transaction(
        "Store Instances (PS3.18 10.5)",
        (DICOM_JSON, DICOM_XML),
        consumes=(*(_multipart(root) for root in (DICOM, DICOM_JSON, DICOM_XML)), DICOM),
    ),
    delete_instances: Transaction("Delete, with a reason in Deletion-Reason", (), ()),
    metadata.retrieve_study_metadata: _METADATA,
    metadata.retrieve_series_metadata: _METADATA,
    metadata.retrieve_instance_metadata: _METADATA,
    views.retrieve_frames: Transaction(
        "Retrieve Frames (PS3.18 10.4)", (_OCTETS_IN_PARTS, OCTET_STREAM)
    ),
    views.retrieve_bulk_data: Transaction("Retrieve Bulk Data (PS3.18 10.4)", (_OCTETS_IN_PARTS,)),
    views.retrieve_pixel_data: Transaction(
        "Retrieve Pixel Data (PS3.18 10.4)", (_OCTETS_IN_PARTS,)
    ),
    views.retrieve_bulk_value: Transaction(
        "Retrieve Bulk Data (PS3.18 10.4)", (_OCTETS_IN_PARTS, OCTET_STREAM)
    ),
    rendered.retrieve_rendered_instances: Transaction(
        "Retrieve Rendered (PS3.18 10.4)", _IMAGES_IN_PARTS, _OF_IMAGES
    ),
    rendered.retrieve_rendered_instance: Transaction(
        "Retrieve Rendered Instance (PS3.18 10.4)",
        (*RENDERED_MEDIA_TYPES, *_IMAGES_IN_PARTS),
        _OF_IMAGES,
    ),
    rendered.retrieve_rendered_frames: Transaction(
        "Retrieve Rendered Frames (PS3.18 10.4)",
        (*RENDERED_MEDIA_TYPES, *_IMAGES_IN_PARTS),
        _OF_IMAGES,
    ),
    rendered.retrieve_thumbnail: _THUMBNAIL,
    rendered.retrieve_frame_thumbnail: _THUMBNAIL,
    wado_uri.retrieve_by_uri: Transaction(
        "Retrieve by URI (PS3.18 9)", (*RENDERED_MEDIA_TYPES, DICOM), wado_uri.PARAMETERS
    ),
}


@answers_errors
def retrieve_capabilities(request: HttpRequest) -> HttpResponse:
    """The resource that is asked and all below it (PS3.18 H), as XML or JSON."""
    route = request.resolver_match.route if request.resolver_match else ""
    base = base_url(request)
    description = describe(route.removeprefix("dicom-web/"), base_url=base)
    for wish in accepted(request):
        if wish.accepts(WADL):
            response = HttpResponse(ET.tostring(description, "utf-8", xml_declaration=True))
            response.headers["Content-Type"] = WADL
            break
        if wish.accepts(JSON):
            response = JsonResponse({"application": _to_json(description)})
            break
    else:
        raise NotAvailableError(f"Capabilities are described in {WADL} or {JSON}.")
    patch_vary_headers(response, ["Accept"])
    return response


def describe(route: str, *, base_url: str) -> ET.Element:
    """The WADL document.

    Args:
        route: Of the resource as in `urls`, such as `studies/<uid:study>`; empty for all.
        base_url: Of the service, without a slash at its end.
    """
    application = ET.Element("application", xmlns=_NAMESPACE)
    resources = ET.SubElement(application, "resources", base=base_url)
    target = _template(route)
    for pattern in patterns():
        path = template(pattern)
        if not target or f"{path}/".startswith(f"{target}/"):
            resource = resources
            for name in filter(None, (target, *path.removeprefix(target).split("/"))):
                resource = _below(resource, name)
            for method, transaction in transactions(pattern).items():
                resource.append(_method(method, transaction))
    return application


def patterns() -> list[URLPattern]:
    """The addresses of the service, but not the one that describes them."""
    found = get_resolver("studies.dicomweb.urls").url_patterns
    return [p for p in found if isinstance(p, URLPattern) and str(p.pattern)]


def transactions(pattern: URLPattern) -> dict[str, Transaction]:
    """What each method does at an address."""
    answering: Any = pattern.callback
    return {method: TRANSACTIONS[view] for method, view in answering.views.items()}


def template(pattern: URLPattern) -> str:
    """Its address as a URI template, such as `studies/{study}` (PS3.18 10.1)."""
    return _template(str(pattern.pattern))


def _template(route: str) -> str:
    return re.sub(r"<\w+:(\w+)>", r"{\1}", route)


def _below(parent: ET.Element, name: str) -> ET.Element:
    """The resource of this name, which may be there already for what lies below it."""
    for resource in parent.iterfind("resource"):
        if resource.get("path") == name:
            return resource
    resource = ET.SubElement(parent, "resource", path=name)
    for parameter in re.findall(r"{(\w+)}", name):
        ET.SubElement(resource, "param", name=parameter, style="template")
    return resource


def _method(name: str, transaction: Transaction) -> ET.Element:
    method = ET.Element("method", name=name)
    ET.SubElement(method, "doc", title=transaction.title)
    request = ET.SubElement(method, "request")
    for parameter in transaction.parameters:
        ET.SubElement(request, "param", name=parameter, style="query")
    for media_type in transaction.consumes:
        ET.SubElement(request, "representation", mediaType=media_type)
    response = ET.SubElement(method, "response", status="200")
    for media_type in transaction.produces:
        ET.SubElement(response, "representation", mediaType=media_type)
    return method


def _to_json(element: ET.Element) -> dict[str, Any]:
    """The JSON representation of WADL (PS3.18 G)."""
    result: dict[str, Any] = {f"@{name}": value for name, value in element.attrib.items()}
    for child in element:
        if child.tag in _UNIQUE:
            result[child.tag] = _to_json(child)
        else:
            result.setdefault(child.tag, []).append(_to_json(child))
    return result
