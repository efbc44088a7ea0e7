"""Settings, all read from the environment; `.env.example` describes every variable.

Without any variable this is a production configuration that refuses to start until it is told its
secret key and host names. `PACS_DEMONSTRATION=true` (what `make run` writes into `.env`) makes a
local demonstration of it: a secret key of its own under `var/`, the embedded database and
demonstration users.
"""

import re
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


def _jwt_private_key() -> str:
    """The configured one; a demonstration makes one and keeps it; else there is none."""
    key = str(env.str("PACS_JWT_PRIVATE_KEY", default="", multiline=True))
    if key or not PACS_DEMONSTRATION:
        return key
    path = PACS_VAR_DIR / "jwt_key.pem"
    if not path.exists():
        from accounts.keys import new_private_key  # noqa: PLC0415 - seldom needed, and large

        _keep(path, new_private_key())
    return path.read_text()


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
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
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
    # Before sign-in is demanded, which whoever has come by a link has no account for.
    "studies.portal.visitors.SharedVisitorMiddleware",
    # Before the CSRF check, so that a stranger's POST is told to sign in.
    "accounts.middleware.SignInRequiredMiddleware",
    "accounts.middleware.ScopeMiddleware",
    "accounts.middleware.RateLimitMiddleware",
    "accounts.middleware.SessionActivityMiddleware",
    "accounts.middleware.SecondFactorMiddleware",
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
PASSWORD_RESET_TIMEOUT = 60 * 60
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "studies:list"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[PACS Portal] "
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = False
# accounts.limits counts instead: in one statement, and also while Redis is away.
ACCOUNT_RATE_LIMITS = False

# One state for all replicas: sessions are rows, with the limits that accounts.sessions sets.
SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_AGE = env.int("PACS_SESSION_IDLE_MINUTES", default=15) * 60
PACS_SESSION_ABSOLUTE_SECONDS = env.int("PACS_SESSION_HOURS", default=12) * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True

MFA_ADAPTER = "accounts.second_factor.Adapter"
MFA_FORMS = {
    "authenticate": "accounts.forms.CodeForm",
    "reauthenticate": "accounts.forms.ReauthenticateForm",
}
MFA_TOTP_ISSUER = "PACS Portal"
MFA_TOTP_TOLERANCE = 1  # a phone's clock may be half a minute off
MFA_RECOVERY_CODES_SHOW_ONCE = True
# Who does nothing before a second factor is set up; superusers wherever administrators are named.
PACS_MFA_REQUIRED_ROLES = env.list(
    "PACS_MFA_REQUIRED_ROLES",
    default=[] if PACS_DEMONSTRATION else ["administrator", "data steward"],
)


def _rate_limits() -> dict[str, tuple[int, int]]:
    """Name → uses and seconds; the environment changes single ones, as in `login=10/60`."""
    limits = {
        "login": (5, 60),  # wrong passwords and codes for one account
        "login_address": (5, 60),  # and from one address
        "password_reset": (5, 300),
        "token": (20, 60),
        "upload": (20, 60),
        "break_glass": (5, 3600),
        "share": (30, 3600),
        "api": (100, 60),  # requests of one program
        # The portal's own pages: a viewer that opens a study asks a dozen questions.
        "page": (1000, 60),
        # A viewer fetches frames by the thousand, as fast as it can show them.
        "dicomweb": (30_000, 60),
    }
    for text in env.list("PACS_RATE_LIMITS", default=[]):
        said = re.fullmatch(r"\s*(\w+)=(\d+)/(\d+)\s*", text)
        if not said or said[1] not in limits or not int(said[3]):
            raise ImproperlyConfigured(
                f"PACS_RATE_LIMITS: {text} is not NAME=USES/SECONDS with a name of: "
                f"{', '.join(limits)}. Zero uses mean no limit."
            )
        limits[said[1]] = (int(said[2]), int(said[3]))
    return limits


PACS_RATE_LIMITS = _rate_limits()
PACS_REDIS_URL = redis_url

# --- Mail: without a server nobody can have a password reset by it -----------------------------
_email_url = env.str("EMAIL_URL", default="") or ("consolemail://" if PACS_DEMONSTRATION else "")
PACS_SENDS_MAIL = bool(_email_url)
if PACS_SENDS_MAIL:
    vars().update(env.email_url_config(_email_url))
DEFAULT_FROM_EMAIL = env.str("PACS_MAIL_FROM", default="") or "pacs-portal@localhost"

# --- Sign-in by an OpenID Connect provider -------------------------------------------------------
PACS_OIDC_ISSUER = env.str("PACS_OIDC_ISSUER", default="").rstrip("/")
PACS_OIDC_NAME = env.str("PACS_OIDC_NAME", default="") or "single sign-on"
PACS_OIDC_ROLES_CLAIM = env.str("PACS_OIDC_ROLES_CLAIM", default="groups")
# Value of the claim → role.
PACS_OIDC_ROLES = env.dict("PACS_OIDC_ROLES", default={})
SOCIALACCOUNT_ADAPTER = "accounts.oidc.Adapter"
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
# By a link: our policy lets no form lead to another site.
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_OPENID_CONNECT_URL_PREFIX = ""
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "sso",
                "name": PACS_OIDC_NAME,
                "client_id": env.str("PACS_OIDC_CLIENT_ID", default=""),
                "secret": env.str("PACS_OIDC_CLIENT_SECRET", default=""),
                "settings": {"server_url": PACS_OIDC_ISSUER},
            }
        ]
        if PACS_OIDC_ISSUER
        else [],
    }
}

# --- Signed tokens for programs ------------------------------------------------------------------
# PEM. The first signs; the others are former or coming ones, whose signatures hold as well.
PACS_JWT_PRIVATE_KEY = _jwt_private_key()
PACS_JWT_OTHER_KEYS = env.str("PACS_JWT_OTHER_KEYS", default="", multiline=True)

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
PACS_BEHIND_PROXY = env.bool("PACS_BEHIND_PROXY", default=False)
PACS_PROXY_ADDRESSES = env.int("PACS_PROXY_ADDRESSES", default=1)
if PACS_BEHIND_PROXY:
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

# --- Access past one's sites -----------------------------------------------------------------
PACS_BREAK_GLASS_MINUTES = env.int("PACS_BREAK_GLASS_MINUTES", default=60)
PACS_ALERT_EMAILS = env.list("PACS_ALERT_EMAILS", default=[])
PACS_SHARE_MAX_DAYS = env.int("PACS_SHARE_MAX_DAYS", default=30)

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

# --- Logs and error reports: one line per event, no patient data -------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "pacs_portal.logs.LineFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    # Django's own handlers, which the line of each event would otherwise come from a second time.
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "level": "INFO", "propagate": True},
    },
}
if sentry_dsn := env.str("SENTRY_DSN", default=""):
    from pacs_portal.error_reports import start_reporting

    start_reporting(sentry_dsn)
