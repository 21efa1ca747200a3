"""What was most likely meant by a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that was most likely meant, or None.

    Equal but for case first, then one that is a letter away, then one that contains it
    (`minibatchSize` for `batchSize`), then the closest within a third of the length; else one that shares
    its beginning (`pad` for `padding`, `ConvolutionLayer` for `ConvolutionalLayer`).
    """
    known = sorted(set(candidates))
    folded = name.casefold()
    for candidate in known:
        if candidate.casefold() == folded:
            return candidate
    scored = [(_distance(folded, candidate.casefold()), candidate) for candidate in known]
    containing = [candidate for candidate in known if len(name) >= 5 and folded in candidate.casefold()]
    if containing and min(scored)[0] > 1:
        return min(containing, key=len)
    near = [pair for pair in scored if pair[0] <= max(1, len(name) // 3)]
    if near:
        return min(near, key=lambda pair: (pair[0], abs(len(pair[1]) - len(name))))[1]
    prefixed = [
        candidate
        for candidate in known
        if len(name) >= 4 and (candidate.casefold().startswith(folded) or folded.startswith(candidate.casefold()))
        and len(candidate) >= 3
    ]
    if prefixed:
        return min(prefixed, key=lambda candidate: abs(len(candidate) - len(name)))
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return close[0] if close else None


def _distance(a: str, b: str) -> int:
    """Damerau-Levenshtein distance with adjacent swaps (optimal string alignment)."""
    before, row = [0] * (len(b) + 1), list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        before, row, last = [*row], [i], before
        for j, right in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[len(b)]


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """`did you mean `x`?`, or an empty text where nothing is near."""
    found = suggest(name, candidates)
    return f"did you mean `{found}`?" if found else ""
