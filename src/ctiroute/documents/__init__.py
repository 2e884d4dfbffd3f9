"""YAML 1.2 core text -> a tree that knows where everything stands. Pure."""
