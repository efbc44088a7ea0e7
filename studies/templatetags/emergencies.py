"""The strip above every page while somebody sees a patient in an emergency."""

from django import template
from django.template.context import RequestContext

from studies.emergency import active_emergencies
from studies.models import EmergencyAccess

register = template.Library()


@register.simple_tag(takes_context=True)
def emergencies(context: RequestContext) -> list[EmergencyAccess]:
    """Those that hold of the person who asks; a page of an error may have nobody."""
    user = context.get("user")
    return active_emergencies(user) if user and user.pk else []
