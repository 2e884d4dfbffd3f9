"""A seeded company and a lab around the real service."""
