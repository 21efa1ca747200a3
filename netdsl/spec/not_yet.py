"""What people look for and netdsl does not have, said plainly, with what comes nearest."""

from __future__ import annotations

#: Words that people look for, in small letters without `_` -> what to tell them.
_MISSING = {
    "lstm gru rnn birnn bilstm recurrence recurrent recurrentlstm recurrentlayer recurrentlstmlayer lstmlayer grulayer "
    "rnnlayer lstmcell grucell pastvalue futurevalue fold unfold timedistributed sequence sequences":
        "there are no recurrent layers and no sequences of varying length yet; what has a fixed length can be unrolled "
        "by hand (a step as a function, `state[t:0..16]`), or be taken by convolutions along one axis.",
    "transformer transformerlayer transformerencoder transformerencoderlayer encoderlayer":
        "blocks of transformers are functions in `lib/transformer.net`: `include \"lib/transformer.net\"`, then "
        "`TransformerBlock {heads = 4, width = 128}`.",
    "tokenizer tokenize textvectorization vocabulary wordembedding word2vec":
        "text is not split into words yet; prepare numbers of words and read them with CNTKText or CSV.",
    "weightnorm spectralnorm":
        "this normalization does not exist yet; `LayerNormalizationLayer`, `RMSNormalizationLayer` and "
        "`GroupNormalizationLayer` do.",
    "ctc ctcloss beamsearch edgesearch sequencewithsoftmax": "there are no sequence criteria yet.",
    "graphconv gcn gat gcnconv messagepassing": "there are no layers on graphs.",
    "gan vae diffusion":
        "a network has one optimizer for all criteria; two networks cannot be trained in turns yet.",
    "lambda customlayer module function python":
        "there are no layers in Python; a function of the language makes new ones of those "
        "that are there: `Block {n} (x) = { ... }`.",
}
_WORDS = {word: text for words, text in _MISSING.items() for word in words.split()}


def not_yet(name: str) -> str:
    """What to tell who looks for this; empty where nothing is known of it."""
    folded = name.replace("_", "").replace(" ", "").replace("-", "").casefold()
    return _WORDS.get(folded) or _WORDS.get(folded.removesuffix("layer").removesuffix("s"), "")
