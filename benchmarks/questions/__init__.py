"""Questions about this library, each with its command."""
