"""The formats, each a pair of pure functions: bytes to rows, rows to bytes."""

import csv
import io
import json
import re
import uuid
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from bot.studio.files import LANGUAGES, Example
from core import yml

MOST_ROWS = 50_000
MOST_BYTES = 8 * 1024 * 1024  # of an uploaded file
MOST_UNPACKED = 64 * 1024 * 1024  # of all files in an archive together
MOST_MEMBERS = 20_000
_CYRILLIC, _LATIN = re.compile(r"[а-яё]", re.I), re.compile(r"[a-z]", re.I)
_ENTITY = re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\{[^}]*\})")
_HOLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_USERSAYS = re.compile(r"(?:^|/)intents/(?P<name>[^/]+)_usersays_(?P<language>[A-Za-z-]+)\.json$")


class BadFile(ValueError):
    """The file is not what it should be; the message is a key of `texts.yml`."""


@dataclass(frozen=True)
class Foreign:
    """One example as the other program has it."""

    text: str
    intent: str
    language: str


def parse(format_: str, data: bytes) -> list[Foreign]:
    """The examples of a file.

    Raises:
        BadFile
    """
    if len(data) > MOST_BYTES:
        raise BadFile("import.too_large")
    try:
        rows = [one for one in _READERS[format_](data) if one.text.strip() and one.intent.strip()]
    except (UnicodeDecodeError, csv.Error, yaml.YAMLError, zipfile.BadZipFile, ValueError, KeyError) as why:
        if isinstance(why, BadFile):
            raise
        raise BadFile("import.unreadable") from why
    except (TypeError, AttributeError, RecursionError, NotImplementedError, RuntimeError) as why:
        raise BadFile("import.unreadable") from why  # well-formed, and of another shape
    if not rows:
        raise BadFile("import.empty")
    if len(rows) > MOST_ROWS:
        raise BadFile("import.too_many")
    return rows


def recognise(name: str, data: bytes) -> str:
    """Which format a file is likely to have, by its name and first bytes."""
    if data[:4] == b"PK\x03\x04":
        return "dialogflow"
    if name.lower().endswith((".yml", ".yaml")):
        return "rasa"
    head = data[:400].decode("utf-8", "replace").lower().splitlines()
    return "bitext" if head and "instruction" in head[0] else "csv"


def export(format_: str, examples: Sequence[Example]) -> tuple[bytes, str, str]:
    """The examples as a file: its bytes, its name, its MIME type."""
    return _WRITERS[format_](examples), *_NAMES[format_]


# --- CSV: text,intent ------------------------------------------------------------------------------------


def _table(data: bytes) -> csv.DictReader[str]:
    text = data.decode("utf-8-sig")
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)  # what a spreadsheet writes depends on its country
    return csv.DictReader(io.StringIO(text), delimiter=delimiter)


def _read_csv(data: bytes) -> list[Foreign]:
    table = _table(data)
    if not {"text", "intent"} <= set(table.fieldnames or ()):
        raise BadFile("import.no_columns")
    rows = [(_cell(row["text"]), row["intent"] or "", row.get("language")) for row in table]
    return [Foreign(text, intent, language or language_of(text)) for text, intent, language in rows]


def _write_csv(examples: Sequence[Example]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("text", "intent", "language"))
    writer.writerows((_safe_cell(plain(one.text)), one.intent, one.language) for one in examples)
    return out.getvalue().encode()


# --- Rasa YAML -------------------------------------------------------------------------------------------


def _read_rasa(data: bytes) -> list[Foreign]:
    found = []
    for entry in yml.parse(data.decode("utf-8-sig"))["nlu"]:
        if "intent" not in entry:
            continue
        given = entry["examples"]
        lines = given.splitlines() if isinstance(given, str) else [f"- {one['text']}" for one in given]
        for line in lines:
            text = line.strip().removeprefix("- ").strip()
            found.append(Foreign(text, str(entry["intent"]), language_of(text)))
    return found


def _write_rasa(examples: Sequence[Example]) -> bytes:
    by_intent: dict[str, list[str]] = defaultdict(list)
    for one in examples:
        by_intent[one.intent].append(one.text)
    parts = ['version: "3.1"\nnlu:\n']
    for intent, texts in by_intent.items():
        parts.append(f"- intent: {intent}\n  examples: |\n" + "".join(f"    - {text}\n" for text in texts))
    return "".join(parts).encode()


# --- Bitext: flags,instruction,category,intent,response --------------------------------------------------


def _read_bitext(data: bytes) -> list[Foreign]:
    table = _table(data)
    if not {"instruction", "intent"} <= set(table.fieldnames or ()):
        raise BadFile("import.no_columns")
    found = []
    for row in table:
        text = " ".join(_HOLE.sub(_filled, _cell(row["instruction"])).split())
        found.append(Foreign(text, row["intent"] or "", language_of(text)))
    return found


def _filled(hole: re.Match[str]) -> str:
    """What stands for `{{Order Number}}` and its like."""
    return "77-10452" if "number" in hole[1].lower() else ""


def _write_bitext(examples: Sequence[Example]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("flags", "instruction", "category", "intent", "response"))
    writer.writerows(
        ("", _safe_cell(plain(one.text)), one.intent.upper(), one.intent, "") for one in examples
    )
    return out.getvalue().encode()


# --- Dialogflow ES: a zip of intents/NAME.json and intents/NAME_usersays_LANGUAGE.json -------------------


def _read_dialogflow(data: bytes) -> list[Foreign]:
    found = []
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS or sum(one.file_size for one in members) > MOST_UNPACKED:
            raise BadFile("import.too_large")
        for member in members:
            if (match := _USERSAYS.search(member.filename)) is None:
                continue
            language = match["language"].lower().partition("-")[0]
            for said in json.loads(archive.read(member).decode("utf-8-sig")):
                text = "".join(str(piece["text"]) for piece in said["data"])
                found.append(Foreign(text, match["name"], language))
    return found


def _write_dialogflow(examples: Sequence[Example]) -> bytes:
    grouped: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for one in examples:
        grouped[one.intent][one.language].append(plain(one.text))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:

        def put(name: str, content: Any) -> None:
            member = zipfile.ZipInfo(name)  # with a fixed date: the same examples give the same archive
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, json.dumps(content, ensure_ascii=False, indent=2))

        put("package.json", {"version": "1.0.0"})
        put("agent.json", {"language": LANGUAGES[0], "supportedLanguages": list(LANGUAGES[1:])})
        for intent, by_language in grouped.items():
            put(f"intents/{intent}.json", {"id": _id(intent), "name": intent, "auto": True, "responses": []})
            for language, texts in by_language.items():
                said = [
                    {
                        "id": _id(f"{intent}/{language}/{text}"),
                        "data": [{"text": text, "userDefined": False}],
                        "isTemplate": False,
                        "count": 0,
                    }
                    for text in texts
                ]
                put(f"intents/{intent}_usersays_{language}.json", said)
    return out.getvalue()


def _id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"zabota:{name}"))


# --- what they share -------------------------------------------------------------------------------------


def language_of(text: str) -> str:
    """Russian when most of its letters are Cyrillic, else English."""
    return "ru" if len(_CYRILLIC.findall(text)) >= max(1, len(_LATIN.findall(text))) else "en"


def plain(text: str) -> str:
    """An example without the marks of its entities."""
    return _ENTITY.sub(r"\1", text)


def _safe_cell(text: str) -> str:
    """A spreadsheet must not take a customer's words for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def _cell(text: str | None) -> str:
    """What `_safe_cell` wrote, as it was."""
    return (text or "")[1:] if re.match(r"'[=+@\t-]", text or "") else text or ""


_READERS: dict[str, Callable[[bytes], Iterable[Foreign]]] = {
    "csv": _read_csv,
    "rasa": _read_rasa,
    "bitext": _read_bitext,
    "dialogflow": _read_dialogflow,
}
_WRITERS: dict[str, Callable[[Sequence[Example]], bytes]] = {
    "csv": _write_csv,
    "rasa": _write_rasa,
    "bitext": _write_bitext,
    "dialogflow": _write_dialogflow,
}
_NAMES = {
    "csv": ("examples.csv", "text/csv"),
    "rasa": ("nlu.yml", "application/yaml"),
    "bitext": ("bitext.csv", "text/csv"),
    "dialogflow": ("dialogflow.zip", "application/zip"),
}
FORMATS = tuple(_READERS)
