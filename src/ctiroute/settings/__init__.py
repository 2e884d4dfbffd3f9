"""The service's own configuration. Knows ctiroute.yml and CTIROUTE_* variables; builds nothing."""

from ctiroute.settings.load import environment_names, load_settings
from ctiroute.settings.model import AsteriskSettings, FastAgiSettings, Settings, WebSettings

__all__ = ["AsteriskSettings", "FastAgiSettings", "Settings", "WebSettings", "environment_names", "load_settings"]
