"""Starts servers and contenders, round after round, and checks their work."""
