"""The documentation site: built of the pages under ``docs``, README.md and the code.

``python -m tools.docs_site`` needs the group ``docs``, and writes ``build/site``.
"""
