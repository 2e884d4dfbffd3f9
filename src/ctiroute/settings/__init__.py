"""The service's own configuration. Knows ctiroute.yml and CTIROUTE_* variables; builds nothing."""

from ctiroute.settings.load import LANGUAGES, environment_names, load_settings
from ctiroute.settings.model import (
    AsteriskSettings,
    CallbackSettings,
    ClosedLoopSettings,
    ConnectorsSettings,
    ContinueSettings,
    FastAgiSettings,
    HookSettings,
    MailboxSettings,
    RetentionSettings,
    Settings,
    TelegramSettings,
    WebhookSettings,
    WebSettings,
    WrapUpCode,
)

__all__ = [
    "LANGUAGES",
    "AsteriskSettings",
    "CallbackSettings",
    "ClosedLoopSettings",
    "ConnectorsSettings",
    "ContinueSettings",
    "FastAgiSettings",
    "HookSettings",
    "MailboxSettings",
    "RetentionSettings",
    "Settings",
    "TelegramSettings",
    "WebSettings",
    "WebhookSettings",
    "WrapUpCode",
    "environment_names",
    "load_settings",
]
