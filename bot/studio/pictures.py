"""Pictures of a comparison, as SVG: colours come from the page's style sheet, so they suit dark mode."""

from collections.abc import Sequence

from markupsafe import Markup, escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 420, 220, 34, 28, 10

Point = tuple[float, float]


def histogram(bars: Sequence[Sequence[int]], title: str, right: str, wrong: str) -> Markup:
    """How many answers were right and wrong at each tenth of confidence.

    Args:
        bars: [right, wrong] by tenth, from 0 to 1.
    """
    most = max((sum(bar) for bar in bars), default=0) or 1
    step = (WIDTH - LEFT - 6) / max(len(bars), 1)
    drawn = []
    for n, (good, bad) in enumerate(bars):
        x = LEFT + n * step + 2
        for name, below, count in (("good", 0, good), ("bad", good, bad)):
            y, height = _y((below + count) / most), _y(below / most) - _y((below + count) / most)
            words = escape(f"{n * 10}–{n * 10 + 10} %: {right if name == 'good' else wrong} {count}")
            drawn.append(
                f'<rect class="{name}" x="{x:.1f}" y="{y:.1f}" width="{step - 4:.1f}" '
                f'height="{height:.1f}"><title>{words}</title></rect>'
            )
    return _picture(title, "".join(drawn), (str(most), "0"), ("0 %", "100 %"))


def curve(live: Sequence[Point], new: Sequence[Point], title: str, across: str, up: str) -> Markup:
    """Rejection at every threshold, of both models."""
    lines = "".join(
        f'<polyline class="{name}" points="{" ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)}"/>'
        for name, points in (("live", live), ("new", new))
    )
    return _picture(title, lines, ("100 %", "0"), ("0 %", "100 %"), across, up)


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
        f'<text x="{LEFT + 6}" y="{TOP + 8}">{escape(up)}</text>'
    )
    return Markup(  # noqa: S704 - every text in it is escaped above
        f'<svg class="picture" role="img" viewBox="0 0 {WIDTH} {HEIGHT}"><title>{escape(title)}</title>'
        f"{axes}{inside}</svg>"
    )


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - 6)


def _y(share: float) -> float:
    return TOP + (1 - share) * (HEIGHT - BOTTOM - TOP)


def sparkline(shares: Sequence[float], title: str) -> Markup:
    """A line of a few shares, the oldest first, as small as a word."""
    most = max(shares, default=0) or 1
    step = 76 / max(len(shares) - 1, 1)
    points = " ".join(f"{2 + n * step:.1f},{18 - 16 * share / most:.1f}" for n, share in enumerate(shares))
    return Markup(  # noqa: S704 - the title is escaped, the rest are numbers
        f'<svg class="spark" role="img" viewBox="0 0 80 20"><title>{escape(title)}</title>'
        f'<polyline points="{points}"/></svg>'
    )
