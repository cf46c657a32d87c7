"""Pictures of a comparison, as SVG: colours come from the page's style sheet, so they suit dark mode."""

import math
from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup, escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 420, 220, 34, 28, 10
DEEP = HEIGHT - BOTTOM - TOP  # of what is drawn between the axes
FULL = 0.93  # of that for the highest bar, so that its number fits above
CELL, NAMES, LETTERS = 26, 170, 30  # of the matrix: side of a cell, room for names, letters in it

Point = tuple[float, float]


def histogram(bars: Sequence[Sequence[int]], title: str, right: str, wrong: str) -> Markup:
    """How many answers were right and wrong at each tenth of confidence.

    Heights grow with the square root: most answers are sure ones, and the few others matter more. How many
    they are stands above each bar.

    Args:
        bars: [right, wrong] by tenth, from 0 to 1.
    """
    most = max((sum(bar) for bar in bars), default=0) or 1
    step = (WIDTH - LEFT - 6) / max(len(bars), 1)
    drawn = []
    for n, (good, bad) in enumerate(bars):
        whole = good + bad
        high = math.sqrt(whole / most) * FULL
        x = LEFT + n * step + 2
        for name, below, count in (("good", 0, good), ("bad", good, bad)):
            y, height = _y(high * (below + count) / (whole or 1)), high * count / (whole or 1) * DEEP
            words = escape(f"{n * 10}–{n * 10 + 10} %: {right if name == 'good' else wrong} {count}")
            drawn.append(
                f'<rect class="{name}" x="{x:.1f}" y="{y:.1f}" width="{step - 4:.1f}" '
                f'height="{height:.1f}"><title>{words}</title></rect>'
            )
        drawn.append(_words(x + step / 2 - 2, _y(high) - 3, str(whole or ""), "middle"))
    return _picture(title, "".join(drawn), ("", ""), ("0 %", "100 %"))


def curve(live: Sequence[Point], new: Sequence[Point], title: str, across: str, up: str) -> Markup:
    """Rejection at every threshold, of both models."""
    lines = "".join(
        f'<polyline class="{name}" points="{" ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)}"/>'
        for name, points in (("live", live), ("new", new))
    )
    return _picture(title, lines, ("100 %", "0"), ("0 %", "100 %"), across, up)


def matrix(
    names: Sequence[str], counts: Mapping[tuple[str, str], int], called: Callable[[str], str], title: str
) -> Markup:
    """What messages mean, line by line, and what they are taken for, column by column.

    Args:
        names: the intents that are shown, in order.
        counts: messages by (meant, taken for); what is right stands on the diagonal.
        called: how people call an intent.
    """
    wrong = max((count for (truth, taken), count in counts.items() if truth != taken), default=0) or 1
    drawn = []
    for row, truth in enumerate(names):
        y = TOP + CELL + row * CELL
        drawn.append(_words(NAMES - 6, y + CELL / 2 + 3, f"{_short(called(truth))} {row + 1}", "end"))
        drawn.append(_words(NAMES + (row + 0.5) * CELL, TOP + CELL - 6, str(row + 1), "middle"))
        for column, taken in enumerate(names):
            count = counts.get((truth, taken), 0)
            name, depth = ("good", 0.25) if truth == taken else ("bad", 0.15 + 0.6 * count / wrong)
            x = NAMES + column * CELL
            words = escape(f"{called(truth)} → {called(taken)}: {count}")
            drawn.append(
                f'<g><title>{words}</title><rect class="{name if count else "none"}" x="{x + 1}" y="{y + 1}" '
                f'width="{CELL - 2}" height="{CELL - 2}" rx="3" fill-opacity="{depth if count else 1:.2f}"/>'
            )
            if count:
                drawn.append(_words(x + CELL / 2, y + CELL / 2 + 3.5, str(count), "middle", "count"))
            drawn.append("</g>")
    side = CELL * len(names)
    return Markup(  # noqa: S704 - every text in it is escaped
        f'<svg class="picture matrix" role="img" viewBox="0 0 {NAMES + side + 4} {TOP + CELL + side + 4}">'
        f"<title>{escape(title)}</title>{''.join(drawn)}</svg>"
    )


def _words(x: float, y: float, text: str, anchor: str, name: str = "") -> str:
    kind = f' class="{name}"' if name else ""
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _short(text: str) -> str:
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"


def _picture(
    title: str, inside: str, sides: tuple[str, str], ends: tuple[str, str], across: str = "", up: str = ""
) -> Markup:
    axes = (
        f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - 4}"/>'
        f'<text x="{LEFT - 4}" y="{TOP + 8}" text-anchor="end">{escape(sides[0])}</text>'
        f'<text x="{LEFT - 4}" y="{HEIGHT - BOTTOM}" text-anchor="end">{escape(sides[1])}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 12}">{escape(ends[0])}</text>'
        f'<text x="{WIDTH - 4}" y="{HEIGHT - 12}" text-anchor="end">{escape(ends[1])}</text>'
        f'<text x="{(WIDTH + LEFT) / 2}" y="{HEIGHT - 2}" text-anchor="middle">{escape(across)}</text>'
        f'<text x="{-TOP - DEEP / 2}" y="{LEFT - 8}" transform="rotate(-90)" text-anchor="middle">'
        f"{escape(up)}</text>"
    )
    return Markup(  # noqa: S704 - every text in it is escaped above
        f'<svg class="picture" role="img" viewBox="0 0 {WIDTH} {HEIGHT}"><title>{escape(title)}</title>'
        f"{axes}{inside}</svg>"
    )


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - 6)


def _y(share: float) -> float:
    return TOP + (1 - share) * DEEP


def sparkline(shares: Sequence[float], title: str) -> Markup:
    """A line of a few shares, the oldest first, as small as a word."""
    most = max(shares, default=0) or 1
    step = 76 / max(len(shares) - 1, 1)
    points = " ".join(f"{2 + n * step:.1f},{18 - 16 * share / most:.1f}" for n, share in enumerate(shares))
    return Markup(  # noqa: S704 - the title is escaped, the rest are numbers
        f'<svg class="spark" role="img" viewBox="0 0 80 20"><title>{escape(title)}</title>'
        f'<polyline points="{points}"/></svg>'
    )
