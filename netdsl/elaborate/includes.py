"""`include "path"`: the members of another file in place, and what the including file changes in them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..base.codes import Code
from ..base.failure import failure
from ..base.source import Files
from ..base.suggest import did_you_mean
from ..syntax import ast
from ..syntax.parser import parse, shipped
from .overrides import Definition, apply_overrides


class Includes:
    """The files that one program includes; each is read once."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._modules: dict[str, ast.Module] = {}

    def expand(self, members: Sequence[ast.Member]) -> list[Definition]:
        """Definitions only: included files' members in place, each file once per record, overrides applied."""
        return self._expand(members, (), set())

    def _expand(self, members: Sequence[ast.Member], including: tuple[str, ...], seen: set[str]) -> list[Definition]:
        found: list[Definition] = []
        overrides: list[ast.Override | Definition] = []
        for member in members:
            if isinstance(member, ast.Override):
                overrides.append(member)
            elif isinstance(member, ast.Include):
                found += self._include(member, including, seen)
                overrides += [m for m in member.changes.members if not isinstance(m, ast.Include)] \
                    if member.changes is not None else ()
            else:
                found.append(member)
        return apply_overrides(found, overrides, self.expand) if overrides else found

    def _include(self, member: ast.Include, including: tuple[str, ...], seen: set[str]) -> list[Definition]:
        path = self._find(member)
        around = including or (os.path.normpath(member.span.source.name),)
        if path in around:
            chain = " -> ".join([*around[around.index(path):], path])
            raise failure(Code.INCLUDE_CYCLE, "files include each other in a circle", member.span,
                          "the circle closes here", body=(f"    {chain}",))
        if path in seen:
            return []
        seen.add(path)
        return self._expand(self._read(path, member).members, (*around, path), seen)

    def _find(self, member: ast.Include) -> str:
        own = os.path.dirname(member.span.source.name)
        places = [os.path.join(own, member.path), member.path, str(shipped("networks") / member.path),
                  str(shipped("networks") / "lib" / member.path)]
        for path in dict.fromkeys(os.path.normpath(p) for p in places):
            if self._files.exists(path):
                return path
        shown = [os.path.normpath(places[0]), "networks/ and networks/lib/ of netdsl"]
        library = sorted(p.name for p in (shipped("networks") / "lib").glob("*.net"))
        near = did_you_mean(os.path.basename(member.path), library)
        raise failure(Code.INCLUDE_NOT_FOUND, f"there is no file `{member.path}` to include", member.span, near,
                      body=(f"I looked for {' and in '.join(shown)}.",),
                      hint="" if near else "a path is relative to the file that includes.")

    def _read(self, path: str, member: ast.Include) -> ast.Module:
        if path not in self._modules:
            try:
                self._modules[path] = parse(self._files.read(path))
            except (OSError, UnicodeDecodeError) as error:
                raise failure(
                    Code.INCLUDE_NOT_FOUND, f"`{member.path}` cannot be read", member.span, str(error)
                ) from None
        return self._modules[path]
