"""Measures the speed of this client beside others: ``python -m benchmarks``."""
