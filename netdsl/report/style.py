"""The style sheet of reports: light and dark by the reader's setting, and the drawings' colours with it."""

from __future__ import annotations

from ..drawing import palette

#: Colours of drawings -> what stands for them on a dark page. Texts on coloured boxes stay white.
_DARK_TEXT = {palette.TEXT: "#e6ebf1", palette.FAINT: "#a7b3c0"}
_DARK_SHAPES = {"#ffffff": "#1d242d", palette.FRAMES[0]: "#212934", palette.FRAMES[1]: "#28313d",
                palette.CLOSED: "#2b3542", palette.TEXT: "#465363"}
_DARK_LINES = {palette.LINE: "#8694a4", palette.BORDER: "#465363", "#e3e8ee": "#323c48", palette.TEXT: "#e6ebf1",
               "#0b63a5": "#5aa9e6", "#c8551b": "#f08a4b", "#2f7d5b": "#58b88d", "#8a3f75": "#c77fb3"}

_SHEET = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #ffffff; --text: #1f2933; --faint: #5b6875;
  --line: #dde3ea; --accent: #0b63a5; --good: #2f7d5b; --bad: #b3431a; --heat: #1f5c94; }
@media (prefers-color-scheme: dark) { :root { --page: #14191f; --card: #1d242d; --text: #e6ebf1; --faint: #a7b3c0;
  --line: #333d49; --accent: #5aa9e6; --good: #58b88d; --bad: #f08a4b; --heat: #3f8fd6; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 Inter, "Segoe UI", system-ui, Helvetica, Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
header h1 { margin: 0 0 2px; font-size: 27px; letter-spacing: -0.01em; }
header p { margin: 0; color: var(--faint); }
nav { margin: 14px 0 20px; display: flex; flex-wrap: wrap; gap: 4px 16px; }
a { color: var(--accent); text-decoration: none; } a:hover { text-decoration: underline; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 22px 20px;
  margin: 0 0 18px; }
h2 { margin: 0 0 12px; font-size: 17px; } h3 { margin: 18px 0 8px; font-size: 14px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 0 0 18px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; }
.tile b { display: block; font-size: 24px; font-weight: 650; letter-spacing: -0.01em; white-space: nowrap; }
.tile span { color: var(--faint); font-size: 13px; display: block; overflow-wrap: anywhere; }
.tile.main b { color: var(--accent); }
.banner { border: 1px solid var(--bad); border-left-width: 5px; border-radius: 8px; padding: 10px 16px;
  margin: 0 0 18px; background: var(--card); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 10px; }
@media (max-width: 560px) { .charts { grid-template-columns: 1fr; } }
svg { max-width: 100%; height: auto; } svg > rect:first-of-type { fill: none; }
.scroll { overflow: auto; max-height: 1500px; } .scroll svg { max-width: none; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.facts td { padding: 3px 22px 3px 0; vertical-align: top; overflow-wrap: anywhere; }
.facts td:first-child { color: var(--faint); white-space: nowrap; }
.numbers th, .numbers td { padding: 4px 14px; text-align: right; border-bottom: 1px solid var(--line); }
.numbers th:first-child, .numbers td:first-child { text-align: left; padding-left: 0; }
.numbers th { color: var(--faint); font-weight: 500; }
.confusion { font-size: 12.5px; }
.confusion th { font-weight: 500; padding: 2px 6px; color: var(--faint); white-space: nowrap; }
.confusion thead th { vertical-align: bottom; }
.confusion thead th span { writing-mode: vertical-rl; transform: rotate(180deg); max-height: 110px; overflow: hidden; }
.confusion tbody th { text-align: right; max-width: 150px; overflow: hidden; text-overflow: ellipsis; }
.confusion td { min-width: 34px; height: 30px; text-align: center; border: 1px solid var(--card);
  background: color-mix(in srgb, var(--heat) calc(var(--share) * 1%), var(--page)); }
.confusion td.strong { color: #ffffff; } .confusion td.right { font-weight: 650; }
.side { display: flex; flex-wrap: wrap; gap: 26px; align-items: flex-start; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(112px, 1fr)); gap: 14px; }
figure { margin: 0; font-size: 13px; } figcaption { color: var(--faint); line-height: 1.35; margin-top: 4px;
  overflow-wrap: anywhere; }
.pictures img { width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 5px; background: #7f7f7f22;
  border: 2px solid var(--line); }
.pictures .wrong img { border-color: var(--bad); } .pictures b { color: var(--text); font-weight: 600; }
.pixels, .pictures img.pixels { image-rendering: pixelated; }
.sheet { max-width: 100%; border-radius: 4px; border: 1px solid var(--line); }
pre { overflow: auto; font: 12.5px/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  background: var(--page); border-radius: 6px; padding: 12px 14px; margin: 8px 0 0; }
code { font: 0.92em ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
summary { cursor: pointer; color: var(--accent); }
.note { color: var(--faint); font-size: 13.5px; margin: 10px 0 0; }
@media print { section { break-inside: avoid; } .scroll { max-height: none; } nav { display: none; } }
"""


def style() -> str:
    """The whole sheet."""
    dark = [f'svg text[fill="{light}"] {{ fill: {color}; }}' for light, color in _DARK_TEXT.items()]
    for element in ("rect", "path"):
        dark += [f'svg {element}[fill="{light}"] {{ fill: {color}; }}' for light, color in _DARK_SHAPES.items()]
    dark += [f'svg [stroke="{light}"] {{ stroke: {color}; }}' for light, color in _DARK_LINES.items()]
    dark.append(f'svg polygon[fill="{palette.LINE}"] {{ fill: {_DARK_LINES[palette.LINE]}; }}')
    dark += [f'svg text[fill="{paint.color}"] {{ fill: #d8dfe7; }}' for paint in palette.ROLES.values()]
    return _SHEET + "@media (prefers-color-scheme: dark) {\n" + "\n".join(f"  {rule}" for rule in dark) + "\n}\n"
