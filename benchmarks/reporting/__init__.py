"""Figures to tables, pictures and files."""
