"""The servers that contenders call."""
