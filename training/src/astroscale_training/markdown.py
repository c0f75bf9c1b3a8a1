"""The model card as a page: the same figures as card.json, rendered."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from astroscale_shared.registry import ModelCard

from astroscale_training.summary import (
    COMPARED,
    accuracy_rows,
    comparison_of,
    comparison_rows,
    interval_rows,
    other_figures,
    zero_point_rows,
)


def write_card(card: ModelCard, folder: Path, figures: dict[str, str]) -> None:
    """Write `folder`/model-card.md; figures (name to what it shows) lie in `folder`/figures."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model-card.md").write_text(render(card, figures), "utf-8")


def render(card: ModelCard, figures: dict[str, str]) -> str:
    """The page, from the card alone: the same card gives the same text."""
    parity = card.parity
    parts = [
        f"# Model card: {card.name} {card.version}",
        (
            "This page is written by the training run from `card.json`, which lies beside the model and which `GET /model` and "
            "`astroscale model show` give too."
        ),
        _list(
            {
                "type": card.model_type,
                "file": f"model.onnx, sha256 `{card.onnx_sha256}`",
                "predicts": f"`{card.target}` in km/s, and its {_percent(card.quantiles)} quantiles",
                "encoding": f"version {card.encoding_version}, {len(card.feature_names)} features; normalised in the graph: "
                f"{card.normalization}",
                "trained": f"{card.trained_at:%Y-%m-%d %H:%M %Z}, by `{card.training_command}`",
                "parity": f"the graph is at most {parity.max_error_kms:.2g} km/s from the model in Python on {parity.rows:,} "
                f"rows ({parity.tolerance_kms:g} allowed)",
                "licence": card.licence,
            }
        ),
        "## What it learnt from",
        _table(("table", "rows", "sha256"), ((f.file, f"{f.rows:,}", f"`{f.sha256[:16]}`") for f in card.data)),
        _table(("left out", "rows", "why"), ((c.name, f"{c.rows:,}", c.reason) for c in card.cuts)),
        _table(("survey", "stars"), ((name, f"{rows:,}") for name, rows in card.counts_per_survey.items())),
        "\n".join(f"- {note}" for note in card.extra.get("notes", [])),
        *_zero_points(card),
        "## Inputs",
        "Any but the position may be missing. The range holds 98 of 100 training stars that have the input.",
        _table(
            ("input", "unit", "from", "to", "what it is"),
            ((f.name, f.unit, f"{f.low:.4g}", f"{f.high:.4g}", f.description) for f in card.features),
        ),
        "## Accuracy on stars held out",
        (
            "R2 is the share of the variance explained, ± its standard deviation over the folds. *Unseen sky*: whole cells of "
            "15 degrees were held out. *Within surveys*: beyond each survey's own mean."
        ),
        _table(
            ("group", "stars", "R2", "R2, unseen sky", "within surveys", "within surveys, unseen sky"),
            ((r.group, f"{r.stars:,}", *r.figures) for r in accuracy_rows(card)),
        ),
        (
            "`width_of_constant` is the mean width of the 90 % interval over that of a constant one of the same coverage; "
            "`tail_ks` the Kolmogorov-Smirnov distance of tail probabilities from uniform."
        ),
        _table(("figure", "value"), other_figures(card)),
        "## Intervals on stars held out",
        (
            "A group is *off* where the coverage of its 90 % interval differs from 90 % by more than 3 points and two binomial "
            "standard errors."
        ),
        _table(
            ("view", "group", "rows", "in 90 %", "in 68 %", "mean width of 90 %, km/s", ""),
            (
                (r.view, r.group, f"{r.rows:,}", *r.coverage, r.width, "" if r.kept else "off")
                for r in interval_rows(card)
            ),
        ),
        "## Figures",
        *(f"![{text}](figures/{name}.png)\n\n*{text}*" for name, text in figures.items()),
        *_comparison(card),
        *_learning(card.extra),
        "## Known failures",
        "\n".join(f"- {failure}" for failure in card.known_failures),
        "## Made with",
        f"{', '.join(f'{name} {version}' for name, version in card.library_versions.items())}.",
        f"Settings: {', '.join(f'`{k}` {v}' for k, v in card.extra.get('settings', {}).items())}.",
        f"With thanks to {', '.join(card.acknowledgements)}, whose catalogues it learnt from.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _zero_points(card: ModelCard) -> Iterable[str]:
    rows = [(survey, *rest) for survey, _, *rest in zero_point_rows(card)]
    if rows:
        yield (
            "Zero points in km/s: a survey's velocities against those of others for the stars in common, and what a small "
            "kinematic fit of all stars leaves over."
        )
        yield _table(("survey", "in common", "offset", "left by a fit", "corrected"), rows)


def _comparison(card: ModelCard) -> Iterable[str]:
    comparison = comparison_of(card)
    if comparison:
        yield "## Candidates"
        yield f"R2 on shuffled folds / unseen sky, the simplest first. {comparison.rule} {comparison.verdict}"
        # Not the seconds: the page of an equal run is equal.
        rows = (row[:-1] for row in comparison_rows(comparison))
        yield _table(("candidate", "score", "to the best", *COMPARED), rows)


def _learning(extra: dict[str, Any]) -> Iterable[str]:
    curve = extra.get("learning_curve", [])
    if curve:
        groups = list(curve[0]["r2"])
        yield "## More stars, fewer inputs"
        yield "R2 on one fold held out, by number of training stars:"
        rows = ((f"{p['stars']:,}", *(f"{p['r2'][g]:.3f}" for g in groups)) for p in curve)
        yield _table(("training stars", *groups), rows)
    effects = extra.get("feature_effect", {})
    if effects:
        groups = list(dict.fromkeys(g for of_input in effects.values() for g in of_input))
        yield "R2 lost when the stars of a table swap one input among each other, before it is encoded:"
        rows = ((name, *(f"{of[g]:.3f}" if g in of else "" for g in groups)) for name, of in effects.items())
        yield _table(("input", *groups), rows)


def _percent(levels: Sequence[float]) -> str:
    return ", ".join(f"{100 * level:g}" for level in levels) + " %"


def _list(facts: dict[str, str]) -> str:
    return "\n".join(f"- **{name}**: {fact}" for name, fact in facts.items())


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    written = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n".join(written) if len(written) > 2 else ""
