"""The bell of the page header."""

from django import template
from django.template.context import RequestContext

from studies.reports.notifications import unread_count

# More than two digits tell nobody anything.
_LIMIT = 100

register = template.Library()


@register.simple_tag(takes_context=True)
def unread_notifications(context: RequestContext) -> str:
    """How many this person has not read, empty for none."""
    number = unread_count(context["user"], limit=_LIMIT)
    return f"{_LIMIT - 1}+" if number == _LIMIT else str(number or "")
