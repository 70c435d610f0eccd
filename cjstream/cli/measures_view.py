"""The measures of one journey, as `cjstream report` shows them: one section each, if there is anything to show."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console

from cjstream.cli.tables import OUTSIDE, duration, matrix, money, note, number, share, title, value

Object = dict[str, Any]
MOST = 3  # of a list within a cell


def print_measures(console: Console, journey: Object) -> None:
    """Print the sections of all measures."""
    _print_metrics(console, journey["metrics"])
    _print_customers(console, journey["metrics"])
    _print_sentiment(console, journey.get("sentiment"))
    _print_feedback(console, journey.get("feedback"))
    _print_expected(console, journey.get("expected"))
    _print_gaps(console, journey.get("gaps"))
    _print_leaving(console, journey.get("leaving"))
    _print_prediction(console, journey.get("prediction"))


def _print_metrics(console: Console, metrics: Object) -> None:
    stages = metrics["stages"]
    rows = [("touchpoints", [value(each["touchpoints"]) for each in (metrics["all"], *stages)])]
    for name in metrics["all"]["counts"]:
        counts = [each["counts"][name] for each in (metrics["all"], *stages)]
        if any(counts):
            rows.append((name.replace("_", " "), [value(count) for count in counts]))
    for name in ("revenue", "cost", "negotiated_price"):
        for currency in metrics["all"][name]:
            amounts = [each[name].get(currency) for each in (metrics["all"], *stages)]
            rows.append((f"{name.replace('_', ' ')} {currency}", [money(each) for each in amounts]))
    for name, told in (("csat", share), ("nps", number), ("ces", number)):
        if metrics["all"][f"{name}_ratings"]:
            rows.append((name.upper(), [told(each[name]) for each in (metrics["all"], *stages)]))
    title(console, "What they did, by stage")
    matrix(console, "", ("all", *(each["stage"] or OUTSIDE for each in stages)), rows)
    methods = metrics["all"]["payment_methods"]
    if methods:
        note(console, "Paid by: " + _list(methods, len(methods)))
    if metrics["all"]["ratings_out_of_scale"]:
        note(console, f"{metrics['all']['ratings_out_of_scale']:,} ratings lie out of their scale and count nowhere.")


def _print_customers(console: Console, metrics: Object) -> None:
    rows = [(label, [text]) for label, text in (*_customers(metrics["customers"]), *_ads(metrics.get("advertising")))]
    if rows:
        title(console, "What the customers came to")
        matrix(console, "", ("",), rows, justify="left")


def _customers(of: Object) -> Iterator[tuple[str, str]]:
    if of["buyers"]:
        yield "bought", f"{of['buyers']:,} customers, {share(of['repeat_purchase_rate'])} of them repeatedly"
    if of["sessions"]:
        returns = f"{of['return_visits']:,} of them return visits"
        yield "sessions", f"{of['sessions']:,} of {of['visitors']:,} customers, {returns}"
        yield "time on site", f"{duration(of['mean_session_seconds'])} a session"
    if of["referred_entries"]:
        yield "referred", f"{of['referred_entries']:,} entered, {of['referred_conversions']:,} of them converted"
    if of["advocates"]:
        yield "advocates", f"{of['advocates']:,}, {share(of['advocacy_rate'])} of the converted"


def _ads(ads: Object | None) -> Iterator[tuple[str, str]]:
    if ads is None:
        return
    if ads["impressions"]:
        yield "impressions", f"{ads['impressions']:,}, click-through rate {share(ads['click_through_rate'])}"
    if ads["clicks"]:
        yield "clicks", f"{ads['clicks']:,}"
    for name in ("spend", "cost_per_click", "cost_per_conversion"):
        if ads[name]:
            yield _words(name), ", ".join(f"{money(sum_)} {currency}".strip() for currency, sum_ in ads[name].items())
    if ads["search_rank"] is not None:
        yield "search rank", f"{number(ads['search_rank'])} in the mean"


def _print_sentiment(console: Console, found: Object | None) -> None:
    if found is None or not any(found["all"][name] for name in ("positive", "neutral", "negative")):
        return
    rows = [("all", _mood(found["all"]))]
    for who in ("stage", "channel", "persona"):
        rows += [(f"{who} {_name(each[who], who)}", _mood(each)) for each in found[f"by_{who}"]]
    title(console, "Sentiment")
    matrix(console, "", ("positive", "neutral", "negative", "net"), rows)
    note(console, "Net: positive less negative touchpoints, as a share of those of which the sentiment is known.")


def _mood(mood: Object) -> list[str]:
    return [*(value(mood[name]) for name in ("positive", "neutral", "negative")), signed(mood["net"])]


def signed(net: float | None) -> str:
    """Return a number from -1 to 1 with its sign."""
    return "-" if net is None else f"{net:+.2f}"


def _print_feedback(console: Console, found: Object | None) -> None:
    if found is None or not (found["clocks"] or found["answered"]):
        return
    title(console, "Feedback: answered in time?")
    rows = [(each["clock"].replace("_", " "), _kept(each)) for each in found["clocks"]]
    for who in ("stage", "channel"):
        rows += [
            (f"{each['clock'].replace('_', ' ')}, {who} {_name(each[who], who)}", _kept(each))
            for each in found[f"by_{who}"]
        ]
    if rows:
        matrix(console, "clock", ("in time", "missed", "share in time"), rows)
    answered = [(each["type"], [value(each["answered"]), value(each["unanswered"])]) for each in found["answered"]]
    if answered:
        matrix(console, "feedback", ("answered", "unanswered"), answered)
    first = found["first_response"]
    if first["number"]:
        median, most = duration(first["median_seconds"]), duration(first["p90_seconds"])
        note(console, f"First answer after {median} of working time in the median, nine of ten within {most}.")


def _kept(kept: Object) -> list[str]:
    return [value(kept["met"]), value(kept["breached"]), share(kept["share"])]


def _print_expected(console: Console, found: Object | None) -> None:
    if found is None or not found["runs"]:
        return
    title(console, "Expected against actual journey")
    if found["fitness"] is not None:
        console.print(f"Fitness {found['fitness']:.3f}: 1 where all runs go as expected.", highlight=False)
    rows = [(f"{_words(each['kind'])} {each['stage']}", [value(each["runs"])]) for each in found["deviations"]]
    if rows:
        matrix(console, "deviation", ("runs",), rows)
    rules = [(f"{each['rule']}: {_words(each['kind'])}", [value(each["signals"])]) for each in found["rules"]]
    if rules:
        matrix(console, "broken rule", ("signals",), rules)
    variants = [(" > ".join(each["stages"]), [value(each["runs"]), share(each["share"])]) for each in found["variants"]]
    matrix(console, "most frequent variants", ("runs", "of all"), variants)


def _print_gaps(console: Console, found: Object | None) -> None:
    if found is None or not found["all"]:
        return
    title(console, "Expected against received, by rating")
    rows = [(f"all, {each['scale']}", _gap(each)) for each in found["all"]]
    for who in ("stage", "channel", "persona"):
        rows += [(f"{who} {_name(each[who], who)}, {each['scale']}", _gap(each)) for each in found[f"by_{who}"]]
    matrix(console, "", ("ratings", "gap"), rows)
    note(console, "Gap: expected less given rating, in points of the scale. Above 0, customers expected more.")


def _gap(gap: Object) -> list[str]:
    return [value(gap["ratings"]), "-" if gap["mean"] is None else f"{gap['mean']:+.2f}"]


def _print_leaving(console: Console, found: Object | None) -> None:
    if found is None or not found["all"]["runs"]:
        return
    title(console, "Why they leave")
    for stage in found["stages"]:
        console.print(f"{stage['stage']}: {stage['runs']:,} dropped runs", highlight=False)
        told = [("did last", stage["last"]), ("judged", stage["judgements"])]
        told += [("pain", stage["pains"]), ("said why", stage["reasons"])]
        rows = [(f"  {label}", [_list(counts)]) for label, counts in told if counts.keys() - {"none"}]
        if stage["asked"]:
            text = f"{stage['answered']:,} of {stage['asked']:,} answered; {stage['unanswered_runs']:,} left without"
            rows.append(("  asked", [text]))
        if rows:
            matrix(console, "", ("",), rows, justify="left")


def _print_prediction(console: Console, found: Object | None) -> None:
    if found is None or not found["overall"]:
        return
    title(console, "What comes next: the future-state map")
    rows = []
    for stage, forecast in found["overall"].items():
        likely = max(forecast["next"].items(), key=lambda item: item[1], default=None)
        told = "" if likely is None else f"{likely[0]} {share(likely[1])}"
        shares = [share(forecast[name]) for name in ("converts_next", "drops_next", "conversion")]
        rows.append((stage, [told, *shares, duration(forecast["seconds_to_conversion"])]))
    headings = ("next stage", "converts next", "drops next", "converts in the end", "in")
    matrix(console, "entering", headings, rows)
    judged = found["calibration"]
    if judged is not None:
        known = f"Brier score {judged['brier']:.3f} on {judged['entries']:,} entries of customers held back"
        note(console, f"{known}; who always says {share(judged['base_rate'])} has {judged['brier_of_base_rate']:.3f}.")


def _list(counts: Mapping[str, int], most: int = MOST) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{_words(name)} {count:,}" for name, count in ordered[:most])


def _name(name: str | None, who: str) -> str:
    return name or (OUTSIDE if who == "stage" else "(not told)")


def _words(name: str) -> str:
    return name.replace("_", " ")
