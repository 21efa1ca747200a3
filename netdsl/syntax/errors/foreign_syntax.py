"""Words and signs of other languages that are none here: what to write instead. `habits.py` looks them up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Foreign:
    """A word of another language: the words that take its place, what to say, and what to write."""

    instead: tuple[str, ...]
    title: str
    hint: str
    also: int = 0  #: so many words behind it go as well
    tried: bool = True  #: False: there is no cure of one word, so none is tried


_DECLARED = "a member is a name, `=` and a value, without a word before it"
FOREIGN_WORDS = {
    "and": Foreign(("&&",), "`and` is written `&&`", "write `&&`."),
    "or": Foreign(("||",), "`or` is written `||`", "write `||`."),
    "not": Foreign(("NOT",), "`not` is written `!`", "write `!` before the value, as in `!pad`."),
    "is": Foreign(("COMPARE",), "`is` is written `==`", "write `==`."),
    "mod": Foreign(("TIMES",), "`mod` is written `%`", "write `%`."),
    "div": Foreign(("TIMES",), "`div` is written `/`", "write `/`; all numbers have fractions."),
    "with": Foreign(("SIGN",), "records are not joined by `with`", "write the members into one record."),
    "elif": Foreign(("else", "if"), "`elif` is written `else if`", "write `else if`."),
    "elseif": Foreign(("else", "if"), "`elseif` is written `else if`", "write `else if`."),
    "def": Foreign((), "`def` is not needed", "write `f (x) = ...`."),
    "function": Foreign((), "`function` is not needed", "write `f (x) = ...`."),
    "let": Foreign((), "`let` is not needed", f"{_DECLARED}."),
    "var": Foreign((), "`var` is not needed", f"{_DECLARED}."),
    "const": Foreign((), "`const` is not needed", f"{_DECLARED}; nothing ever changes its value."),
    "return": Foreign((), "there is no `return`", "the value of `f (x) = ...` is what stands behind the `=`."),
    "new": Foreign((), "there is no `new`", "a record is written `{ ... }`, without `new` and a class name.", also=1),
    "for": Foreign((), "there is no `for`", "`array[0..n-1] (i => ...)` makes a value for every index; "
                   "`Repeat (n, layer)` stacks a layer.", tried=False),
    "while": Foreign((), "there is no `while`", "values do not change; a function may call itself.", tried=False),
    "import": Foreign(("include",), "there is no `import`", "write `include \"file.net\"`.", tried=False),
    "class": Foreign((), "there are no classes", "a function that gives a record takes their place: "
                     "`Block {width} = { ... }`.", tried=False),
}

FOREIGN_SIGNS = {
    "&": ("`&` is not an operator here", "the logical and is `&&`."),
    "|": ("`|` is not an operator here", "the logical or is `||`."),
    "^": ("`^` is not an operator here", "a power is written `x ** 2`."),
    "@": ("`@` is not an operator here", "the product of matrices is written `W * x`."),
    "?": ("`?` is not an operator here", "write `if condition then a else b`."),
    "~": ("`~` is not an operator here", "the logical not is `!`."),
    "\\": ("`\\` has no meaning here", "an expression goes on over the end of a line by itself."),
    "`": ("a name needs no quotes", "remove the ```."),
    "\u00d7": ("the sign of multiplication is `*`", "write `*`, or `:` between sizes, as in `3:3`."),
    "\u00f7": ("the sign of division is `/`", "write `/`."),
    "\u2026": ("an ellipsis is a single character here", "write two points: `0..9`."),
    "\u2264": ("this comparison is written with two characters", "write `<=`."),
    "\u2265": ("this comparison is written with two characters", "write `>=`."),
    "\u2260": ("this comparison is written with two characters", "write `!=`."),
    "\u2192": ("this arrow is written with two characters", "write `=>`."),
    "\u21d2": ("this arrow is written with two characters", "write `=>`."),
    "\u00a0": ("there is a non-breaking space here", "replace it by a plain space."),
    "\u200b": ("there is an invisible character here", "delete it: a space of no width."),
    "\ufeff": ("there is an invisible character here", "delete it: a byte order mark."),
}
for _sign in "\u00b7\u2217\u22c5":
    FOREIGN_SIGNS[_sign] = ("the sign of multiplication is `*`", "write `*`.")
for _sign in "\u2212\u2013\u2014":
    FOREIGN_SIGNS[_sign] = ("this is a dash, not a minus", "write `-`.")
for _sign in "\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb":
    FOREIGN_SIGNS[_sign] = ("a string stands between plain quotes", "write `\"` or `'`.")

#: Two words without a blank between them that are one operator elsewhere: what to put there, and what to say.
FOREIGN_PAIRS = {
    "->": (("=>",), "a function is written with `=>`", "write `x => ...`."),
    "<>": (("COMPARE",), "`<>` is written `!=`", "write `!=`."),
    "===": (("COMPARE",), "`===` is written `==`", "write `==`."),
    "!==": (("COMPARE",), "`!==` is written `!=`", "write `!=`."),
    "=<": (("COMPARE",), "`=<` is written `<=`", "write `<=`."),
    "::": ((":",), "`::` is one colon too many", "write `:`."),
    ".(": (("(",), "`.` and `(` do not go together", "a call is written `f (x)`."),
}
#: Operators that `=` follows in other languages.
COMPOUND = ("+", "-", "*", "/", "%", "**", ".*")
