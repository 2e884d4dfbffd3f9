"""The service's own configuration."""
