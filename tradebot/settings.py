"""Settings: everything comes from the environment or .env; a wrong value stops the process.

Two modes. **Embedded** (no DATABASE_URL): SQLite, Valkey and generated keys, all in VAR_DIR.
**Production** (DATABASE_URL given): PostgreSQL, and the keys must be given too.
`.env.example` explains every variable.
"""

from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import django_stubs_ext
import environ
from cryptography.fernet import Fernet
from django.core.management.utils import get_random_secret_key
from django.templatetags.static import static

from tradebot import RELEASE
from tradebot import environment as env
from tradebot.embedded import valkey_socket
from trading.engine.guarding import Terms
from trading.engine.timing import Timing
from trading.engine.types import EngineError

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
env.read_env_file(Path(env.text("ENV_FILE", default=str(BASE_DIR / ".env"))))

DATABASE = env.database("DATABASE_URL")
EMBEDDED = not DATABASE
DEBUG = env.flag("DEBUG", default=False)
VAR_DIR = env.directory("TRADEBOT_VAR", default=BASE_DIR / "var")

# --- addresses ---
BACKEND_API_URL = env.url(
    "BACKEND_API_URL", ["http", "https"], default="http://127.0.0.1:8000"
).rstrip("/")
HTTPS = BACKEND_API_URL.startswith("https://")
FRONTEND_WS_URL = env.url(
    "FRONTEND_WS_URL",
    ["ws", "wss"],
    default=f"ws{BACKEND_API_URL.removeprefix('http')}/ws/dashboard/",
)
_backend, _frontend = urlsplit(BACKEND_API_URL), urlsplit(FRONTEND_WS_URL)
_local_hosts = ["127.0.0.1", "localhost", "[::1]"] if EMBEDDED else []
ALLOWED_HOSTS = env.names(
    "ALLOWED_HOSTS",
    default=sorted({_backend.hostname or "", _frontend.hostname or "", *_local_hosts}),
)
ALLOWED_ORIGINS = [
    f"{_backend.scheme}://{_backend.netloc}",
    f"{'https' if _frontend.scheme == 'wss' else 'http'}://{_frontend.netloc}",
]
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS

# --- keys ---
if EMBEDDED:
    SECRET_KEY = env.text("SECRET_KEY") or env.kept(VAR_DIR / "secret_key", get_random_secret_key)
    _field_keys = env.text("FIELD_KEYS") or env.kept(
        VAR_DIR / "field_keys", lambda: Fernet.generate_key().decode()
    )
else:
    SECRET_KEY = env.required("SECRET_KEY", because="DATABASE_URL is given", at_least=50)
    _field_keys = env.required("FIELD_KEYS", because="DATABASE_URL is given")
FIELD_KEYS = env.fernet_keys("FIELD_KEYS", value=_field_keys)

# --- what the first start sets up ---
METAAPI_TOKEN = env.matching(
    "METAAPI_TOKEN", r"[\w.\-]+", expected="a MetaApi token, without blanks", secret=True
)
MT_ACCOUNT_ID = env.matching("MT_ACCOUNT_ID", r"[\w\-]+", expected="a MetaApi account id")
METAAPI_BASE_URL = env.loopback("METAAPI_BASE_URL")
TELEGRAM_BOT_TOKEN = env.matching(
    "TELEGRAM_BOT_TOKEN", r"\d+:[\w\-]{30,}", expected="DIGITS:LETTERS from @BotFather", secret=True
)
TELEGRAM_CHAT_ID = env.matching(
    "TELEGRAM_CHAT_ID", r"-?\d+|@\w{5,}", expected="a number or @channelname"
)
TELEGRAM_API_URL = env.url(
    "TELEGRAM_API_URL", ["http", "https"], default="https://api.telegram.org"
).rstrip("/")
env.together("MT_ACCOUNT_ID", needs="METAAPI_TOKEN")
env.together("TELEGRAM_CHAT_ID", needs="TELEGRAM_BOT_TOKEN")
DEMO = env.flag("DEMO", default=EMBEDDED)

# --- how orders are executed ---
BUILD = env.whole("BUILD", default=RELEASE)
try:
    TIMING = Timing(**env.numbers("EXECUTION_TIMING"))
except (TypeError, EngineError) as e:
    raise env.SettingError(
        "EXECUTION_TIMING",
        expected=f"name=seconds of {', '.join(f.name for f in fields(Timing))}",
        found=str(e),
    ) from None
try:
    GUARD = Terms(**env.numbers("EQUITY_GUARD"))
except (TypeError, EngineError) as e:
    raise env.SettingError(
        "EQUITY_GUARD",
        expected=f"name=number of {', '.join(f.name for f in fields(Terms))}",
        found=str(e),
    ) from None
DISK_RESERVE_MB = env.whole("DISK_RESERVE_MB", default=1024)
REPORTING_CURRENCY = env.matching(
    "REPORTING_CURRENCY", r"[A-Z]{3}", expected="a code such as EUR", default="USD"
)
CRASH_POINTS = env.text("CRASH_POINTS")

INSTALLED_APPS = [
    "daphne",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_q",
    "trading",
    "notifications",
    "tradebot",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "tradebot.urls"
ASGI_APPLICATION = "tradebot.asgi.application"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "dashboard:index"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = "tradebot.formats"
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
            ]
        },
    }
]
_validation = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_validation}.UserAttributeSimilarityValidator"},
    {"NAME": f"{_validation}.MinimumLengthValidator"},
    {"NAME": f"{_validation}.CommonPasswordValidator"},
    {"NAME": f"{_validation}.NumericPasswordValidator"},
]

# --- database ---
if EMBEDDED:
    DATABASES: dict[str, dict[str, Any]] = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": VAR_DIR / "tradebot.sqlite3",
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",  # a writer waits at BEGIN instead of failing later
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            },
        }
    }
else:
    DATABASES = {"default": {**DATABASE, "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}}
    if env.flag("DATABASE_POOL", default=False):
        # Each web request has a thread of its own, so a connection cannot be kept per thread.
        DATABASES["default"]["CONN_MAX_AGE"] = 0
        DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 10}

# --- Redis or Valkey: cache and channel layer ---
REDIS_URL = env.url(
    "REDIS_URL", ["redis", "rediss", "unix"], default=f"unix://{valkey_socket(VAR_DIR)}"
)
EMBEDDED_VALKEY = not env.text("REDIS_URL")
REDIS_PREFIX = env.matching(
    "REDIS_PREFIX", r"[\w\-]+", expected="letters, digits, - and _", default="tradebot"
)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": REDIS_PREFIX,
        "OPTIONS": {"socket_connect_timeout": 0.2, "socket_timeout": 0.5},  # nobody waits for it
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": REDIS_PREFIX},
    }
}

# --- task queue: rows of our own database; a package is a pickle signed with SECRET_KEY ---
Q_CLUSTER: dict[str, Any] = {
    "name": "tradebot",
    "orm": "default",
    "poll": 0.02,
    "workers": 2,
    "queue_limit": 2,
    "bulk": 1,
    "timeout": 120,
    "retry": 900,  # counted from the dequeue, so above timeout * (queue_limit / workers + 2)
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "recycle": 200,
    "guard_cycle": 0.5,
    "save_limit": 1000,
}

# --- static files: from the packages themselves, or collected, hashed and compressed ---
STATIC_URL = "/static/"
STATIC_ROOT = None if EMBEDDED else BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = EMBEDDED
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if EMBEDDED
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- transport security follows the scheme of BACKEND_API_URL ---
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]  # a probe inside the network speaks plain HTTP
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SILENCED_SYSTEM_CHECKS = ["security.W021"]  # the browsers' preload list is the domain owner's call

# --- mail ---
EMAIL_URL = env.url(
    "EMAIL_URL", ["smtp", "smtp+tls", "smtp+ssl", "consolemail"], default="consolemail://console"
)
_mail = environ.Env.email_url_config(EMAIL_URL)
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST = _mail["EMAIL_HOST"]
EMAIL_HOST_USER = _mail["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS = _mail.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _mail.get("EMAIL_USE_SSL", False)
EMAIL_PORT = _mail["EMAIL_PORT"] or (465 if EMAIL_USE_SSL else 587 if EMAIL_USE_TLS else 25)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", default="tradebot@localhost")

# --- logs ---
LOGGING_CONFIG = "tradebot.logging.configure"
LOGGING = {
    "level": env.choice(
        "LOG_LEVEL", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], default="INFO"
    ),
    "format": env.choice(
        "LOG_FORMAT", ["console", "json"], default="console" if EMBEDDED else "json"
    ),
    "secrets": [
        SECRET_KEY,
        *FIELD_KEYS,
        METAAPI_TOKEN,
        TELEGRAM_BOT_TOKEN,
        EMAIL_HOST_PASSWORD,
        str(DATABASE.get("PASSWORD", "")),
        unquote(urlsplit(REDIS_URL).password or ""),
    ],
}

# --- admin theme ---
UNFOLD = {
    "SITE_TITLE": "Tradebot",
    "SITE_HEADER": "Tradebot",
    "SITE_SUBHEADER": "Automated trading",
    "SITE_SYMBOL": "candlestick_chart",
    "SITE_URL": "/dashboard/",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("trading/favicon.svg"),
        }
    ],
    "STYLES": [lambda request: static("trading/admin.css")],
    "SIDEBAR": {"show_search": True, "navigation": "tradebot.navigation.sidebar"},
    "COLORS": {
        "primary": {  # blue: green and red are for profit and loss
            "50": "#eff6ff",
            "100": "#dbeafe",
            "200": "#bfdbfe",
            "300": "#93c5fd",
            "400": "#60a5fa",
            "500": "#3b82f6",
            "600": "#2563eb",
            "700": "#1d4ed8",
            "800": "#1e40af",
            "900": "#1e3a8a",
            "950": "#172554",
        }
    },
}
