"""How fast the client is, beside plain loops: ``python -m benchmarks``."""
