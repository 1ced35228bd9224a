"""The picture of `make bench-sound`: quality against delay, one panel a scenario (SVG 1.1)."""

from __future__ import annotations

from xml.sax.saxutils import escape

from tests.bench.sound.rows import Row, mean, of, receivers, scenarios

COLUMNS = 4
WIDTH, HEIGHT = 230, 170
LEFT, RIGHT, TOP, BOTTOM = 34, 14, 26, 30
MAX_MS = 400
LOW, HIGH = 1.0, 4.6
COLOURS = {"ours": "#0072b2", "wrtc": "#009e73", "chromium": "#d55e00", "stock": "#777777"}
"""Apart for colour-blind eyes too; the shapes tell them apart without any colour."""
STYLE = (
    "text{font-family:sans-serif;font-size:10px;fill:#333}"
    ".title{font-size:11px;font-weight:bold}.axis{stroke:#bbb;fill:none}"
)


def picture(rows: list[Row]) -> str:
    """An SVG file's text; up and to the left is better."""
    names = scenarios(rows)
    lines = -(-(len(names) + 1) // COLUMNS)
    width, height = COLUMNS * WIDTH, lines * HEIGHT
    panels = [_panel(rows, name, *_place(i)) for i, name in enumerate(names)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}">',
            f"<title>Quality against delay of {', '.join(receivers(rows))}</title>",
            f"<style>{STYLE}</style>",
            f'<rect width="{width}" height="{height}" fill="#fff"/>',
            *panels,
            _legend(rows, *_place(len(names))),
            "</svg>\n",
        ]
    )


def _place(number: int) -> tuple[int, int]:
    return number % COLUMNS * WIDTH, number // COLUMNS * HEIGHT


def _x(ms: float) -> float:
    return LEFT + min(ms, MAX_MS) / MAX_MS * (WIDTH - LEFT - RIGHT)


def _y(score: float) -> float:
    return TOP + (HIGH - score) / (HIGH - LOW) * (HEIGHT - TOP - BOTTOM)


def _panel(rows: list[Row], scenario: str, x: int, y: int) -> str:
    parts = [f'<g transform="translate({x},{y})">', _text(LEFT, 16, scenario, "title")]
    for ms in range(0, MAX_MS + 1, 100):
        parts += [_line(_x(ms), TOP, _x(ms), HEIGHT - BOTTOM)]
        parts += [_text(_x(ms), HEIGHT - BOTTOM + 12, str(ms), anchor="middle")]
    for score in range(1, 5):
        parts += [_line(LEFT, _y(score), WIDTH - RIGHT, _y(score))]
        parts += [_text(LEFT - 6, _y(score) + 3, str(score), anchor="end")]
    for name in reversed(receivers(rows)):
        here = of(rows, scenario, name)
        late, quality = mean(here, "ear_p50_ms"), mean(here, "pesq")
        if late is not None and quality is not None:
            parts.append(_mark(name, _x(late), _y(quality)))
    return "\n".join([*parts, "</g>"])


def _legend(rows: list[Row], x: int, y: int) -> str:
    parts = [f'<g transform="translate({x},{y})">']
    for i, name in enumerate(receivers(rows)):
        parts += [_mark(name, LEFT + 6, 30 + 18 * i), _text(LEFT + 18, 34 + 18 * i, name)]
    parts += [
        _text(LEFT, 116, "across: mouth to ear, p50, ms"),
        _text(LEFT, 130, "up: PESQ (wide-band); means of all runs"),
    ]
    return "\n".join([*parts, "</g>"])


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="axis" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _mark(name: str, x: float, y: float) -> str:
    colour = COLOURS[name]
    match name:
        case "ours":
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>'
        case "wrtc":
            path = f"M{x:.1f} {y - 6:.1f}l5.5 10h-11z"
        case "chromium":
            path = f"M{x - 4.5:.1f} {y - 4.5:.1f}h9v9h-9z"
        case _:
            path = f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
