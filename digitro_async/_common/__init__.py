"""Small tools of every layer: validators, base URLs, texts, private files."""
