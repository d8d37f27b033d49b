"""The ways of making the same calls."""
