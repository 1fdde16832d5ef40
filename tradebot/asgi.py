"""What the web process serves: the Django views, and WebSockets for pages of our own origin."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradebot.settings")
django_application = get_asgi_application()  # loads the apps, which the imports below need

from django.conf import settings  # noqa: E402

from trading.dashboard.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": OriginValidator(
            AuthMiddlewareStack(URLRouter(websocket_urlpatterns)),  # type: ignore[arg-type]
            [*settings.ALLOWED_HOSTS, *settings.ALLOWED_ORIGINS],
        ),
    }
)
