"""Equal parts, drawn once with their number: neighbours in a chain, the steps of an unrolled loop, branches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import replace

from ...layers.layer import Layer
from .builder import Draft, Frame, Item, Leaf, dissolved, together

#: So many equal branches side by side are drawn once; of two, either may be what a reader looks for.
_FEWEST_BRANCHES = 3

#: The longest pattern that is looked for in a chain of single steps (conv, norm, relu, conv, norm, add, ...).
_LONGEST_PATTERN = 12


def collapse_repeats(draft: Draft, *, any_shapes: bool = False) -> None:
    """Merge consecutive parts of chains that have equal layers, options, shapes and connections, and equal branches.

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
        for branches in self.branches():
            self.merge_branches(branches)
        for chain in self.chains():
            common = self.common_sources(chain)
            signatures = [self.signature(item, common) for item in chain]
            position = 0
            while position < len(chain):
                length, count = _best_repeat(signatures, position)
                if count > 1:
                    self.merge([chain[position + i * length:position + (i + 1) * length] for i in range(count)])
                position += length * count

    def chains(self) -> list[list[Item]]:
        """Maximal runs of children where each passes its one output to the next and to nothing else.

        A step may take more from elsewhere: the weights and the input of an unrolled recurrence.
        """
        giving: dict[Item, list[Item]] = {}
        for child in self.frame.children:
            user = self.only_user(child)
            if user is not None and user is not child:
                giving.setdefault(user, []).append(child)
        following = {givers[0]: user for user, givers in giving.items() if len(givers) == 1}
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
        """The child that takes this one's single output, if nothing else takes it."""
        outputs = self.outputs(child)
        users = {self.child_of.get(user) for leaf in outputs for user in self.users[leaf]} - {child}
        if len(outputs) != 1 or len(users) != 1:
            return None
        return users.pop()

    def outside_sources(self, item: Item) -> dict[Leaf, None]:
        """The leaves outside an item that it takes values from, in the order of its inputs."""
        inside = set(item.leaves())
        return {wire.source: None for leaf in item.leaves() for wire in leaf.inputs if wire.source not in inside}

    def common_sources(self, chain: Sequence[Item]) -> frozenset[Leaf]:
        """What several items of a chain take from outside of it."""
        within = {leaf for item in chain for leaf in item.leaves()}
        counted = Counter(source for item in chain for source in self.outside_sources(item) if source not in within)
        return frozenset(source for source, count in counted.items() if count > 1)

    def branches(self) -> list[list[Item]]:
        """Children with equal layers that take the same values and give theirs to one box: heads, experts, towers."""
        found: dict[Hashable, list[Item]] = {}
        for child in self.frame.children:
            outputs = self.outputs(child)
            users = {user for leaf in outputs for user in self.users[leaf]} - set(child.leaves())
            sources = self.outside_sources(child)
            if len(outputs) == 1 and len(users) == 1 and sources:
                key = (self.signature(child, frozenset(sources)), users.pop())
                found.setdefault(key, []).append(child)
        return [items for items in found.values() if len(items) >= _FEWEST_BRANCHES]

    def merge_branches(self, branches: Sequence[Item]) -> None:
        """Keep the first branch; the others' lines to their common user go."""
        kept, dropped = branches[0], branches[1:]
        gone = {leaf for item in dropped for leaf in item.leaves()}
        (user,) = {user for leaf in self.outputs(kept) for user in self.users[leaf]} - set(kept.leaves())
        user.inputs = [wire for wire in user.inputs if wire.source not in gone]
        self.forget(gone)
        kept.last, kept.repeat, kept.side_by_side = branches[-1].last, len(branches), True
        self.frame.children = [child for child in self.frame.children if child not in dropped]

    def forget(self, gone: set[Leaf]) -> None:
        """Leaves that are not drawn use nothing."""
        for leaf in gone:
            for wire in leaf.inputs:
                self.users[wire.source] = [user for user in self.users[wire.source] if user not in gone]

    def outputs(self, child: Item) -> list[Leaf]:
        return [leaf for leaf in child.leaves() if any(self.child_of.get(u) is not child for u in self.users[leaf])]

    def signature(self, item: Item, common: frozenset[Leaf] = frozenset()) -> Hashable:
        """Equal for items that a drawing need not tell apart; what they take of `common` has to be the same."""
        leaves = list(item.leaves())
        if common and len(set(self.outside_sources(item)) - common) > 1:
            return id(item)  # a step with an input of its own, beside the step before
        index = {leaf: position for position, leaf in enumerate(leaves)}
        outside: dict[Leaf, int] = {}
        parts = []
        for leaf in leaves:
            inputs = tuple((wire.source in index, index[wire.source] if wire.source in index
                            else id(wire.source) if wire.source in common
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
        self.forget({leaf for item in dropped for leaf in item.leaves()})
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
    layer = _words(leaf.node.layer) if leaf.node else None
    return (layer, leaf.role, leaf.mark, leaf.repeat, leaf.varies, bool(leaf.shares), tuple(leaf.constants),
            tuple(_words(node.layer) for node in leaf.folded))


def _words(layer: Layer) -> Hashable:
    """A layer and its options, but for those that count the steps of an unrolled loop."""
    counted = {option.field_name: 0 for option in type(layer).options() if option.counts_steps}
    return type(layer), (replace(layer, **counted) if counted else layer).show()


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
