"""What people write who know another language (Python, PyTorch, Keras, Caffe, JSON, YAML, C, CNTK), or mix up signs:
what it looks like, and what is written instead. `rules.py` tries the rows in order."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from ...base.diagnostics import Edit
from .context import ErrorContext, Template
from .replay import OPENERS, Change


@dataclass(frozen=True)
class Form:
    """A row: `pattern` is matched at words around the one that could not be read; the conditions say where it counts.

    Its templates may hold `<0>`, `<1>`, ... for groups of the match, `<fix>` for what is written instead, and the
    phrases of `ErrorContext`. With `write` the form counts only if the text can be read at least `reads` words
    further with that text in the place of the match, unless `sure`.
    """

    pattern: str
    title: Template | tuple[Template, ...]  #: a shorter one may follow the full one
    hint: Template
    label: str = "this"
    body: Template = ""
    write: Template | Callable[[re.Match[str]], str] | None = None
    fix: Callable[[ErrorContext], tuple[Edit, ...]] | None = None  #: where it is more than `write`
    reads: int = 2
    sure: bool = False
    certain: bool = True  #: whether what is wrong behind the fix is no consequence of a guess
    mark: int = 0  #: the group that the page points at
    within: int = 0  #: so many words before the bad one it may begin; at 6 and more, also at the member's name
    touches: bool = True  #: whether it has to reach the bad word
    at: Literal["", "bracket", "member"] = ""  #: it begins only before the open bracket, or at the member's name
    kind: str | tuple[str, ...] = ()  #: what the bad word has to be
    roles: tuple[str, ...] = ()  #: the brackets that it has to stand in
    not_in: tuple[str, ...] = ()
    value: bool | None = None  #: whether a value is expected there
    first: bool | None = None  #: whether the bad word begins its line, or the file
    when: Callable[[ErrorContext], bool] = lambda context: True


def _word(pattern: str, title: str, hint: str = "write `<fix>`.", write: str | None = None, reads: int = 2) -> Form:
    """A word of another language, which is a plain name here; what is taken out goes with the blanks behind it."""
    blanks = r"[ \t]*" if write in ("", "!") else ""
    return Form(rf"({pattern})\b{blanks}", title, hint, "this is an ordinary name here", write=write, reads=reads,
                mark=1, within=6, touches=False)


def _sign(pattern: str, title: str, write: str | None = None, hint: str = "write `<fix>`.") -> Form:
    """A character that the language does not have."""
    return Form(pattern, title, hint, "here", write=write, sure=True, kind="unknown")


def _brackets(mark: str, joined: bool = False) -> Callable[[ErrorContext], tuple[Edit, ...]]:
    """The square bracket here and the one that closes it, written otherwise; the commas between as `:`."""
    def edits(context: ErrorContext) -> tuple[Edit, ...]:
        opening = context.bad if context.word.kind == "[" or context.lowest is None else context.lowest
        closer = context.replay.partners.get(opening)
        if closer is None:
            return ()
        commas = [i for i in context.replay.siblings(opening, closer) if joined and context.kind(i) == ","]
        return (Edit(context.span(opening), mark), Edit(context.span(closer), OPENERS.get(mark, "")),
                *(Edit(context.span(comma), " :") for comma in commas))
    return edits


def _requoted(match: re.Match[str]) -> str:
    """`"a \\"b\\""` in the other quotes."""
    quote, other = ('"', "'") if match[0][0] == '"' else ("'", '"')
    return other + match[0][1:-1].replace(f"\\{quote}", quote) + other


def _equals(match: re.Match[str]) -> str:
    """A `=`, not stuck to the name before."""
    return "=" if match.string[match.start() - 1].isspace() else " ="


def _in_condition(context: ErrorContext) -> bool:
    """Whether an `if` stands before, on this line, and its `then` does not."""
    kinds = [context.kind(index) for index in context.siblings[:40]]
    return "if" in kinds and "then" not in kinds[: kinds.index("if")] and not context.words[context.siblings[0]].first


def _between_members(context: ErrorContext) -> bool:
    """Whether a value ends before the comma; not that of a call without its bracket: `Layer radius = 2, bias = 1}`."""
    pairs = [i for i in context.siblings[:12] if context.kind(i) == context.kind(i + 1) == "NAME"][:1]
    return context.head is None and not any(context.opens_better(index + 1, Change(context.bad, 1)) for index in pairs)


def _is_member(context: ErrorContext) -> bool:
    """Whether a member's name stands before the word, and no bracket is missing before that."""
    return context.head == context.bad - 1 and not context.opens_better(context.head, Change(context.bad, 1, "="))


#: Commas behind a member, where none can be.
_COMMA = partial(Form, label="this comma", kind=",", value=False, roles=("", "record"), reads=1,
                 when=_between_members)
#: Semicolons in a bracket that holds no members.
_SEMICOLON = partial(Form, ";", hint="write `<fix>`.", label="this semicolon", kind=";", value=False,
                     roles=("call", "parameters", "group"))
#: YAML: a colon at the end of a line.
_COLON = partial(Form, label="line ends and indentation have no meaning", mark=1, kind=":")
_NUMBER = partial(Form, title="`<1>` is neither a number nor a name", sure=True)
_BLOCK = partial(Form, r"(\w+)\s*(\([^()]*\))?\s*(\{)", "`<1>` has no `=`", label="I expected `=` before this",
                 certain=False, mark=3, at="member", roles=("parameters",))
_BRACKET = partial(Form, certain=False)
_ESCAPES = "a string has no escapes: it ends at the first quote of its kind"
_MEMBER = "a member is a name, `=` and a value, without a word before it"
_KEEPS = "there is no `<1>`: a name keeps its value", "give the new value a name of its own: `y = x + 1`."
_NO_COMMAS = "the members of a record are not separated by commas", "start a new line, or write `;`."
_BRACES = " The options of a layer need its name before the `{`."
_MEMBER_NAME = r"[A-Za-z_]\w*\s*(?:=(?!=)|[({])"
_FOREIGN_NAME = rf"(?:{_MEMBER_NAME}|[A-Za-z_]\w*\s*:(?!=)|(?:\"[^\"\n]*\"|'[^'\n]*')\s*[:=])"
_LINE_END = r"(:)(?=[ \t]*(?:(?:#|//)[^\n]*)?(?:\n|$))"

TEXTS = (
    Form(r"/\*", "a comment has no end", "end it with `*/`; a comment of one line is written with `#`.",
         "it starts here", kind="open_comment"),
    *(Form(rf"{q}(?:[^{q}\\\n]|\\[^{q}])*(\\{q})(?:[^{q}\\\n]|\\.)*{q}", _ESCAPES,
           f"put a text that holds `{q}` between `{other}`, without backslashes.", "the string ends here", mark=1,
           within=4, touches=False, sure=True, write=_requoted)
      for q, other in (('"', "'"), ("'", '"'))),
)

FORMS = (
    # Dollars and numbers.
    Form(r"\$(\w+)\$", ("`<0>` is written `<1>` outside of strings", "`$...$` is used only in strings"),
         "write `<1>`.", "names are used as they are",
         'Only inside a string do dollar signs put a value in: `"<0>/train"`. A value from outside comes with the '
         "command: `netdsl run FILE <1>=...`.", "<1>", sure=True),
    Form(r"\$", "`$` is used only in strings", 'a name is used as it is: `dataDir`; in a string: `"$dataDir$/train"`.',
         "remove this", write="", sure=True),
    _NUMBER(r"(\d+(?:_\d+)+)(?![\w.])", hint="write it without the underscore: `<fix>`.",
            write=lambda m: m[0].replace("_", "")),
    _NUMBER(r"(\d+(?:x\d+)+)(?![\w.])", hint="sizes are joined by `:`: `<fix>`.",
            write=lambda m: m[0].replace("x", ":")),
    _NUMBER(r"(\d*\.\d+\.(?!\.)[\w.]*)", within=1,
            hint="a number has one decimal point; sizes are joined by `:`, as in `3:3`."),
    _NUMBER(r"(\d[\w.]*)", hint="a name starts with a letter; a product needs its `*`, as in `2*x`.", kind="unknown"),
    # Square brackets.
    _BRACKET(r"(\[\|)(?:((?:(?!\|\])[\s\S])*[^\s|](?:(?!\|\])[\s\S])*)\|\])?", "`[| ... |]` is no longer used",
             "a list is joined by `:`, as in `a : b : c`; one value alone is a list of one.", mark=1, within=1,
             write=lambda m: f"({m[2]})" if m[2] else m[0], sure=True),
    Form(",", "an index is one number", "`list[0]` takes one element out of a list.", "this comma", kind=",",
         roles=("index",), when=lambda context: context.words[(context.lowest or 1) - 1].text[0].islower()),
    *(_BRACKET(r"(\w+)\s*(\[)", (title, "these brackets take an element out of a list"), hint,
               "this takes an element out of a list", fix=_brackets(mark), mark=2, at="bracket", kind=kinds,
               roles=("index",))
      for title, hint, mark, kinds in (
          ("what `<1>` is applied to goes in `( )`", "write `<1> (...)`.", "(", (")", ":=")),
          ("the options of `<1>` go in braces", "write `<1> {...}`.", "{", ("=", ",", "}")))),
    _BRACKET(r"\[(?=\s*(?:\]|\w+\s*=(?!=)))", "a record is written in braces",
             "write `{ a = 1; b = 2 }`; `[ ]` takes an element out of a list: `list[0]`.", "not in square brackets",
             fix=_brackets("{"), value=True),
    _BRACKET(r"\[", "a list is written without square brackets",
             "a list is joined by `:`, as in `a : b : c`; `[ ]` takes an element out: `list[0]`.",
             "remove this bracket", fix=_brackets("(", joined=True), value=True),
    # Signs of other languages, from the special to the general.
    Form(r"\.\.", "an index is one number; there are no slices",
         "`list << 2` leaves the first two elements out; `array[0..3] (i => list[i])` takes some.", roles=("index",)),
    Form(r"\.\.", "`..` is used only between bounds", "bounds are written in `array[0..3] (i => ...)` and "
         "`V[i:0..3] = ...`.", not_in=("elements", "array", "index")),
    Form(r"(?:(?<=[)}])|(?<=[)}] ))->", "`->` is not an operator here",
         "layers follow each other by `:` in a Sequential, or by `>>`.", write=">>", reads=1, within=1),
    Form(r"->", "a function is written with `=>`", "write `x => ...`.", write="=>", reads=1, within=1),
    *(Form(found, f"`{found}` is written `{right}`", "write `<fix>`.", write=right, reads=1, within=1)
      for found, right in (("<>", "!="), ("===", "=="), ("!==", "!="), ("=<", "<="))),
    Form(r"::", "`::` is one colon too many", "write `:`.", write=":", reads=1, within=1),
    Form(r"((?:\+|-|\*\*?|/|%|\.\*)=)(?!=)", *_KEEPS, within=1),
    Form(r"(\+\+|--)(?=[ \t]*(?:\n|$|#|;))", *_KEEPS, within=4, touches=False),
    Form(r"(\d+(?:\.\d+)?)(\s*%)(?=[ \t]*(?:[\n,;)}]|$))", "a percentage is written as a number, without `%`",
         "write `<fix>`.", write=lambda m: f"{float(m[1]) / 100:g}", mark=2, within=4, touches=False),
    Form(r"\d{1,3}(?: 0\d\d)+(?![\w.])", "a number has no spaces", "write `<fix>`.", within=1,
         write=lambda m: m[0].replace(" ", "")),
    Form(r"'([^'\n]*)''([^'\n]*)'", _ESCAPES, "put a text that holds `'` between `\"`.", write="\"<1>'<2>\"",
         sure=True, within=1),
    Form(r"\"\"\"|'''", "a comment begins with `#`", "put `#` before each line of it, or `/* ... */` around all.",
         within=1, value=False),
    Form(r"(?:--|%)(?=.)", "a comment begins with `#`", "write `#` for `<0>`.", write="#", sure=True, value=False,
         first=True),
    Form(r"-(?=\s*\w)", "the elements of a list are joined by `:`", "write `name = a : b : c`.", value=False,
         first=True),
    Form(r":\s*(?:int|float|str|bool|list|tuple|dict|Tensor)\b(?=\s*=(?!=))", "a name has no type",
         "write `name = value`.", write=""),
    Form(r"\[\s*(\w+)\s*\]", "there are no sections in square brackets",
         "write `<1> = { ... }` for a record; layers are one list: `model = Sequential (a : b : c)`.", value=False,
         first=True),
    Form(r"\{", "the file is itself a record: it has no braces around it",
         "remove the outer braces, and write `name = value`.", value=False, roles=("",), first=True),
    Form(r"if\b", "a member begins with a name, not with `if`", "write `name = if condition then a else b`.",
         value=False, roles=("", "record"), first=True),
    Form(r":\s+=(?!=)", "`:=` is written without a blank", "write `:=`.", write=":=", within=1),
    _sign(r"\|>", "`|>` is written `>>`", ">>", "write `f >> g`: first `f`, then `g`."),
    _sign(r"&", "`&` is not an operator here", "&&", "the logical and is `&&`."),
    _sign(r"\|", "`|` is not an operator here", "||", "the logical or is `||`."),
    _sign(r"\^", "`^` is not an operator here", "**", "a power is written `x ** 2`."),
    _sign(r"@", "`@` is not an operator here", "*", "the product of matrices is written `W * x`."),
    _sign(r"\?", "`?` is not an operator here", None, "write `if condition then a else b`."),
    _sign(r"~", "`~` is not an operator here", "!", "the logical not is `!`."),
    _sign(r"\\", r"`\` has no meaning here", "", "an expression goes on over the end of a line by itself."),
    _sign("\u00d7", "multiplication is written `*`", "*", "write `*`, or `:` between sizes, as in `3:3`."),
    _sign("`", "a name needs no quotes", "", "remove the ```."),
    _sign("\u2026", "an ellipsis is a single character here", "..", "write two dots: `0..9`."),
    _sign("\u00f7", "division is written `/`", "/"),
    *(_sign(sign, "this comparison is written with two characters", right)
      for sign, right in (("\u2264", "<="), ("\u2265", ">="), ("\u2260", "!="))),
    _sign("[\u2192\u21d2]", "this arrow is written with two characters", "=>"),
    _sign("\u00a0", "there is a non-breaking space here", " ", "replace it by a plain space."),
    _sign("\u200b", "there is an invisible character here", "", "delete it: a space of no width."),
    _sign("\ufeff", "there is an invisible character here", "", "delete it: a byte order mark."),
    _sign("[\u00b7\u2217\u22c5]", "multiplication is written `*`", "*"),
    _sign("[\u2212\u2013\u2014]", "this is a dash, not a minus", "-"),
    Form("[\u201c\u201e\u00ab]([^\u201c\u201d\u00bb\"\n]*)[\u201c\u201d\u00bb]", "a string stands between plain quotes",
         "write `\"` or `'`.", "here", write='"<1>"'),
    _sign("[\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb]", "a string stands between plain quotes", None,
          "write `\"` or `'`."),
    _sign(r"[^\W\d_]", "a name has a letter that is not one of a to z", None,
          "names are made of a to z, A to Z, digits and `_`; comments and strings hold any letter."),
    _sign(r"[\s\S]", "there is a character here that has no meaning", "", "remove it (<code>)."),
    Form(r"(?<![\w.])(\d+)(,)(\d+)(?![\w.])(?!\s*,)", "`<1>,<3>` is not a number",
         "write the decimal point: `<fix>`. A list is joined by `:`.", "a comma cannot stand here", write="<1>.<3>",
         mark=2, kind=",", within=1, not_in=("elements", "array")),
    # Words of other languages.
    Form(r"include\s+([\w./][^\s;\"'{]*)", "the file of an `include` stands in quotes", 'write `include "<1>"`.',
         mark=1, write='include "<1>"', sure=True, within=1),
    Form(r"[fFrRbBuU]{1,2}(?=(['\"]).*?\1)", "a string has no letter before it",
         'write the string alone; `"$name$/train"` puts the value of `name` in.', write="", within=2),
    _word("not", "`not` is written `!`", "write `!` before the value, as in `!pad`.", "!"),
    *(_word(word, "`<1>` is written `<fix>`", write=sign) for word, sign in (
        ("and", "&&"), ("or", "||"), ("is", "=="), ("mod", "%"), ("div", "/"), ("elif|elseif", "else if"))),
    _word("def|function", "`<1>` is not needed", "write `f (x) = ...`.", "", 1),
    _word("let|var|val|const", "`<1>` is not needed", f"{_MEMBER}.", "", 1),
    _word("return", "there is no `return`", "the value of `f (x) = ...` is what follows the `=`.", "", 1),
    _word(r"new(?=\s+(\w+)\s*[\[(])", "there is no `new`", "write `<2> {...}`, without `new`, and options in braces."),
    Form(r"(new)\b(?:[ \t]+\w+[ \t]*(?=\{)|[ \t]*)", "there is no `new`",
         "a record is written `{ ... }`, without `new` and a class name.", "this is an ordinary name here", write="",
         reads=1, mark=1, within=6, touches=False),
    _word(r"for(?=\s+\w)", "there is no `for`", "`LayerStack {n, i => layer}` stacks n layers, each with its own "
          "weights; `array[0..n-1] (i => ...)` makes a value for every index."),
    _word(r"while(?=\s*[\w(])", "there is no `while`", "values do not change; a function may call itself."),
    _word(r"(?:import|from)(?=\s+\w)|import(?=\s*[\"'])", "there is no `import`", 'write `include "file.net"`.'),
    _word(r"class(?=\s+\w)", "there are no classes", "a function that gives a record takes their place: "
          "`Block {width} = { ... }`."),
    Form(r"(lambda)\b\s*([\w, ]*?)\s*:", "a function is written with `=>`",
         "write `<fix> ...`, in parentheses if it stands in a list.", "there is no `lambda`", sure=True, mark=1,
         write=lambda m: f"{m[2]} =>" if m[2].isidentifier() else f"({m[2]}) =>", within=6, touches=False),
    Form(r"layers?\s*\{", "a layer is not a block of its own",
         "layers are one list: `model = Sequential (conv1 := ConvolutionalLayer {32, (5:5)} : ...)`.", within=8,
         touches=False),
    Form(r"([A-Za-z_]\w*)\.add\s*\(", "layers are not added to `<1>`",
         "write them as one list: `<1> = Sequential (first : second : third)`.", within=4, touches=False),
    Form(r"[A-Za-z_]\w*(?:-\w+)+(?=\s*:?=(?![=>]))", "`<0>` is not a name: names hold no `-`",
         "write `<fix>` or `<joined>`.", write=lambda m: m[0].replace("-", "_"), reads=1, within=8),
    Form(r"(?:(?<=\.)(?:if|then|else|true|false|array|include)|(?:if|array|include)(?=\s*(?:=(?!=)|:=))|"
         r"(?:then|else|true|false)(?=\s*(?:[,.:)}\]]|=(?!=))))\b", "`<0>` is a word of the language, not a name",
         "use another name, for example `<fix>`.", "this name is taken", write="<0>Value", within=1),
    Form(r"if\b", "`if` inside a list needs parentheses", "write `a : (if condition then b else c) : d`.",
         "put a `(` before this, and a `)` after the last part", kind="if", value=True,
         when=lambda context: context.kind(context.bad - 1) in (":", ":=")),
    Form(r"if\b", ("`if` after <before> needs parentheses", "`if` needs parentheses here"),
         "<before> `(if ... then ... else ...)`.", "put a `(` before this, and a `)` after the last part",
         kind="if", value=True, when=lambda context: context.bad > 0),
    Form(r"(if)\b(?:(?!\bthen\b)[^\n])*?\belse\b", "a condition comes before its two values",
         "write `if condition then a else b`.", "not after the first", mark=1, value=False, first=False),
    Form("=", "a comparison is written `==`", "write `==`.", "`=` gives a name its value", write="==", kind="=",
         when=_in_condition),
    # Members.
    _COMMA(rf",(?=[ \t]*{_FOREIGN_NAME})", _NO_COMMAS[0], _NO_COMMAS[1] + _BRACES, write=" ;", roles=("record",),
           when=lambda context: _between_members(context) and not context.opened_here()),
    _COMMA(rf",(?=[ \t]*{_MEMBER_NAME})", *_NO_COMMAS, write=" ;"),
    _COMMA(rf",(?=\s*{_FOREIGN_NAME})", *_NO_COMMAS, write=""),
    _COMMA(r",(?=\s*[)}\]])", "a record ends without a comma", "remove it.", write=""),
    _COMMA(",", "a list is joined by `:`, not by commas", "write `:`; commas stand between the arguments of a call.",
           write=" :", reads=2),
    # `Block (w) { DenseLayer {w} }` and `SGD { a = 1 ; b = 2 }`: read as parameters, which hold no members.
    _BLOCK(hint="write `<called> = ...`: the value follows the `=`, without braces.", write="<1> <2> =",
           fix=_brackets("=")),
    _BLOCK(hint="write `<1> = { ... }`.", write="<1> <2> = {",
           fix=lambda context: (context.insertion(context.lowest or 0, "="),)),
    _SEMICOLON("the steps of a Sequential are joined by `:`, not by `;`", write=":",
               when=lambda context: context.in_list and context.in_sequential),
    _SEMICOLON("the elements of a list are joined by `:`, not by `;`", write=":", when=lambda context: context.in_list),
    _SEMICOLON("<bracket> are separated by commas", write=","),
    Form(";", "one `;` ends a member; this one ends nothing",
         "`;` is used only after a member, and a new line does the same.", "remove this", write="", reads=1, kind=";",
         value=False, not_in=("call", "parameters", "group")),
    _COLON(_LINE_END, "the value of a function follows `=`", "write `<head> (x) = ...`.",
           when=lambda context: context.head is not None and context.kind(context.head + 1) in OPENERS),
    _COLON(r"(:)\s*\n\s*-", "the elements of a list are joined by `:`", "write `<head> = a : b : c`.",
           when=lambda context: context.head is not None),
    _COLON(_LINE_END, "a record stands in braces", "write `<head> = { ... }`.",
           when=lambda context: context.head is not None),
    Form(":=", "a member is set with `=`", "write `<head> = ...`.", "`:=` names a step of a list", write=_equals,
         when=_is_member),
    Form(":(?!=)", "a member is set with `=`, not with `:`", "write `<head> = ...`.", "this colon joins lists",
         write=_equals, when=_is_member),
    Form(r"((['\"])([A-Za-z_]\w*)\2)\s*[:=]", "the name of a member stands without quotes", "write `name = value`.",
         "this is a string", write="<3> =", mark=1, value=False, when=lambda context: context.takes_name),
)

#: Tried when no small change helps: the forms that leave no other choice.
LAST = (
    Form(r"\w+|\S", "the elements of a list are given by a name and bounds", "", "this does not fit the form",
         "The form, for the elements 0 to 3, is\n    V[i:0..3] = i * i", roles=("elements",)),
    Form(r"\w+|\S", "an array is given by its bounds and a function", "", "this does not fit the form",
         "The form, for the elements 0 to 3, is\n    array[0..3] (i => i * i)", roles=("array",)),
    Form(r"[^\s,)}]+", "`<0>` cannot be a parameter",
         "parameters are names, with or without a default: `f (x, y = 1) = ...`.", "a name stands here",
         roles=("parameters",)),
)
