"""Writes proposals as TOML for a reviewer: an overlay as it stands, or entries for a file of the catalog."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Literal, NamedTuple

from catalog.refresh.pages import Page, clean
from catalog.refresh.proposal import Drift, Proposal

Form = Literal["overlay", "data"]
FORMS: tuple[Form, ...] = ("overlay", "data")


class _Claim(NamedTuple):
    """Proposals that make one claim together."""

    first: Proposal
    locations: tuple[str, ...]
    modes: tuple[str, ...]
    all: tuple[Proposal, ...]


def patch(found: Drift, taken: Collection[str], on: date, form: Form = "overlay") -> str:
    """The TOML of what was found; without a proposal, comments only.

    Args:
        taken: ids of sources that the catalog has; the patch brings sources of its own.
        on: the day of the comparison.
        form: `overlay` for a file that is laid over the catalog, `data` for entries to be pasted under
            the models that they are about.
    """
    proposals = sorted(found.proposals, key=_order)
    ids = _source_ids((each.page for each in proposals), taken)
    blocks = [_head(found, on, form)]
    blocks += [_source(page, ids[page], on) for page in sorted(ids, key=lambda each: ids[each])]
    for model, about in groupby(proposals, key=attrgetter("model")):
        blocks.append(f"# {model}" + (": paste under its entry" if form == "data" else ""))
        blocks += [_claim(each, ids, on, form) for each in _claims(about)]
    blocks += _by_hand(found)
    return "\n\n".join(blocks) + "\n"


def _head(found: Drift, on: date, form: Form) -> str:
    use = "This is an overlay." if form == "overlay" else "End the claims that these replace with `until`."
    lines = [f"# Proposed on {on}, pages read: {found.pages}. Review every claim before you use it. {use}"]
    if found.doubts:
        lines.append("# Not understood, so nothing here speaks of it:")
        lines += [f"#   {clean(str(each))}" for each in found.doubts]
    return "\n".join(lines)


def _source(page: Page, name: str, on: date) -> str:
    lines = ["[[source]]", f"id = {_text(name)}", f"title = {_text(page.title)}"]
    lines += [f"url = {_text(page.url)}"] if page.url else []
    return "\n".join([*lines, f"published = {page.published}", f"retrieved = {on}"])


def _claim(claim: _Claim, ids: dict[Page, str], on: date, form: Form) -> str:
    one = claim.first
    lines = [f"# {clean(line)}" for line in _changes(claim)]
    lines.append(f"[[{one.kind}]]" if form == "overlay" else f"[[model.{one.kind}]]")
    if form == "overlay":
        lines.append(f"model = {_text(one.model)}")
    lines.append(f"locations = {_list(claim.locations)}")
    if one.kind == "availability":
        lines += [f"modes = {_list(claim.modes)}", f"served = {_text(one.after)}"]
    else:
        lines.append(f"boundary = {_text(one.after)}")
    lines += [
        f"from = {one.page.published}",
        f"source = {_text(ids[one.page])}",
        f"where = {_text(f'Supported regions, {one.where}')}",
        f"checked = {on}",
        f"confidence = {_text(one.confidence)}",
    ]
    return "\n".join([*lines, f"note = {_text(one.note)}"] if one.note else lines)


def _changes(claim: _Claim) -> Iterator[str]:
    """What the claim would change, and which claims it replaces."""
    for each in claim.all:
        about = f"{each.mode} at {each.location}" if each.mode else f"processing at {each.location}"
        told = f" (line {each.line} of {each.page.name})"
        yield f"{about}: {each.before} -> {each.after}; the catalog: {each.because}{told}"
    for source, since in sorted({each.replaces for each in claim.all if each.replaces}):
        yield f"replaces, for these locations, the claim of {source} that holds from {since}"


def _claims(proposals: Iterable[Proposal]) -> Iterator[_Claim]:
    """Proposals that differ in their location or mode only, as one claim."""
    alike: dict[tuple[str, ...], list[Proposal]] = {}
    for each in proposals:
        same = (each.kind, each.after, each.where, each.confidence, each.note, each.mode or "")
        alike.setdefault(same, []).append(each)
    whole: dict[tuple[object, ...], list[list[Proposal]]] = {}
    for key, members in alike.items():
        whole.setdefault((key[:-1], tuple(each.location for each in members)), []).append(members)
    for parts in whole.values():
        modes = tuple(part[0].mode for part in parts if part[0].mode)
        locations = tuple(each.location for each in parts[0])
        yield _Claim(parts[0][0], locations, modes, tuple(each for part in parts for each in part))


def _by_hand(found: Drift) -> Iterator[str]:
    """What no claim can say, as comments."""
    for model, changes in groupby(sorted(found.lifecycles, key=attrgetter("model")), key=attrgetter("model")):
        lines = [f"{each.field}: {each.before} -> {each.after} ({each.page.name}:{each.line})" for each in changes]
        yield "\n".join([f"# {model}: edit by hand", *(f"#   {clean(line)}" for line in lines)])
    for each in found.strangers:
        lines = [f"{title}: {', '.join(places) or 'no location'}" for title, places in each.lists.items()]
        title = f"# {', '.join(each.ids)} is not in the catalog; {clean(each.page.name)}:{each.line} lists"
        yield "\n".join([title, *(f"#   {clean(line)}" for line in lines)])


def _source_ids(pages: Iterable[Page], taken: Collection[str]) -> dict[Page, str]:
    """An id for the source that each page is, of its address or name and its date, unlike all others."""
    found: dict[Page, str] = {}
    for page in pages:
        if page in found:
            continue
        path = (page.url or page.name).split("://")[-1].removesuffix(".txt").removesuffix(".md").strip("/")
        slug = re.sub(r"[^a-z0-9]+", "-", "-".join(path.split("/")[-2:]).lower()).strip("-") or "page"
        name = f"page-{slug}-{page.published}"
        while name in taken or name in found.values():
            name += "-again"
        found[page] = name
    return found


def _order(each: Proposal) -> tuple[str, ...]:
    return each.model, each.kind, each.mode or "", each.after, each.location


def _list(names: Iterable[str]) -> str:
    return f"[{', '.join(map(_text, names))}]"


def _text(text: str) -> str:
    """A string in TOML; JSON's escapes are valid there."""
    return json.dumps(clean(text), ensure_ascii=False)
