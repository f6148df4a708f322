"""The text front: strings in, the ids of their words out, with the model's own vocabulary."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfdeploy.exporting.fronts.front import Fitted, the_input
from tfdeploy.exporting.fronts.vocabulary import (
    PADDINGS,
    UNKNOWN,
    Vocabulary,
    load_vocabulary,
    wrong,
)

_WHERE = "--text"
_SPLITS = ("whitespace", "characters")
# ASCII's punctuation, each escaped: a regular expression's class of one character.
_PUNCTUATION = "[" + "".join(f"\\{one}" for one in "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'") + "]"


@dataclass(frozen=True)
class TextFront:
    """How a text (string [batch]) becomes ids [batch, length] for a model's input.

    ``vocabulary`` is a file of a token a line, whose ids count up from ``first_id`` (default 0);
    the file becomes an asset of the SavedModel. Words that it lacks get the id of ``unknown``,
    a token of the file, or ``unknown_id``; the default is `[UNK]`, or id 1 where ``first_id``
    leaves room for padding and that. Texts are cut or filled up to ``length``, which comes from
    the model where it is fixed; where it is free, to the longest of the batch. ``padding`` is a
    token of the file; the default is the first line's, where that is empty or `[PAD]`, else id 0.

    ``lower`` and ``strip_punctuation`` both do exactly what
    keras.layers.TextVectorization(standardize="lower_and_strip_punctuation") does, which lowers
    A to Z alone; with ``unicode`` the letters of all alphabets are lowered. ``split`` is at
    "whitespace", or into "characters". ``into`` names the model's input, where it has several of
    whole numbers.
    """

    vocabulary: Path
    alias: str = "text"
    into: str | None = None
    unknown: str | None = None
    unknown_id: int | None = None
    padding: str | None = None
    length: int | None = None
    lower: bool = True
    strip_punctuation: bool = True
    unicode: bool = False
    split: str = "whitespace"
    first_id: int | None = None

    def __post_init__(self) -> None:
        """Refuse what can't work before anything is loaded.

        Raises:
            TfdeployError: TFD116, also for the vocabulary.
        """
        if not self.alias.isidentifier():
            raise wrong(
                f"The text input can't be called '{self.alias}'.",
                _WHERE,
                "choose a name of letters and digits, such as text.",
            )
        if self.split not in _SPLITS:
            raise wrong(
                f"A text can't be split by '{self.split}'.", _WHERE, "whitespace or characters."
            )
        if self.length is not None and self.length < 1:
            raise wrong(
                f"A text can't have a length of {self.length}.", _WHERE, "a length is from 1 on."
            )
        if (self.first_id or 0) < 0:
            raise wrong("Ids begin at 0.", _WHERE, "choose a first_id from 0 on.")
        if self.unknown is not None and self.unknown_id is not None:
            raise wrong("Both unknown and unknown_id are given.", _WHERE, "choose one of them.")
        self._special_ids(load_vocabulary(self.vocabulary))

    def fit(self, tf: Any, specs: Mapping[str, Any]) -> Fitted:
        """Texts to the model's input of ids.

        Raises:
            TfdeployError: TFD116 when it isn't clear which input that is, or it takes no ids.
        """
        name = the_input(specs, self.into or _one_of_ids(specs), _WHERE)
        spec = specs[name]
        length = self._length(name, spec)
        vocabulary = load_vocabulary(self.vocabulary)
        unknown, padding = self._special_ids(vocabulary)
        # The folder lives as long as `make`: until the table's file was copied into the assets.
        folder = tempfile.TemporaryDirectory(prefix="tfdeploy-")
        table = _table(tf, vocabulary, Path(folder.name), self.first_id or 0, unknown)

        def make(tensors: Mapping[str, Any], _folder: Any = folder) -> Mapping[str, Any]:
            ids = tf.ragged.map_flat_values(table.lookup, self._tokens(tf, tensors[self.alias]))
            ids = ids.to_tensor(tf.constant(padding, tf.int64), shape=[None, length])
            return {name: tf.ensure_shape(tf.cast(ids, spec.dtype), [spec.shape[0], length])}

        given = tf.TensorSpec(spec.shape[:1], tf.string, name=self.alias)
        examples = {self.alias: self._examples(vocabulary.tokens)}
        return Fitted({self.alias: given}, (name,), make, [table], examples)

    def _examples(self, tokens: Sequence[str]) -> list[str]:
        """Three texts: with the highest id, with the lowest ones, and of an unknown word."""
        joined = " " if self.split == "whitespace" else ""
        return [joined.join(tokens[::-1][:3]), joined.join(tokens[:4]), "\u25a1made\u25a1up"]

    def _tokens(self, tf: Any, text: Any) -> Any:
        if self.lower:
            text = tf.strings.lower(text, encoding="utf-8" if self.unicode else "")
        if self.strip_punctuation:
            text = tf.strings.regex_replace(text, _PUNCTUATION, "")
        if self.split == "characters":
            return tf.strings.unicode_split(text, "UTF-8")
        return tf.strings.split(text)

    def _length(self, name: str, spec: Any) -> int | None:
        fits = spec.dtype.is_integer or spec.dtype.is_floating
        if not fits or spec.shape.rank != 2:
            raise wrong(
                f"The input '{name}' is {spec.dtype.name} {spec.shape}, which are no texts' ids.",
                _WHERE,
                "the text front fits whole numbers or floats of the shape [?, length].",
            )
        given = spec.shape[1]
        if None not in (given, self.length) and given != self.length:
            raise wrong(
                f"The text front asks for a length of {self.length}, and the model's input "
                f"'{name}' has the shape {spec.shape}.",
                _WHERE,
                "leave the length out: it comes from the model.",
            )
        return self.length if given is None else int(given)

    def _special_ids(self, vocabulary: Vocabulary) -> tuple[int, int]:
        """The ids of unknown words and of padding."""
        first = self.first_id or 0
        start = vocabulary.tokens[0]
        padding = start if self.padding is None and start in PADDINGS else self.padding
        pad = 0 if padding is None else self._id_of(vocabulary, padding, "padding")
        if self.unknown_id is not None:
            return self.unknown_id, pad
        if self.unknown is None and vocabulary.line_of(UNKNOWN) is None and first > 1:
            return 1, pad
        return self._id_of(vocabulary, self.unknown or UNKNOWN, "unknown"), pad

    def _id_of(self, vocabulary: Vocabulary, token: str, option: str) -> int:
        line = vocabulary.line_of(token)
        if line is None:
            begins = ", ".join(repr(one) for one in vocabulary.tokens[:4])
            raise wrong(
                f"The vocabulary has no token '{token}', which `{option}` is to be.",
                str(vocabulary.path),
                f"name another with `{option}`; it begins with {begins}.",
            )
        return line + (self.first_id or 0)


def _one_of_ids(specs: Mapping[str, Any]) -> str | None:
    """The only input of whole numbers; None when there are more, or none."""
    found = [name for name, spec in specs.items() if spec.dtype.is_integer]
    return found[0] if len(found) == 1 else None


def _table(tf: Any, vocabulary: Vocabulary, folder: Path, first_id: int, unknown: int) -> Any:
    r"""A lookup table over a copy of the file: TensorFlow refuses empty lines and keeps ``\r``."""
    empty = 0 if vocabulary.tokens[0] else 1
    file = folder / vocabulary.path.name
    file.write_bytes("".join(f"{one}\n" for one in vocabulary.tokens[empty:]).encode())
    index = tf.lookup.TextFileIndex
    lines = tf.lookup.TextFileInitializer(
        str(file),
        tf.string,
        index.WHOLE_LINE,
        tf.int64,
        index.LINE_NUMBER,
        value_index_offset=first_id + empty,
    )
    return tf.lookup.StaticHashTable(lines, unknown)
