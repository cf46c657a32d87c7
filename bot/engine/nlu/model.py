"""The intent model: features, linear classifier, calibration, rejection, nearest example. No Rasa here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bot.engine.nlu import training
from bot.engine.nlu.dense import Dense
from bot.engine.nlu.feature_cache import FeatureCache
from bot.engine.nlu.features import Vectoriser
from bot.engine.nlu.kernel import Kernel
from bot.engine.nlu.linear import Linear
from bot.engine.nlu.memory import Memory
from bot.engine.nlu.rejection import Rejection
from bot.engine.nlu.spelling import Spelling
from bot.engine.nlu.text import clean, words
from bot.engine.nlu.training import OUT_OF_SCOPE

FORMAT = 1


@dataclass(frozen=True)
class Options:
    """How to train. Every number was chosen on splits of training data (docs/nlu.md)."""

    cost: float = 0.3
    folds: int = 3
    left_out: float = 0.25  # share of the intents that a fold does not see, to learn rejection from
    expected_out_of_scope: float = 0.15  # share of messages outside every intent, expected in use
    seed: int = 7


@dataclass(frozen=True)
class Prediction:
    """What the model says about one message."""

    intent: str
    confidence: float
    ranking: list[tuple[str, float]]
    margin: float
    nearest: tuple[str, str, float] | None  # training example, its intent, cosine
    rejected: bool
    rejection_score: float


@dataclass
class IntentModel:
    """Trained model; `fit` or `load` makes one."""

    vectoriser: Vectoriser
    linear: Linear
    temperature: float
    rejection: Rejection
    memory: Memory
    options: Options
    report: dict[str, Any]
    kernel: Kernel | None = None  # where an encoder is installed
    dense: Dense | None = None
    spelling: Spelling = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Learn how the examples are spelt."""
        self.spelling = Spelling(self.memory.texts)

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        intents: Sequence[str],
        options: Options | None = None,
        dense: Dense | None = None,
        background: Sequence[str] = (),
        cache: FeatureCache | None = None,
    ) -> IntentModel:
        """Train on examples; those of `out_of_scope` and `background` teach what to reject."""
        options = options or Options()
        return cls(**training.fit(texts, intents, options, dense, background, cache), dense=dense)

    def refit(
        self, texts: Sequence[str], intents: Sequence[str], background: Sequence[str], cache: FeatureCache
    ) -> IntentModel:
        """A model of these examples that keeps this one's calibration and rejection.

        Raises:
            ValueError: the intents are not the same; calibration and rejection would mean nothing.
        """
        parts = training.refit(texts, intents, self.options, self.dense, background, cache)
        votes = parts.pop("votes")
        if parts["linear"].classes != self.linear.classes:
            raise ValueError("other intents than the model's: a whole training is needed")
        report = {**self.report, "examples": len(texts)}
        kernel = None if self.kernel is None else replace(self.kernel, votes=votes)
        return replace(self, **parts, kernel=kernel, report=report)

    def predict(self, text: str) -> Prediction:
        """Classify one message."""
        return self.predict_all([text])[0]

    def predict_all(self, texts: Sequence[str], ranking_length: int = 10) -> list[Prediction]:
        """Classify some messages; an encoder reads them together."""
        texts = [self.spelling.mend(text) for text in texts]
        found = [self.vectoriser.row(words(clean(text))) for text in texts]
        weights = self.linear.weights
        scores = np.stack([values @ weights[columns].astype(np.float32) for columns, values, _ in found])
        scores += self.linear.bias
        similarity = np.stack([self.memory.similarity_of(columns, values) for columns, values, _ in found])
        if self.dense is not None:
            rows = self.dense(texts)
            scores += rows @ weights[self.vectoriser.size :].astype(np.float32)
            self._listen(rows[:, self.dense.sentences :], scores, similarity)
        probability = training.probabilities(scores, self.linear.classes, self.temperature)
        signals, _ = training.signals(
            scores, probability, self.linear.classes, self.memory, similarity,
            np.stack([unseen for *_, unseen in found]), np.array([len(columns) for columns, *_ in found]),
        )  # fmt: skip
        strangeness = self.rejection.score(signals)
        return [
            self._answer(
                probability[i], similarity[i], float(strangeness[i]), len(found[i][0]), ranking_length
            )
            for i in range(len(texts))
        ]

    def _listen(self, near: np.ndarray, scores: np.ndarray, similarity: np.ndarray) -> None:
        """Add what the encoder's vectors say, where a message has one, to the scores and the likeness."""
        heard = np.flatnonzero(near.any(axis=1))
        if not len(heard):
            return
        cosines = self.memory.cosines(near[heard])
        similarity[heard] = self.memory.likeness(similarity[heard], cosines)
        if self.kernel is not None:
            background = np.array([name == OUT_OF_SCOPE for name in self.linear.classes])
            scores[heard] = self.kernel.beside(scores[heard], self.kernel.scores(cosines), background)

    def _answer(
        self, probability: np.ndarray, similarity: np.ndarray, strangeness: float, features: int, length: int
    ) -> Prediction:
        classes = self.linear.classes
        order = [int(k) for k in np.argsort(-probability) if classes[k] != OUT_OF_SCOPE]
        ranking = [(classes[k], float(probability[k])) for k in order[:length]]
        margin = ranking[0][1] - (ranking[1][1] if len(ranking) > 1 else 0.0)
        rejected = not features or strangeness > self.rejection.threshold
        if rejected:
            intent, confidence = OUT_OF_SCOPE, max(strangeness, self.rejection.threshold)
        else:
            intent, confidence = ranking[0]
        nearest = self.memory.nearest(similarity)
        return Prediction(intent, confidence, ranking, margin, nearest, rejected, strangeness)

    def save(self, folder: Path) -> None:
        """Write `intents.npz` and `intents.json`; nothing is pickled."""
        arrays = self.vectoriser.arrays() | self.memory.arrays()
        arrays["weights"] = self.linear.weights.astype(np.float16)
        arrays["bias"] = self.linear.bias
        if self.kernel is not None:
            arrays["votes"] = self.memory.stored(self.kernel.votes)
            arrays["votes_scale"] = np.array(self.kernel.scale)
        np.savez(folder / "intents.npz", **arrays)
        facts = {
            "format": FORMAT,
            "classes": self.linear.classes,
            "temperature": self.temperature,
            "rejection": self.rejection.to_json(),
            "options": asdict(self.options),
            "examples": self.memory.texts,
            "example_intents": self.memory.intents,
            "report": self.report,
            "dense": self.dense.describe() if self.dense is not None else None,
        }
        (folder / "intents.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, dense: Dense | None = None) -> IntentModel:
        """Read what `save` wrote.

        Raises:
            ValueError: another format, or the model was trained with an encoder and none is given.
        """
        facts = json.loads((folder / "intents.json").read_text(encoding="utf-8"))
        if facts["format"] != FORMAT:
            raise ValueError(f"intent model of format {facts['format']}, this program reads {FORMAT}")
        with np.load(folder / "intents.npz", allow_pickle=False) as arrays:
            vectoriser = Vectoriser.from_arrays(arrays)
            linear = Linear(facts["classes"], arrays["weights"], arrays["bias"])
            memory = Memory.from_arrays(arrays, facts["examples"], facts["example_intents"])
            kernel = None
            if "votes" in arrays:
                votes = arrays["votes"][memory.voiced].astype(np.float32)
                kernel = Kernel(votes, float(arrays["votes_scale"]))
        if facts["dense"] != (dense.describe() if dense is not None else None):
            raise ValueError(
                f"the model was trained with the dense features {facts['dense']}, installed are "
                f"{dense.describe() if dense is not None else None}; train it again"
            )
        return cls(
            vectoriser, linear, facts["temperature"], Rejection.from_json(facts["rejection"]),
            memory, Options(**facts["options"]), facts["report"], kernel, dense,
        )  # fmt: skip


__all__ = ["OUT_OF_SCOPE", "Dense", "IntentModel", "Options", "Prediction"]
