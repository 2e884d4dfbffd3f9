"""The service's own configuration. Knows ctiroute.yml and CTIROUTE_* variables; builds nothing."""

from ctiroute.settings.load import LANGUAGES, environment_names, load_settings
from ctiroute.settings.model import AsteriskSettings, FastAgiSettings, RetentionSettings, Settings, WebSettings

__all__ = [
    "LANGUAGES",
    "AsteriskSettings",
    "FastAgiSettings",
    "RetentionSettings",
    "Settings",
    "WebSettings",
    "environment_names",
    "load_settings",
]
