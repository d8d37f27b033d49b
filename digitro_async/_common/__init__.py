"""Small tools for every layer: validators, base URLs, texts, private files."""
