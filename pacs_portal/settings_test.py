"""Settings of the test suite: the real ones, told where to keep their data."""

import os
from pathlib import Path

os.environ["PACS_DEMONSTRATION"] = "true"
os.environ.setdefault("PACS_VAR_DIR", str(Path(__file__).resolve().parent.parent / "var" / "test"))

from pacs_portal.settings import *

# A fixture gives each test a directory of its own; this is for processes that tests start.
OBJECT_STORE_URL = f"file://{PACS_VAR_DIR}/objects"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MIDDLEWARE = [m for m in MIDDLEWARE if "whitenoise" not in m]
STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
LOGGING = LOGGING | {"root": {"handlers": [], "level": "WARNING"}}
# Counted by the tests of limits alone: each would else add a query to all that count theirs.
PACS_RATE_LIMITS = PACS_RATE_LIMITS | dict.fromkeys(["api", "page", "dicomweb", "upload"], (0, 60))
PACS_REDIS_URL = ""
