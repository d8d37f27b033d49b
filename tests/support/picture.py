"""Draws the parts of the package from their imports.

``python tests/support/picture.py`` writes the picture into docs/architecture.md. A part
is a module or a folder in the package's top folder. An arrow leads to what a part
imports; an import that follows from other arrows is left out.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from package_imports import MODULES, PACKAGE, ROOT, Module, own_imports

__all__ = ["MARKED", "draw", "imports_of_parts", "reduced", "update"]

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
MARKED = re.compile(
    r"(?<=<!-- parts -->\n```mermaid\n).*?(?=```\n<!-- /parts -->)", re.DOTALL
)

Graph = dict[str, set[str]]


def imports_of_parts(modules: Mapping[str, Module] = MODULES) -> Graph:
    """Return the other parts that each part imports."""
    graph: Graph = {module.part: set() for module in modules.values()}
    for module in modules.values():
        graph[module.part] |= {name.partition(".")[0] for name in own_imports(module)}
    return {part: others - {part} for part, others in graph.items()}


def reach(graph: Graph, part: str, path: tuple[str, ...] = ()) -> set[str]:
    """Return every part that a part imports, itself or through others.

    Raises:
        ValueError: If the part imports itself through others.
    """
    if part in path:
        raise ValueError(f"imports in a circle: {' -> '.join((*path, part))}")
    found = set(graph[part])
    for other in graph[part]:
        found |= reach(graph, other, (*path, part))
    return found


def reduced(graph: Graph) -> Graph:
    """Return a graph without the imports that follow from others."""
    return {
        part: others - {far for other in others for far in reach(graph, other)}
        for part, others in graph.items()
    }


def draw(graph: Graph) -> str:
    """Return the Mermaid flowchart of a graph, most important parts first."""
    depth = {part: len(reach(graph, part)) for part in graph}
    parts = sorted(graph, key=lambda part: (-depth[part], part))
    lines = ["flowchart TD"]
    lines += [f'    {node(part)}["{label(part)}"]' for part in parts]
    arrows = reduced(graph)
    lines += [
        f"    {node(part)} --> {' & '.join(map(node, sorted(arrows[part])))}"
        for part in parts
        if arrows[part]
    ]
    return "\n".join(lines)


def node(part: str) -> str:
    """Return a name that Mermaid takes for a node."""
    return f"p_{part.strip('_')}"


def label(part: str) -> str:
    """Return the name of a part as readers know it."""
    if part == "__init__":
        return PACKAGE
    return f"{part}/" if (ROOT / part).is_dir() else part


def update(text: str) -> str:
    """Return the text of a page with the picture of now between its marks."""
    return MARKED.sub(lambda _: draw(imports_of_parts()) + "\n", text)


if __name__ == "__main__":
    PAGE.write_text(update(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
