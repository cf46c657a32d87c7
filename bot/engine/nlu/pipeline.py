"""The spaCy pipelines of both languages, built here from blank ones: nothing is downloaded."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc

from bot.engine.nlu import vectors
from bot.engine.nlu.morphology import lemma
from bot.engine.nlu.text import is_cyrillic


@Language.component("zabota_lemmas")
def assign_lemmas(doc: Doc) -> Doc:
    """Dictionary forms: pymorphy3's for Russian, light stems for English."""
    for token in doc:
        token.lemma_ = lemma(token.lower_.replace("ё", "е"))
    return doc


@Language.component("zabota_vectors")
def give_vectors(doc: Doc) -> Doc:
    """Word and message vectors from navec, computed when they are asked for."""
    doc.user_token_hooks["vector"] = _word_vector
    doc.user_token_hooks["has_vector"] = lambda token: bool(_word_vector(token).any())
    doc.user_hooks["vector"] = lambda d: np.mean(
        [_word_vector(t) for t in d] or [np.zeros(vectors.WIDTH)], axis=0
    )
    return doc


def _word_vector(token: Any) -> np.ndarray:
    table = vectors.shared()
    word = token.lower_.replace("ё", "е")
    found = table.get(word) if table is not None and is_cyrillic(word) else None
    return found[0] if found is not None else np.zeros(vectors.WIDTH, dtype=np.float32)


@lru_cache(maxsize=2)
def pipeline(language: str) -> Language:
    """The pipeline of `ru` or `en`: tokenizer, lemmas, vectors.

    A blank pipeline has no lemmatizer of its own; spaCy 3.4's Russian one would want pymorphy2 anyway.
    """
    import spacy

    made = spacy.blank(language)
    made.add_pipe("zabota_lemmas")
    made.add_pipe("zabota_vectors")
    return made
