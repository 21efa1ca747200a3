"""Forms of other languages (Python, PyTorch, Keras, Caffe, JSON, YAML, C, CNTK): what they look like, and what is
written instead. `rules.py` tries the rows in order."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Form:
    """A row: `pattern` is matched at words around the one that could not be read.

    `title`, `label`, `hint`, `body` and `write` may use the groups of the match (`\\1`); a cut title may follow the
    full one. With `write` the form counts only if the text can be read at least `reads` words further with that
    text in the place of the match, unless `sure`.
    """

    pattern: str
    title: str | tuple[str, ...]
    hint: str | Callable[[re.Match[str]], str]
    label: str = "this"
    body: str = ""
    write: str | Callable[[re.Match[str]], str] | None = None
    reads: int = 2
    sure: bool = False
    mark: int = 0  #: the group that the diagnostic points at
    within: int = 1  #: so many words before the bad one it may begin; at 6 and more, also at the member's name
    touches: bool = True  #: whether it has to reach the bad word
    kind: str = ""  #: what the bad word has to be
    roles: tuple[str, ...] = ()  #: the brackets that it has to stand in
    not_in: tuple[str, ...] = ()
    value: bool | None = None  #: whether a value is expected there
    first: bool = False  #: whether the bad word has to begin its line, or the file


def _word(pattern: str, title: str, hint: str, write: str | None = None, reads: int = 2) -> Form:
    """A word of another language, which is a plain name here; what is taken out goes with the blanks behind it."""
    blanks = r"[ \t]*" if write in ("", "!") else ""
    return Form(rf"({pattern})\b{blanks}", title, hint, "this is an ordinary name here", write=write, reads=reads,
                mark=1, within=6, touches=False)


def _sign(pattern: str, title: str, hint: str, write: str | None = None, label: str = "here") -> Form:
    return Form(pattern, title, hint, label, write=write, sure=True, within=0, kind="unknown")


_ESCAPES = "a string has no escapes: it ends at the first quote of its kind"
_MEMBER = "a member is a name, `=` and a value, without a word before it"
_KEEPS = "a name keeps its value", "give the new value a name of its own: `y = x + 1`."



def _requoted(match: re.Match[str]) -> str:
    """`"a \\"b\\""` in the other quotes."""
    quote = match[0][0]
    other = "'" if quote == '"' else '"'
    return other + match[0][1:-1].replace(f"\\{quote}", quote) + other


STRINGS = tuple(
    Form(rf"{q}(?:[^{q}\\\n]|\\[^{q}])*(\\{q})(?:[^{q}\\\n]|\\.)*{q}", _ESCAPES,
         f"put a text that holds `{q}` between `{other}`, without backslashes.", "the string ends here", mark=1,
         within=4, touches=False, sure=True,
         write=_requoted)
    for q, other in (('"', "'"), ("'", '"')))

NUMBERS = (
    Form(r"\$(\w+)\$", (r"`$\1$` is written `\1` outside of strings", "`$...$` is used only in strings"),
         r"write `\1`.", "names are used as they are",
         r'Only inside a string do dollar signs put a value in: `"$\1$/train"`. A value from outside comes with the '
         r"command: `netdsl run FILE \1=...`.", r"\1", sure=True, within=0),
    Form(r"\$", "`$` is used only in strings", 'a name is used as it is: `dataDir`; in a string: `"$dataDir$/train"`.',
         "remove this", write="", sure=True, within=0),
    Form(r"(\d+(?:_\d+)+)(?![\w.])", r"`\1` is neither a number nor a name",
         lambda m: f"write it without the underscore: `{m[0].replace('_', '')}`.",
         write=lambda m: m[0].replace("_", ""), sure=True, within=0),
    Form(r"(\d+(?:x\d+)+)(?![\w.])", r"`\1` is neither a number nor a name",
         lambda m: f"sizes are joined by `:`: `{m[0].replace('x', ':')}`.", write=lambda m: m[0].replace("x", ":"),
         sure=True, within=0),
    Form(r"((?:\d*\.\d+)\.(?!\.)[\w.]{0,24})[\w.]*", r"`\1` is neither a number nor a name",
         "a number has one decimal point; sizes are joined by `:`, as in `3:3`."),
    Form(r"(\d[\w.]{0,23})[\w.]*", r"`\1` is neither a number nor a name",
         "a name starts with a letter; a product needs its `*`, as in `2*x`.", within=0, kind="unknown"),
)

SIGNS = (
    Form(r"\.\.", "an index is one number; there are no slices",
         "`list << 2` leaves the first two elements out; `array[0..3] (i => list[i])` takes some.", within=0,
         roles=("index",)),
    Form(r"\.\.", "`..` is used only between bounds", "bounds are written in `array[0..3] (i => ...)` and "
         "`V[i:0..3] = ...`.", within=0, not_in=("elements", "array", "index")),
    Form(r"(?:(?<=[)}])|(?<=[)}] ))->", "`->` is not an operator here",
         "layers follow each other by `:` in a Sequential, or by `>>`.", write=">>", reads=1),
    Form(r"->", "a function is written with `=>`", "write `x => ...`.", write="=>", reads=1),
    Form(r"<>", "`<>` is written `!=`", "write `!=`.", write="!=", reads=1),
    Form(r"===", "`===` is written `==`", "write `==`.", write="==", reads=1),
    Form(r"!==", "`!==` is written `!=`", "write `!=`.", write="!=", reads=1),
    Form(r"=<", "`=<` is written `<=`", "write `<=`.", write="<=", reads=1),
    Form(r"::", "`::` is one colon too many", "write `:`.", write=":", reads=1),
    Form(r"\.\(", "`.` and `(` do not go together", "a call is written `f (x)`.", write="(", reads=1),
    Form(r"(\+|-|\*\*?|/|%|\.\*)=(?!=)", rf"there is no `\g<0>`: {_KEEPS[0]}", _KEEPS[1]),
    Form(r"(\+\+|--)(?=[ \t]*(?:\n|$|#|;))", rf"there is no `\1`: {_KEEPS[0]}", _KEEPS[1], within=4, touches=False),
    Form(r"(\d+(?:\.\d+)?)(\s*%)(?=[ \t]*(?:[\n,;)}]|$))", "a percentage is written as a number, without `%`",
         lambda m: f"write `{float(m[1]) / 100:g}`.", write=lambda m: f"{float(m[1]) / 100:g}", mark=2, within=4,
         touches=False),
    Form(r"\d{1,3}(?: 0\d\d)+(?![\w.])", "a number has no spaces", lambda m: f"write `{m[0].replace(' ', '')}`.",
         write=lambda m: m[0].replace(" ", "")),
    Form(r"'([^'\n]*)''([^'\n]*)'", _ESCAPES, "put a text that holds `'` between `\"`.",
         write=lambda m: f"\"{m[1]}'{m[2]}\"", sure=True),
    Form(r"\"\"\"|'''", "a comment begins with `#`", "put `#` before each line of it, or `/* ... */` around all.",
         value=False),
    Form(r"(?:--|%)(?=.)", "a comment begins with `#`", r"write `#` for `\g<0>`.", write="#", sure=True, within=0,
         value=False, first=True),
    Form(r"-(?=\s*\w)", "the elements of a list are joined by `:`", "write `name = a : b : c`.", within=0, value=False,
         first=True),
    Form(r":\s*(?:int|float|str|bool|list|tuple|dict|Tensor)\b(?=\s*=(?!=))", "a name has no type",
         "write `name = value`.", write="", within=0),
    Form(r"\[\s*(\w+)\s*\]", "there are no sections in square brackets",
         r"write `\1 = { ... }` for a record; layers are one list: `model = Sequential (a : b : c)`.", within=0,
         value=False, first=True),
    Form(r"\{", "the file is itself a record: it has no braces around it",
         "remove the outer braces, and write `name = value`.", within=0, value=False, roles=("",), first=True),
    Form(r"if\b", "a member begins with a name, not with `if`", "write `name = if condition then a else b`.", within=0,
         value=False, roles=("", "record"), first=True),
    Form(r":\s+=(?!=)", "`:=` is written without a blank", "write `:=`.", write=":="),
    _sign(r"\|>", "`|>` is written `>>`", "write `f >> g`: first `f`, then `g`.", ">>"),
    _sign(r"&", "`&` is not an operator here", "the logical and is `&&`.", "&&"),
    _sign(r"\|", "`|` is not an operator here", "the logical or is `||`.", "||"),
    _sign(r"\^", "`^` is not an operator here", "a power is written `x ** 2`.", "**"),
    _sign(r"@", "`@` is not an operator here", "the product of matrices is written `W * x`.", "*"),
    _sign(r"\?", "`?` is not an operator here", "write `if condition then a else b`."),
    _sign(r"~", "`~` is not an operator here", "the logical not is `!`.", "!"),
    _sign(r"\\", r"`\\` has no meaning here", "an expression goes on over the end of a line by itself.", ""),
    _sign(r"`", "a name needs no quotes", "remove the ```.", ""),
    _sign("\u00d7", "multiplication is written `*`", "write `*`, or `:` between sizes, as in `3:3`.", "*"),
    _sign("\u00f7", "division is written `/`", "write `/`.", "/"),
    _sign("\u2026", "an ellipsis is a single character here", "write two dots: `0..9`.", ".."),
    _sign("\u2264", "this comparison is written with two characters", "write `<=`.", "<="),
    _sign("\u2265", "this comparison is written with two characters", "write `>=`.", ">="),
    _sign("\u2260", "this comparison is written with two characters", "write `!=`.", "!="),
    _sign("[\u2192\u21d2]", "this arrow is written with two characters", "write `=>`.", "=>"),
    _sign("\u00a0", "there is a non-breaking space here", "replace it by a plain space.", " "),
    _sign("\u200b", "there is an invisible character here", "delete it: a space of no width.", ""),
    _sign("\ufeff", "there is an invisible character here", "delete it: a byte order mark.", ""),
    _sign("[\u00b7\u2217\u22c5]", "multiplication is written `*`", "write `*`.", "*"),
    _sign("[\u2212\u2013\u2014]", "this is a dash, not a minus", "write `-`.", "-"),
    Form("[\u201c\u201e\u00ab]([^\u201c\u201d\u00bb\"\n]*)[\u201c\u201d\u00bb]", "a string stands between plain quotes",
         "write `\"` or `'`.", "here", write=r'"\1"', within=0),
    _sign("[\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb]", "a string stands between plain quotes",
          "write `\"` or `'`."),
    _sign(r"[^\W\d_]", "a name has a letter that is not one of a to z",
          "names are made of a to z, A to Z, digits and `_`; comments and strings hold any letter."),
    Form(r"[\s\S]", "there is a character here that has no meaning", lambda m: "remove it" + (
        "." if m[0].isprintable() and m[0].isascii() else f" (U+{ord(m[0]):04X})."), "here", write="", sure=True,
        within=0, kind="unknown"),
    Form(r"(?<![\w.])(\d+)(,)(\d+)(?![\w.])(?!\s*,)", r"`\1,\3` is not a number",
         r"write the decimal point: `\1.\3`. A list is joined by `:`.", "a comma cannot stand here", write=r"\1.\3",
         mark=2, kind=",", not_in=("elements", "array")),
)

WORDS = (
    Form(r"include\s+(([\w./][^\s;\"']{0,39})[^\s;\"'{]*)", "the file of an `include` stands in quotes",
         r'write `include "\2"`.', mark=1, write=r'include "\1"', sure=True),
    Form(r"[fFrRbBuU]{1,2}(?=(['\"]).*?\1)", "a string has no letter before it",
         'write the string alone; `"$name$/train"` puts the value of `name` in.', write="", within=2),
    _word("and", "`and` is written `&&`", "write `&&`.", "&&"),
    _word("or", "`or` is written `||`", "write `||`.", "||"),
    _word("not", "`not` is written `!`", "write `!` before the value, as in `!pad`.", "!"),
    _word("is", "`is` is written `==`", "write `==`.", "=="),
    _word("mod", "`mod` is written `%`", "write `%`.", "%"),
    _word("div", "`div` is written `/`", "write `/`; all numbers have fractions.", "/"),
    _word("with", "records are not joined by `with`", "write the members into one record.", "+"),
    _word("elif|elseif", r"`\1` is written `else if`", "write `else if`.", "else if"),
    _word("def|function", r"`\1` is not needed", "write `f (x) = ...`.", "", 1),
    _word("let|var|val", r"`\1` is not needed", f"{_MEMBER}.", "", 1),
    _word("const", "`const` is not needed", f"{_MEMBER}; nothing ever changes its value.", "", 1),
    _word("return", "there is no `return`", "the value of `f (x) = ...` is what follows the `=`.", "", 1),
    _word(r"new(?=\s+(\w{1,30})\w*\s*[\[(])", "there is no `new`", r"write `\2 {...}`, without `new`, and options in "
          "braces."),
    Form(r"(new)\b(?:[ \t]+\w+[ \t]*(?=\{)|[ \t]*)", "there is no `new`",
         "a record is written `{ ... }`, without `new` and a class name.", "this is an ordinary name here", write="",
         reads=1, mark=1, within=6, touches=False),
    _word(r"for(?=\s+\w)", "there is no `for`", "`LayerStack {n, i => layer}` stacks n layers, each with its own "
          "weights; `array[0..n-1] (i => ...)` makes a value for every index."),
    _word(r"while(?=\s*[\w(])", "there is no `while`", "values do not change; a function may call itself."),
    _word(r"(?:import|from)(?=\s+\w)|import(?=\s*[\"'])", "there is no `import`", 'write `include "file.net"`.'),
    _word(r"class(?=\s+\w)", "there are no classes", "a function that gives a record takes their place: "
          "`Block {width} = { ... }`."),
    Form(r"(lambda)\s*([A-Za-z_]\w{0,29})\s*:", "a function is written with `=>`",
         r"write `\2 => ...`, in parentheses if it stands in a list.", "there is no `lambda`", write=r"\2 =>",
         sure=True, mark=1, within=6, touches=False),
    Form(r"(lambda)\b\s*([\w, ]*):?", "a function is written with `=>`",
         r"write `(\2) => ...`, in parentheses if it stands in a list.", "there is no `lambda`", mark=1, within=6,
         touches=False),
    Form(r"layers?\s*\{", "a layer is not a block of its own",
         "layers are one list: `model = Sequential (conv1 := ConvolutionalLayer {32, (5:5)} : ...)`.", within=8,
         touches=False),
    Form(r"([A-Za-z_]\w*)\.add\s*\(", r"layers are not added to `\1`",
         r"write them as one list: `\1 = Sequential (first : second : third)`.", within=4, touches=False),
    Form(r"[A-Za-z_]\w*(?:-\w+)+(?=\s*:?=(?![=>]))", r"`\g<0>` is not a name: names hold no `-`",
         lambda m: f"write `{m[0].replace('-', '_')[:30]}` or `{m[0].replace('-', '')[:30]}`.",
         write=lambda m: m[0].replace("-", "_"), reads=1, within=8),
    Form(r"(?:(?<=\.)(?:if|then|else|true|false|array|include)|(?:if|array|include)(?=\s*(?:=(?!=)|:=))|"
         r"(?:then|else|true|false)(?=\s*(?:[,.:)}\]]|=(?!=))))\b", r"`\g<0>` is a word of the language, not a name",
         r"use another name, for example `\g<0>Value`.", "this name is taken", write=r"\g<0>Value"),
)

#: Tried when no small change helps: the forms that leave no other choice.
LAST = (
    Form(r"\w+|\S", "the elements of a list are given by a name and bounds", "", "this does not fit the form",
         "The form, for the elements 0 to 3, is\n    V[i:0..3] = i * i", within=0, roles=("elements",)),
    Form(r"\w+|\S", "an array is given by its bounds and a function", "", "this does not fit the form",
         "The form, for the elements 0 to 3, is\n    array[0..3] (i => i * i)", within=0, roles=("array",)),
    Form(r"[^\s,)}]{1,24}", r"`\g<0>` cannot be a parameter",
         "parameters are names, with or without a default: `f (x, y = 1) = ...`.", "a name stands here", within=0,
         roles=("parameters",)),
)
