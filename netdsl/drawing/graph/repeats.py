"""Equal neighbours in a chain, drawn once with their number."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from .builder import Draft, Frame, Item, Leaf, dissolved, together

#: The longest pattern that is looked for in a chain of single steps (conv, norm, relu, conv, norm, add, ...).
_LONGEST_PATTERN = 12


def collapse_repeats(draft: Draft, *, any_shapes: bool = False) -> None:
    """Merge consecutive parts of chains that have equal layers, options, shapes and connections.

    With `any_shapes` parts that differ in shapes alone are merged too (the steps of a dense block).
    """
    users: dict[Leaf, list[Leaf]] = {leaf: [] for leaf in draft.leaves()}
    for leaf in users:
        for wire in leaf.inputs:
            users[wire.source].append(leaf)
    for frame in reversed(draft.frames()):
        frame.children = [dissolved(child) for child in frame.children]
        for child in frame.children:
            child.parent = frame
        _Level(frame, users, any_shapes).collapse()


class _Level:
    """The children of one frame: who follows whom, and who equals whom."""

    def __init__(self, frame: Frame, users: dict[Leaf, list[Leaf]], any_shapes: bool) -> None:
        self.frame, self.users, self.any_shapes = frame, users, any_shapes
        self.child_of = {leaf: child for child in frame.children for leaf in child.leaves()}

    def collapse(self) -> None:
        for chain in self.chains():
            signatures = [self.signature(item) for item in chain]
            position = 0
            while position < len(chain):
                length, count = _best_repeat(signatures, position)
                if count > 1:
                    self.merge([chain[position + i * length:position + (i + 1) * length] for i in range(count)])
                position += length * count

    def chains(self) -> list[list[Item]]:
        """Maximal runs of children where each gets all its inputs from one output of the one before."""
        following: dict[Item, Item] = {}
        for child in self.frame.children:
            user = self.only_user(child)
            if user is not None and user is not child:
                following[child] = user
        started = set(following.values())
        chains = []
        for child in self.frame.children:
            if child not in started and child in following:
                chain = [child]
                while chain[-1] in following:
                    chain.append(following[chain[-1]])
                chains.append(chain)
        return chains

    def only_user(self, child: Item) -> Item | None:
        """The child that takes this one's single output and nothing else."""
        outputs = self.outputs(child)
        users = {self.child_of.get(user) for leaf in outputs for user in self.users[leaf]} - {child}
        if len(outputs) != 1 or len(users) != 1:
            return None
        user = users.pop()
        if user is None:
            return None
        sources = {self.child_of.get(wire.source) for leaf in user.leaves() for wire in leaf.inputs} - {user}
        return user if sources == {child} else None

    def outputs(self, child: Item) -> list[Leaf]:
        return [leaf for leaf in child.leaves() if any(self.child_of.get(u) is not child for u in self.users[leaf])]

    def signature(self, item: Item) -> Hashable:
        """Equal for items that a drawing need not tell apart."""
        leaves = list(item.leaves())
        index = {leaf: position for position, leaf in enumerate(leaves)}
        outside: dict[Leaf, int] = {}
        parts = []
        for leaf in leaves:
            inputs = tuple((wire.source in index, index[wire.source] if wire.source in index
                            else outside.setdefault(wire.source, len(outside)), self.shape(wire.shape))
                           for wire in leaf.inputs)
            parts.append((_content(leaf), self.shape(leaf.shape), inputs))
        return tuple(parts), _nesting(item), tuple(index[leaf] for leaf in self.outputs(item))

    def shape(self, shape: str) -> str:
        return "" if self.any_shapes else shape

    def merge(self, blocks: Sequence[Sequence[Item]]) -> None:
        """Keep the first block, with the number of blocks on it; its output takes over the last one's users."""
        kept, last = blocks[0], blocks[-1]
        dropped = {item for block in blocks[1:] for item in block}
        varies = self.any_shapes and _shapes(kept) != _shapes(last)
        total = sum(together(item) for block in blocks for item in block)
        for block in blocks[1:]:
            for leaf, repeated in zip(_leaves(kept), _leaves(block), strict=True):
                leaf.is_output |= repeated.is_output
        end, last_end = self.outputs(kept[-1])[0], self.outputs(last[-1])[0]
        inside = set(kept[-1].leaves())
        after = [user for user in self.users[last_end] if self.child_of.get(user) is not last[-1]]
        for user in after:
            for wire in user.inputs:
                wire.source = end if wire.source is last_end else wire.source
        self.users[end] = [user for user in self.users[end] if user in inside] + after
        self.frame.children = [child for child in self.frame.children if child not in dropped]
        for item, copy in zip(kept, last, strict=True):
            item.last = copy.last
        if varies and end.shape != last_end.shape:
            end.shape = f"{end.shape} ... {last_end.shape}"
        whole = kept[0] if len(kept) == 1 else self.wrap(kept)
        whole.repeat, whole.varies, whole.total = len(blocks), varies, total
        if isinstance(whole, Frame) and len(kept) > 1:
            _Level(whole, self.users, self.any_shapes).collapse()

    def wrap(self, items: Sequence[Item]) -> Frame:
        """Put a repeated pattern of several steps into a frame of its own."""
        first = items[0]
        frame = Frame(f"{first.name} ... {items[-1].last}", self.frame.scope, items[-1].last, self.frame, list(items))
        position = self.frame.children.index(first)
        self.frame.children[position] = frame
        self.frame.children = [child for child in self.frame.children if child not in items[1:]]
        for item in items:
            item.parent, item.last = frame, item.name
        return frame


def _leaves(block: Sequence[Item]) -> list[Leaf]:
    return [leaf for item in block for leaf in item.leaves()]


def _shapes(block: Sequence[Item]) -> list[str]:
    return [leaf.shape for leaf in _leaves(block)]


def _content(leaf: Leaf) -> Hashable:
    """What a box shows of itself, names and numbers of parameters aside."""
    layer = (type(leaf.node.layer), leaf.node.layer.show()) if leaf.node else None
    return (layer, leaf.role, leaf.repeat, leaf.varies, bool(leaf.shares), tuple(leaf.constants),
            tuple((type(node.layer), node.layer.show()) for node in leaf.folded))


def _nesting(item: Item) -> Hashable:
    """The frames inside an item, as (first leaf, number of leaves, repeat)."""
    if isinstance(item, Leaf):
        return None
    start = 0
    found = []
    for child in item.children:
        size = sum(1 for _ in child.leaves())
        found.append((start, size, child.repeat, _nesting(child)))
        start += size
    return tuple(found)


def _best_repeat(signatures: Sequence[Hashable], start: int) -> tuple[int, int]:
    """The pattern at `start` that covers most: its length, and how often it stands there in a row."""
    best = (1, 1)
    for length in range(1, min(_LONGEST_PATTERN, (len(signatures) - start) // 2) + 1):
        pattern = signatures[start:start + length]
        count = 1
        while signatures[start + count * length:start + (count + 1) * length] == pattern:
            count += 1
        if count > 1 and count * length > best[0] * best[1]:
            best = (length, count)
    return best
