"""Questions about this library, each with a command of its own."""
