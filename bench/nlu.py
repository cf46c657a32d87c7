"""The published benchmarks in one go: `python -m bench.nlu DATASETS [--encoder off|auto] [--out FILE.json]`.

DATASETS is a folder with `banking77`, `clinc150` and `hint3_curekart` (see SOURCES.md there); it is not part
of the repository. Every data set is trained and measured in a process of its own, so that peak memory is its
own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SETS = ("banking77", "clinc150", "hint3_curekart")
KEYS = (
    "accuracy", "in_scope_accuracy", "oos_recall", "overall_accuracy", "macro_f1", "ece", "train_seconds",
    "latency_ms_p50", "latency_ms_p99", "peak_rss_mb",
)  # fmt: skip


def measure(folder: Path, encoder: str, python: Path) -> dict[str, Any]:
    """Figures of one data set. CLINC150's validation part joins the training: it chooses the operating
    point.
    """
    command = [str(python), "-m", "bot.engine.nlu.tool", "bench", "--encoder", encoder]
    command += ["--train", str(folder / "train.csv"), "--test", str(folder / "test.csv")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout.strip().splitlines()[-1] if done.stdout else done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("datasets", type=Path)
    parser.add_argument("--encoder", default="off")
    parser.add_argument("--python", type=Path, default=ROOT / ".venv-engine" / "bin" / "python")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", choices=SETS)
    arguments = parser.parse_args()
    results = {}
    print("| data | " + " | ".join(KEYS) + " |\n|" + "---|" * (len(KEYS) + 1))
    for name in (arguments.only,) if arguments.only else SETS:
        results[name] = measure(arguments.datasets / name, arguments.encoder, arguments.python)
        print(f"| {name} | " + " | ".join(str(results[name][key]) for key in KEYS) + " |", flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(results, ensure_ascii=False, indent=2), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
