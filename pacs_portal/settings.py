"""Settings, all read from the environment; `.env.example` describes every variable.

Without any variable this is a production configuration that refuses to start until it is told its
secret key and host names. `PACS_DEMONSTRATION=true` (what `make run` writes into `.env`) makes a
local demonstration of it: a secret key of its own under `var/`, the embedded database and
demonstration users.
"""

from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import environ
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.FileAwareEnv()
env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=False)
PACS_DEMONSTRATION = env.bool("PACS_DEMONSTRATION", default=False)
PACS_VAR_DIR = Path(env.str("PACS_VAR_DIR", default="") or BASE_DIR / "var").resolve()


def _secret_key() -> str:
    """The configured key; a demonstration makes one and keeps it, so that sessions survive."""
    if key := env.str("SECRET_KEY", default=""):
        return str(key)
    if not PACS_DEMONSTRATION:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Set it to a long random text, the same for every replica "
            "(or SECRET_KEY_FILE to a file that holds it); for a local demonstration set "
            "PACS_DEMONSTRATION=true instead, as `make run` does."
        )
    path = PACS_VAR_DIR / "secret_key"
    if not path.exists():
        _keep(path, get_random_secret_key())
    return path.read_text()


def _keep(path: Path, text: str) -> None:
    """Write a private file whole or not at all; what another process wrote first stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=path.parent) as file:  # only its owner may read it
        file.write(text)
        file.flush()
        with suppress(FileExistsError):
            path.hardlink_to(file.name)


SECRET_KEY = _secret_key()
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])

ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if PACS_DEMONSTRATION else []
)
if not ALLOWED_HOSTS and not DEBUG:
    raise ImproperlyConfigured(
        "ALLOWED_HOSTS is not set. Set it to the host names that people type, separated by commas."
    )
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "pacs_portal",
    "accounts",
    "studies",
    "analytics",
    "monitoring",
    "allauth",
    "allauth.account",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "django_prometheus",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    # Probes come by IP address and plain HTTP: answered before anything can refuse them.
    "monitoring.middleware.ProbeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "pacs_portal.csp.ContentSecurityPolicyMiddleware",
    "monitoring.middleware.HealthMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "monitoring.middleware.AuditMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.ApiTokenMiddleware",
    # Before the CSRF check, so that a stranger's POST is told to sign in.
    "accounts.middleware.SignInRequiredMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "pacs_portal.urls"
WSGI_APPLICATION = "pacs_portal.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "pacs_portal.context.installation",
            ],
        },
    },
]

# --- Database -------------------------------------------------------------------------------
# Safe behind a pooler in transaction mode: no server-side cursors, no session state; role
# settings (time zone, timeouts) belong to the database role, not to the connection.
if database_url := env.str("DATABASE_URL", default=""):
    DATABASES = {"default": env.db_url_config(database_url)}
    DATABASES["default"]["ENGINE"] = "django_prometheus.db.backends.postgresql"
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 3,
        "application_name": "pacs-web",
        # Poolers close the connection of a client that speaks a newer protocol.
        "max_protocol_version": "3.0",
        "gssencmode": "disable",
        "keepalives_idle": 5,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        **DATABASES["default"].get("OPTIONS", {}),
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "pacs_portal.db.embedded",
            "NAME": "postgres",
            "USER": "postgres",
            "OPTIONS": {"pgdata": str(PACS_VAR_DIR / "postgresql" / "data")},
        }
    }
DATABASES["default"] |= {
    "CONN_MAX_AGE": 60,
    "CONN_HEALTH_CHECKS": True,
    "DISABLE_SERVER_SIDE_CURSORS": True,
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Cache: shared by all processes, or limits would count per process ------------------------
if redis_url := env.str("REDIS_URL", default=""):
    CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": redis_url}
    }
else:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "django_cache",
        }
    }

# --- People ----------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.PermissionsInOneQuery"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "studies:list"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = False

SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True

# --- Web security ----------------------------------------------------------------------------
_https = (
    env.bool("PACS_HTTPS")
    if env.str("PACS_HTTPS", default="")
    else not (DEBUG or PACS_DEMONSTRATION)
)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_SSL_REDIRECT = _https
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
SECURE_REFERRER_POLICY = "same-origin"
if env.bool("PACS_BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
DATA_UPLOAD_MAX_NUMBER_FILES = 10

# --- Static files ----------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("PACS_STATIC_ROOT", default="") or PACS_VAR_DIR / "static")
STORAGES = {"staticfiles": {"BACKEND": "pacs_portal.static_storage.PortalStaticFilesStorage"}}
WHITENOISE_IMMUTABLE_FILE_TEST = (
    r"^/static/(viewer/assets/.+-[\w-]{8}\.[a-z0-9]+|.+\.[0-9a-f]{12}\.[a-z0-9]+)$"
)

# --- Archive ---------------------------------------------------------------------------------
OBJECT_STORE_URL = env.str("OBJECT_STORE_URL", default="") or f"file://{PACS_VAR_DIR}/objects"
PACS_MAX_INSTANCE_BYTES = env.int("PACS_MAX_INSTANCE_BYTES", default=8 * 1024**3)
PACS_DRAIN_FILE = Path(env.str("PACS_DRAIN_FILE", default="") or PACS_VAR_DIR / "drain")

# --- API -------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["studies.api.parsing.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "studies.api.errors.answer_error",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "PACS Portal API",
    "DESCRIPTION": "Studies, series and health of the portal, as its own pages use them.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
}

# --- Language and time -----------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

# --- Logs: one line per event, no patient data -----------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
}
