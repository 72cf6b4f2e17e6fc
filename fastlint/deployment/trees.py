"""YAML documents as plain trees that know their rows, built without recursion and without making objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

MOST_EVENTS = 200_000


@dataclass(eq=False, slots=True)
class Node:
    """A scalar (`text`), a list (`items`) or a mapping (`pairs`) with its first and last row."""

    row: int
    end: int = 0
    text: str | None = None
    items: list[Node] = field(default_factory=list)
    pairs: list[tuple[Node, Node]] = field(default_factory=list)

    def get(self, *keys: str) -> Node | None:
        """Return the value under nested keys, of a mapping or what is merged into it."""
        node: Node | None = self
        for key in keys:
            node = None if node is None else node._own(key, 5)
        return node

    def _own(self, key: str, depth: int) -> Node | None:
        merged = None
        for name, value in self.pairs:
            if name.text == key:
                return value
            if name.text == "<<" and depth:
                for base in value.items or [value]:
                    merged = merged or base._own(key, depth - 1)
        return merged

    @property
    def rows(self) -> tuple[int, int]:
        """The first and last row."""
        return (self.row, max(self.row, self.end))

    def strings(self) -> list[str]:
        """Return the texts of a list of scalars."""
        return [item.text for item in self.items if item.text is not None]


def documents(text: str) -> Iterator[Node]:
    """Yield the documents of a file; nothing more from where it is no YAML, as in a template."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    open_nodes: list[Node] = []
    keys: list[Node | None] = []
    anchors: dict[str, Node] = {}
    finished: list[Node] = []

    def place(node: Node) -> None:
        if not open_nodes:
            finished.append(node)
        elif keys[-1] is None and not _is_mapping(open_nodes[-1]):
            open_nodes[-1].items.append(node)
        elif keys[-1] is None:
            keys[-1] = node
        else:
            open_nodes[-1].pairs.append((keys[-1], node))
            keys[-1] = None

    mappings: set[int] = set()

    def _is_mapping(node: Node) -> bool:
        return id(node) in mappings

    try:
        for number, event in enumerate(yaml.parse(text, Loader=loader)):
            if number > MOST_EVENTS:
                break
            if isinstance(event, yaml.DocumentStartEvent):
                anchors = {}
                continue
            if isinstance(event, yaml.AliasEvent):
                place(anchors.get(event.anchor, Node(event.start_mark.line + 1)))
                continue
            if isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
                node = open_nodes.pop()
                keys.pop()
                node.end = event.start_mark.line + (1 if event.end_mark.column else 0)
                continue
            if isinstance(event, yaml.NodeEvent):
                node = Node(event.start_mark.line + 1)
                if isinstance(event, yaml.ScalarEvent):
                    node.text = event.value
                    node.end = event.end_mark.line + (1 if event.end_mark.column else 0)
                place(node)
                if event.anchor:
                    anchors[event.anchor] = node
                if not isinstance(event, yaml.ScalarEvent):
                    open_nodes.append(node)
                    keys.append(None)
                    if isinstance(event, yaml.MappingStartEvent):
                        mappings.add(id(node))
    except yaml.YAMLError:
        return
    yield from finished
