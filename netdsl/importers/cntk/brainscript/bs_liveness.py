"""Which members of a network text CNTK would ever look at: everything is lazy but the top of the network."""

from __future__ import annotations

from ....syntax import ast
from .bs_parser import NEW
from .bs_scopes import parts_of


def dead_members(record: ast.Record) -> frozenset[int]:
    """Identities of the members that nothing can ask for.

    Values at the top are evaluated. A function, and a member of an inner record, is only if its name is written
    somewhere that is evaluated; the names alone are compared, so a few that are dead are kept.
    """
    search = _Search()
    for member in record.members:
        if isinstance(member, ast.Define):
            search.wait(member)
        else:
            search.look_at(member)
    return frozenset(id(member) for members in search.waiting.values() for member in members)


class _Search:
    def __init__(self) -> None:
        self.waiting: dict[str, list[ast.Member]] = {}  #: members by their names, until the name is seen
        self.seen: set[str] = set()

    def wait(self, member: ast.Member) -> None:
        assert not isinstance(member, ast.Include | ast.Override)
        if member.name.text in self.seen:
            self.look_at(member)
        else:
            self.waiting.setdefault(member.name.text, []).append(member)

    def see(self, name: str) -> None:
        self.seen.add(name)
        for member in self.waiting.pop(name, []):
            self.look_at(member)

    def look_at(self, e: object) -> None:
        if isinstance(e, ast.Record):
            for member in e.members:
                self.wait(member)
            return
        if isinstance(e, ast.Call) and isinstance(e.callee, ast.Name) and e.callee.text.startswith(NEW):
            for argument in e.arguments:
                for part in parts_of(argument.value):  # what an object is made of is read by it, not by name
                    self.look_at(part)
            return
        if isinstance(e, ast.Name):
            self.see(e.text)
        elif isinstance(e, ast.Select):
            self.see(e.name.text)
        for part in parts_of(e):
            self.look_at(part)
