from pathlib import Path

import pytest

from router.errors import ArtifactError, ArtifactMissing
from router.outcomes import events
from router.outcomes.database import open_database
from router.registry import artifact as artifacts
from router.registry.registry import Change, Move, Registry


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / artifacts.MANIFEST).write_text("{}")
    return tmp_path


def test_every_move_changes_one_thing_and_is_told(folder: Path) -> None:
    heard: list[Move] = []
    registry = Registry(folder, heard.append)
    registry.promote("one", "The first.")
    registry.shadow("two")
    assert (registry.current, registry.challenger, registry.previous) == ("one", "two", None)
    registry.promote("two")
    assert (registry.current, registry.challenger, registry.previous) == ("two", None, "one")
    assert registry.roll_back("it is worse.") == "one"
    assert (registry.current, registry.previous) == ("one", "two")
    registry.shadow("two")
    registry.reject("two", "No.")
    assert registry.challenger is None
    assert [m.change for m in heard] == [
        Change.PROMOTED,
        Change.SHADOW,
        Change.PROMOTED,
        Change.ROLLED_BACK,
        Change.SHADOW,
        Change.REFUSED,
    ]
    assert heard[0].words == "The first."
    assert heard[3] == Move(Change.ROLLED_BACK, "two", "Went back from two to one: it is worse.")


def test_what_is_not_there_is_not_pointed_to(folder: Path) -> None:
    registry = Registry(folder)
    with pytest.raises(ArtifactMissing, match="no version three"):
        registry.promote("three")
    registry.promote("one")
    with pytest.raises(ArtifactMissing, match="no earlier promotion"):
        registry.roll_back()
    with pytest.raises(ArtifactError, match="not a version name"):
        registry.promote("../one")
    assert registry.current == "one"


def test_rejecting_another_version_leaves_the_challenger(folder: Path) -> None:
    registry = Registry(folder)
    registry.shadow("two")
    registry.reject("one")
    assert registry.challenger == "two"


def test_old_refused_versions_go_and_what_a_pointer_names_stays(tmp_path: Path) -> None:
    names = ["current", "before", "waiting", "mine", *(f"refused-{n}" for n in range(5))]
    for name in (f"v-{n}" for n in names):
        (tmp_path / name).mkdir()
        (tmp_path / name / artifacts.MANIFEST).write_text(f'{{"version": "{name}"}}')
    engine = open_database("sqlite://")
    registry = Registry(tmp_path, events.listener(engine))
    for number in range(5):
        registry.reject(f"v-refused-{number}", "No.")
    for refused_once in ("v-before", "v-current", "v-waiting"):
        registry.reject(refused_once, "No.")
    registry.promote("v-before")
    registry.promote("v-current")
    registry.shadow("v-waiting")
    assert registry.tidy(events.refused(engine)) == ["v-refused-1", "v-refused-0"]
    left = {version.name for version in registry.versions()}
    assert left == {f"v-{n}" for n in names} - {"v-refused-0", "v-refused-1"}
    assert registry.tidy(events.refused(engine)) == []
    assert not list(tmp_path.glob(".removed-*"))
    engine.dispose()


def test_a_version_that_is_in_use_again_is_not_tidied_up(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"v{number}").mkdir()
        (tmp_path / f"v{number}" / artifacts.MANIFEST).write_text("{}")
    registry = Registry(tmp_path)
    registry.promote("v0")
    everything = [f"v{number}" for number in range(6)]
    assert registry.tidy(everything) == ["v4", "v5"]
    assert registry.current == "v0"
