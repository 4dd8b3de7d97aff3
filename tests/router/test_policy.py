from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

import catalog
from router import Policy, PolicyError, RouterError
from router.auditing import Auditing

FIELDS = [field.name for field in dataclasses.fields(Policy)]


def wrong(**fields: Any) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        Policy(**fields)
    return caught.value


# Each field by itself

NOT_NAMES = "expected a name or a list of names"
SECONDS = "must be a number of seconds above 0"
WRONG: dict[str, list[tuple[Any, str]]] = {
    "residency": [
        (7, NOT_NAMES),
        ([7], NOT_NAMES),
        ({"eu": 1}, NOT_NAMES),
        ({"eu", 7}, NOT_NAMES),
        ([], "is empty, which would allow nothing"),
    ],
    "assurance": [("endpoint", "expected one of location, processing"), (None, "expected one of")],
    "min_confidence": [("certain", "expected one of high, low, medium")],
    "max_evidence_age_days": [(0, "must be at least 1, not 0"), (30.5, "Expected `int | null`, got `float`")],
    "kinds": [("zone", "expected one of global, multi_region, region"), (None, "Expected `array`"), ((), "is empty")],
    "modes": [("cheap", "expected one of batch, flex, priority, provisioned"), (1, NOT_NAMES), ((), "is empty")],
    "allow_locations": [(1, NOT_NAMES), ((), "is empty, which would allow nothing; leave it out to allow all")],
    "deny_locations": [(1, NOT_NAMES), ([None], NOT_NAMES), (None, "Expected `array`")],
    "allow_models": [(1, NOT_NAMES), ([], "is empty")],
    "deny_models": [(1, NOT_NAMES)],
    "prefer": [(1, NOT_NAMES)],
    "caller_location": [("keep", "expected one of ignore, prefer, wall")],
    "preview_models": [("yes", "Expected `bool | null`"), (1, "Expected `bool | null`")],
    "data_sharing_models": [("no", "Expected `bool | null`")],
    "allow_features": [(1, NOT_NAMES)],
    "after_retirement": [("stop", "expected one of refuse, warn")],
    "deadline_s": [
        *[(0, SECONDS), (-1, SECONDS), (float("inf"), SECONDS), (float("nan"), SECONDS)],
        *[("300", "Expected `float`, got `str`"), (None, "Expected `float`"), (True, "Expected `float`, got `bool`")],
    ],
    "attempts": [(0, "must be at least 1, not 0"), (2.5, "Expected `int`, got `float`"), (True, "got `bool`")],
    "faults": [(0, "must be at least 1, not 0"), (2.5, "Expected `int | null`"), (True, "got `bool`")],
    "reservations": [("last", "expected one of first, ignore, only, service")],
    "model_fallback": [(1, NOT_NAMES), ({"a": 1}, NOT_NAMES), ([None], NOT_NAMES)],
    "affinity_ttl_s": [
        *[(-1, "must be a number of seconds, 0 or more"), (float("inf"), "must be a number of seconds, 0 or more")],
        ("5", "Expected `float`"),
    ],
    "connect_timeout_s": [(0, SECONDS), (-5, SECONDS), ("5", "Expected `float | null`")],
    "attempt_timeout_s": [(0, SECONDS), (float("nan"), SECONDS), ([], "Expected `float | null`")],
    "repeat_after_timeout": [(None, "Expected `bool`"), (1, "Expected `bool`, got `int`")],
    "scopes": [("loosen", "expected one of any, tighten"), (None, "expected one of")],
    "audit": [
        *[(3, "Expected `object | null`"), ("", "is to name a file"), ("logs/", "is to name a file")],
        *[({"path": "a"}, "the fields are file, on_failure, rotate_bytes"), ({}, "required field `file`")],
        *[({"file": "a", "on_failure": "stop"}, "expected one of continue, refuse")],
        ({"file": "a", "rotate_bytes": 1}, "must be at least 65536, not 1"),
    ],
}


def test_every_field_is_tried_with_a_wrong_value() -> None:
    assert list(WRONG) == FIELDS


@pytest.mark.parametrize(
    ("field", "value", "expected"), [(field, value, text) for field, values in WRONG.items() for value, text in values]
)
def test_a_wrong_value_is_told_with_its_field_and_what_was_expected(field: str, value: Any, expected: str) -> None:
    error = wrong(**{field: value})
    assert error.fields == (field,)
    assert f"`{field}`" in str(error)
    assert expected in str(error)


def test_without_arguments_a_policy_allows_what_needs_no_consent() -> None:
    policy = Policy()
    assert policy.residency is None
    assert policy.modes == ("standard",)
    assert policy.kinds == ("global", "multi_region", "region")
    assert policy.caller_location == "prefer"


def test_fields_are_given_by_name_only() -> None:
    with pytest.raises(TypeError):
        Policy("eu")  # type: ignore[misc]


# How values are kept


@pytest.mark.parametrize("given", ["eu", ["eu"], ("eu",), {"eu"}, frozenset({"eu"}), ["eu", "eu"]], ids=repr)
def test_one_name_may_be_given_alone_or_in_any_collection(given: Any) -> None:
    assert Policy(residency=given).residency == ("eu",)


def test_a_set_is_kept_in_a_fixed_order_and_a_list_in_its_own() -> None:
    assert Policy(residency={"us", "eu", "ca"}).residency == ("ca", "eu", "us")
    assert Policy(prefer=["eu", "europe-west4", "eu", "us"]).prefer == ("eu", "europe-west4", "us")


def test_policies_that_say_the_same_are_equal_and_may_be_keys() -> None:
    one, other = Policy(residency={"us", "eu"}, deadline_s=60), Policy(residency=("eu", "us"), deadline_s=60.0)
    assert one == other
    assert len({one, other, Policy()}) == 2


def test_a_policy_cannot_be_changed() -> None:
    policy = Policy(residency="eu")
    for field in FIELDS:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(policy, field, None)
    with pytest.raises((AttributeError, TypeError)):
        policy.region = "eu"  # type: ignore[attr-defined]


def test_a_policy_is_varied_with_replace_and_checked_again() -> None:
    policy = Policy(residency={"eu", "us"}, prefer="eu", deadline_s=60)
    assert dataclasses.replace(policy) == policy
    varied = dataclasses.replace(policy, residency="de", attempts=2)
    assert (varied.residency, varied.prefer, varied.deadline_s, varied.attempts) == (("de",), ("eu",), 60.0, 2)
    with pytest.raises(PolicyError):
        dataclasses.replace(policy, prefer="global")


# Contradictions


@pytest.mark.parametrize(
    ("fields", "both"),
    [
        ({"allow_locations": ["eu", "us"], "deny_locations": "us"}, ("allow_locations", "deny_locations")),
        ({"allow_models": "m", "deny_models": ["k", "m"]}, ("allow_models", "deny_models")),
        ({"prefer": "us", "deny_locations": "us"}, ("prefer", "deny_locations")),
        ({"prefer": "global", "deny_locations": "global"}, ("prefer", "deny_locations")),
        ({"prefer": "region", "kinds": ["global", "multi_region"]}, ("prefer", "kinds")),
        ({"prefer": "global", "kinds": "region"}, ("prefer", "kinds")),
        ({"prefer": "us", "allow_locations": "eu"}, ("prefer", "allow_locations")),
        ({"prefer": "global", "allow_locations": "eu"}, ("prefer", "allow_locations")),
        ({"residency": "eu", "kinds": "global"}, ("kinds", "residency")),
        ({"residency": "eu", "allow_locations": "global"}, ("allow_locations", "residency")),
        ({"residency": "eu", "prefer": "global"}, ("prefer", "residency")),
        ({"caller_location": "wall", "prefer": "eu"}, ("prefer", "caller_location")),
        ({"caller_location": "wall", "prefer": "cost"}, ("prefer", "caller_location")),
        ({"prefer": ["cost", "us"], "deny_locations": "us"}, ("prefer", "deny_locations")),
        ({"prefer": ["cost", "region"], "kinds": "global"}, ("prefer", "kinds")),
        ({"attempt_timeout_s": 61, "deadline_s": 60}, ("attempt_timeout_s", "deadline_s")),
        ({"connect_timeout_s": 11, "attempt_timeout_s": 10}, ("connect_timeout_s", "attempt_timeout_s")),
        ({"connect_timeout_s": 4, "deadline_s": 3}, ("connect_timeout_s", "deadline_s")),
    ],
    ids=" and ".join,
)
def test_a_contradiction_names_both_fields(fields: dict[str, Any], both: tuple[str, str]) -> None:
    error = wrong(**fields)
    assert set(error.fields) == set(both)
    assert all(f"`{field}`" in str(error) for field in both)
    assert "contradict" in str(error)


def test_a_contradiction_shows_both_values_and_says_why() -> None:
    assert str(wrong(residency="eu", prefer=["eu", "global"])) == (
        "`prefer` = ['eu', 'global'] and `residency` = ['eu'] contradict each other: "
        "global has no boundary and can't be preferred"
    )


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"residency": "eu", "kinds": "global"}, "global has no boundary, so nothing would be left"),
        ({"caller_location": "wall", "prefer": "eu"}, "with a wall there is nothing to choose"),
        ({"allow_locations": "us", "deny_locations": "us"}, "both name 'us'"),
        ({"prefer": "us", "deny_locations": "us"}, "'us' is preferred and denied"),
        ({"prefer": "region", "kinds": "global"}, "'region' is preferred and not among the kinds"),
        ({"prefer": "us", "allow_locations": "eu"}, "'us' is preferred and not allowed"),
        ({"attempt_timeout_s": 61, "deadline_s": 60}, "an attempt may not take longer than all together"),
        ({"connect_timeout_s": 11, "attempt_timeout_s": 10}, "connecting is a part of the attempt"),
        ({"connect_timeout_s": 4, "deadline_s": 3}, "connecting is a part of the attempt"),
    ],
    ids=str,
)
def test_every_contradiction_says_why_it_is_one(fields: dict[str, Any], why: str) -> None:
    assert str(wrong(**fields)).endswith(f" contradict each other: {why}")


def test_connecting_may_not_take_longer_than_an_attempt_takes_by_default() -> None:
    error = wrong(connect_timeout_s=121)
    assert error.fields == ("connect_timeout_s",)
    assert str(error) == (
        "`connect_timeout_s` = 121.0 is above the default `attempt_timeout_s` of 120; "
        "connecting is a part of the attempt"
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"deadline_s": 0.5, "affinity_ttl_s": 0.5},
        {"affinity_ttl_s": 0},
        {"attempts": 1, "faults": 1, "max_evidence_age_days": 1},
        {"residency": "eu", "kinds": ["global", "region"]},
        {"residency": "eu", "allow_locations": ["global", "eu"]},
        {"prefer": ["region", "global"], "kinds": ["region", "global"]},
        {"prefer": "eu", "allow_locations": ["us", "eu"]},
        {"prefer": "region", "allow_locations": "europe-west4"},
        {"prefer": "eu", "caller_location": "ignore"},
        {"prefer": "cost", "residency": "eu", "allow_locations": "eu", "kinds": "multi_region"},
        {"prefer": ["region", "cost", "eu"]},
        {"attempt_timeout_s": 60, "deadline_s": 60},
        {"connect_timeout_s": 10, "attempt_timeout_s": 10},
    ],
    ids=str,
)
def test_what_can_be_kept_is_no_contradiction(fields: dict[str, Any]) -> None:
    assert Policy(**fields)


# Policies in files


def policy_file(directory: Path, text: str | bytes) -> Path:
    file = directory / "policy.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def wrong_file(file: Path) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        Policy.load(file)
    return caught.value


def test_a_policy_is_read_from_a_file(tmp_path: Path) -> None:
    text = """
        # Our customers' prompts stay in the EU.
        residency = ["eu"]
        modes = ["standard", "provisioned"]
        prefer = "multi_region"
        deadline_s = 90
        repeat_after_timeout = false
    """
    expected = Policy(
        residency="eu",
        modes=("standard", "provisioned"),
        prefer="multi_region",
        deadline_s=90,
        repeat_after_timeout=False,
    )
    file = policy_file(tmp_path, text)
    assert Policy.load(file) == Policy.load(str(file)) == expected


def test_a_file_of_defaults_is_the_policy_without_arguments(tmp_path: Path) -> None:
    assert Policy.load(policy_file(tmp_path, 'assurance = "processing"\n')) == Policy()


@pytest.mark.parametrize(
    ("text", "line", "field", "expected"),
    [
        ('residency = "eu"\nresidencey = "eu"\n', 2, "residencey", "unknown field `residencey`; nearest: residency"),
        ("\n[retry]\nattempts = 2\n", 2, "retry", "unknown field `retry`"),
        ('kinds = ["region"]\n\nmodes = "cheap"\n', 3, "modes", "expected one of batch"),
        ('deadline_s = "90"\n', 1, "deadline_s", "Expected `float`, got `str`"),
        ('prefer = [\n    "eu",\n    3,\n]\n', 1, "prefer", NOT_NAMES),
        ("attempts = 3\nallow_models = []\n", 2, "allow_models", "is empty"),
        ("attempts = 0\n", 1, "attempts", "must be at least 1"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_line(
    tmp_path: Path, text: str, line: int, field: str, expected: str
) -> None:
    file = policy_file(tmp_path, text)
    error = wrong_file(file)
    assert error.fields == (field,)
    assert str(error).startswith(f"{file}:{line} (`{field}`): ")
    assert expected in str(error)


def test_an_unknown_field_like_no_other_is_told_with_all_fields(tmp_path: Path) -> None:
    error = wrong_file(policy_file(tmp_path, "zzz = 1\n"))
    assert f"the fields are {', '.join(FIELDS)}" in str(error)


def test_a_contradiction_in_a_file_is_told_with_both_lines(tmp_path: Path) -> None:
    file = policy_file(tmp_path, 'residency = "eu"\nattempts = 3\nprefer = ["global"]\n')
    error = wrong_file(file)
    assert str(error).startswith(f"{file}:3 (`prefer`) and {file}:1 (`residency`): `prefer` = ['global']")
    assert set(error.fields) == {"prefer", "residency"}


def test_a_contradiction_with_a_default_is_told_with_the_line_there_is(tmp_path: Path) -> None:
    file = policy_file(tmp_path, "attempts = 3\nattempt_timeout_s = 301\n")
    assert str(wrong_file(file)).startswith(f"{file}:2 (`attempt_timeout_s`): ")


def test_bad_toml_is_told_with_its_line(tmp_path: Path) -> None:
    file = policy_file(tmp_path, 'residency = "eu"\nprefer = [\n')
    assert str(wrong_file(file)).startswith(f"{file}: not valid TOML: "), "TOML that just ends has no line"
    file = policy_file(tmp_path, 'residency = "eu"\nprefer = eu\n')
    assert str(wrong_file(file)).startswith(f"{file}:2: not valid TOML: ")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for file in (tmp_path / "nowhere.toml", tmp_path, policy_file(tmp_path, b'residency = "\xff"\n')):
        error = wrong_file(file)
        assert str(error).startswith(f"{file}: can't be read: ")
        assert error.fields == ()


def test_plain_data_makes_a_policy_as_a_file_does() -> None:
    assert Policy.of({"residency": ["eu"]}) == Policy(residency="eu")
    with pytest.raises(PolicyError, match="unknown field `region`"):
        Policy.of({"region": "eu"})
    with pytest.raises(
        PolicyError, match=r"^unknown field `timeout_s`; nearest: connect_timeout_s, attempt_timeout_s$"
    ):
        Policy.of({"timeout_s": 3})


def test_a_policy_written_as_data_is_read_back_the_same() -> None:
    policy = Policy(residency={"eu", "us"}, prefer=["eu", "region"], attempts=2, preview_models=True)
    data = json.loads(json.dumps(policy.as_dict()))
    assert list(data) == FIELDS
    assert Policy.of(data) == policy


# Models to fall back on


@pytest.mark.parametrize("given", [["b", "c"], ("b", "c"), ["b", "c", "b"]], ids=str)
def test_a_list_of_models_is_for_any_model(given: Any) -> None:
    policy = Policy(model_fallback=given)
    assert policy.fallbacks("a") == policy.fallbacks("a", "a@1") == ("b", "c")
    assert policy.as_dict()["model_fallback"] == {"*": ["b", "c"]}
    assert Policy.of(policy.as_dict()) == dataclasses.replace(policy) == policy


def test_a_table_of_models_is_asked_by_any_name_of_the_model_and_by_the_star_last() -> None:
    policy = Policy(model_fallback={"a@1": "b", "*": ["c", "d"]})
    assert policy.fallbacks("a", "a@1") == ("b",)
    assert policy.fallbacks("e") == ("c", "d")
    assert Policy(model_fallback={"a": "b"}).fallbacks("e") == ()
    assert Policy().fallbacks("e") == Policy(model_fallback=()).fallbacks("e") == ()
    assert policy.as_dict()["model_fallback"] == {"a@1": ["b"], "*": ["c", "d"]}
    assert Policy.of(policy.as_dict()) == policy


# Names, against a catalog


@pytest.mark.parametrize("given", ["a.jsonl", Path("a.jsonl"), {"file": "a.jsonl"}, Auditing(file="a.jsonl")])
def test_an_audit_may_be_given_by_its_file_alone(given: Any) -> None:
    policy = Policy(audit=given)
    assert policy.auditing == Auditing(file="a.jsonl")
    assert Policy.of(policy.as_dict()) == policy
    assert Policy().auditing is None


def test_an_audit_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text('[audit]\nfile = "audit-{pid}.jsonl"\non_failure = "continue"\n')
    assert Policy.load(file).auditing == Auditing(file="audit-{pid}.jsonl", on_failure="continue")


def test_what_was_given_is_told_apart_from_defaults() -> None:
    assert Policy().given() == {}
    assert Policy(residency="eu", attempts=3).given() == {"residency": ["eu"], "attempts": 3}


def test_a_policy_of_known_names_passes() -> None:
    policy = Policy(
        residency=["eu", "gb", "de"],
        allow_locations=["eu", "europe-west4"],
        deny_locations="us",
        allow_models=["gemini-3.8-flash", "claude-opus-4-5@20251101"],
        deny_models="gemini-2.5-pro",
        prefer=["multi_region", "europe-west4"],
    )
    policy.check(catalog.load())


@pytest.mark.parametrize(
    ("field", "name", "nearest"),
    [
        ("residency", "europe", ""),
        ("residency", "eeu", "eu"),
        ("residency", "uk", "Great Britain is 'gb'"),
        ("residency", "europe-west4", ""),
        ("allow_locations", "europe-west44", "europe-west4"),
        ("deny_locations", "eu-west4", "europe-west4"),
        ("allow_models", "gemini-3.8-flsh", "gemini-3.8-flash"),
        ("deny_models", "claude-opus-9", "claude-opus"),
        ("allow_features", "google-serch", "google-search"),
        ("model_fallback", "gemini-3.8-flsh", "gemini-3.8-flash"),
        ("prefer", "multi-region", ""),
        ("prefer", "europe-west-4", "europe-west4"),
    ],
)
def test_a_name_that_the_catalog_does_not_have_is_told_with_the_nearest(field: str, name: str, nearest: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy(**{field: name}).check(catalog.load())  # type: ignore[arg-type]
    assert caught.value.fields == (field,)
    assert str(caught.value).startswith(f"`{field}`: unknown")
    assert repr(name) in str(caught.value)
    assert nearest in str(caught.value)


def test_the_models_of_a_table_are_names_too() -> None:
    with pytest.raises(PolicyError, match=r"^`model_fallback`: unknown model 'gemini-3.8-flsh'") as caught:
        Policy(model_fallback={"gemini-3.8-flsh": "gemini-3.8-flash"}).check(catalog.load())
    assert caught.value.fields == ("model_fallback",)
    Policy(model_fallback={"gemini-3.8-flash": "gemini-3.5-flash", "*": "gemini-2.5-pro"}).check(catalog.load())


def test_a_model_that_is_allowed_by_one_name_and_denied_by_another_is_a_contradiction() -> None:
    policy = Policy(allow_models="claude-opus-4-5@20251101", deny_models=["gemini-2.5-pro", "claude-opus-4-5"])
    with pytest.raises(PolicyError) as caught:
        policy.check(catalog.load())
    assert caught.value.fields == ("allow_models", "deny_models")
    assert str(caught.value) == (
        "`allow_models` = ['claude-opus-4-5@20251101'] and `deny_models` = ['gemini-2.5-pro', 'claude-opus-4-5'] "
        "contradict each other: both mean 'claude-opus-4-5'"
    )


# What follows from the fields


@pytest.mark.parametrize(
    ("fields", "admitted"),
    [
        ({}, True),
        ({"residency": "eu"}, False),
        ({"residency": "eu", "preview_models": True, "data_sharing_models": True}, True),
        ({"preview_models": False, "data_sharing_models": False}, False),
    ],
)
def test_preview_and_data_sharing_models_are_admitted_without_a_residency_or_by_word(
    fields: dict[str, Any], admitted: bool
) -> None:
    assert Policy(**fields).admits_preview is admitted
    assert Policy(**fields).admits_data_sharing is admitted


@pytest.mark.parametrize(
    ("fields", "attempt_s", "connect_s"),
    [
        ({}, 120.0, 5.0),
        ({"deadline_s": 30}, 30.0, 5.0),
        ({"deadline_s": 3}, 3.0, 3.0),
        ({"attempt_timeout_s": 200}, 200.0, 5.0),
        ({"attempt_timeout_s": 2}, 2.0, 2.0),
        ({"attempt_timeout_s": 20, "connect_timeout_s": 15}, 20.0, 15.0),
    ],
)
def test_an_attempt_and_its_connecting_are_bounded_by_what_contains_them(
    fields: dict[str, Any], attempt_s: float, connect_s: float
) -> None:
    policy = Policy(**fields)
    assert (policy.attempt_limit_s, policy.connect_limit_s) == (attempt_s, connect_s)


def test_the_summary_names_the_residency_and_how_it_is_assured() -> None:
    assert Policy().summary == "no residency"
    assert Policy(residency=["eu", "gb"]).summary == "residency eu + gb, by processing"
    assert Policy(residency="eu", assurance="location").summary == "residency eu, by location"


def test_a_policy_error_is_an_error_of_the_router_and_of_a_value() -> None:
    error = wrong(attempts=0)
    assert isinstance(error, RouterError)
    assert isinstance(error, ValueError)
    assert error.message == str(error)


@pytest.mark.parametrize("text", ["", "\n", "# residency = 'eu'\n"])
def test_a_file_that_says_nothing_is_no_leave_to_go_anywhere(tmp_path: Path, text: str) -> None:
    with pytest.raises(PolicyError, match=r"policy\.toml: it says nothing, which would allow any location"):
        Policy.load(policy_file(tmp_path, text))
