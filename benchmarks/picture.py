"""Results as a picture: bars, how many times the floor each job and each peer takes.

    python benchmarks/picture.py results.json -o benchmarks.svg

Needs matplotlib: `pip install --group report`.
"""

import argparse
import importlib.util
import statistics
import sys
from pathlib import Path

import report
from measure import Result
from peers import JOBS
from targets import TARGETS

MISSING = "no picture: it needs matplotlib, which `pip install --group report` gives"
OURS, OTHERS, FLOOR = "#1b7f5c", "#9aa5b1", "#c0392b"
ROW = 0.28  # inches

Bar = tuple[str, float, bool]  # name, ratio, whether it is vxtap


def possible() -> bool:
    return importlib.util.find_spec("matplotlib") is not None


def jobs_of(results: list[Result]) -> list[Bar]:
    """vxtap's own ratios, without those that are not about a floor."""
    found = []
    for one in results:
        target = TARGETS.get(one.key)
        if target is not None and target.is_floor and not one.reason:
            name = f"{target.job}, {one.capture}".replace("`", "")
            found.append((name, statistics.median(one.ratios), True))
    return found


def peers_of(results: list[Result], job: str) -> list[Bar]:
    timed = [one for one in results if one.key == job and not one.reason]
    bars = [
        (one.name.replace("`", ""), statistics.median(one.ratios), one.name.startswith(report.VXTAP)) for one in timed
    ]
    return sorted(bars, key=lambda bar: bar[1])


def draw(results: list[Result], target: Path) -> None:
    """One panel for vxtap's jobs, one for each job of the peers; the same results give the same bytes."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    panels = [("vxtap", jobs_of(results)), *((f"{JOBS[job]}, per packet", peers_of(results, job)) for job in JOBS)]
    panels = [(title, bars) for title, bars in panels if bars]
    heights = [len(bars) + 2 for _, bars in panels]
    with mpl.rc_context({"svg.hashsalt": "vxtap", "svg.fonttype": "none", "font.size": 9}):
        size = (9, ROW * sum(heights) + 0.6)
        figure, axes = pyplot.subplots(len(panels), 1, figsize=size, height_ratios=heights, squeeze=False)
        for axis, (title, bars) in zip(axes[:, 0], panels, strict=True):
            panel(axis, title, bars)
        figure.tight_layout()
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
        pyplot.close(figure)


def panel(axis: object, title: str, bars: list[Bar]) -> None:
    """The floor is a line at 1; the axis is logarithmic where the peers need it."""
    ratios = [ratio for _, ratio, _ in bars]
    colors = [OURS if ours else OTHERS for _, _, ours in bars]
    drawn = axis.barh(range(len(bars)), ratios, color=colors, height=0.7)
    axis.set_yticks(range(len(bars)), [name for name, _, _ in bars])
    axis.bar_label(drawn, [f" {ratio:,.2f}" if ratio < 100 else f" {ratio:,.0f}" for ratio in ratios])
    axis.invert_yaxis()
    if max(ratios) > 10:
        axis.set_xscale("log")
        axis.set_xlim(min(0.5, *ratios), max(ratios) * 3)
    else:
        axis.set_xlim(0, max(ratios) * 1.15)
    axis.axvline(1, color=FLOOR, linewidth=1)
    axis.set_title(f"{title}: times the floor (red line), less is better", loc="left", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Draw results of benchmarks/run.py.")
    parser.add_argument("results", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    if not possible():
        print(MISSING, file=sys.stderr)
        return 1
    draw(report.load(options.results)[0], options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
