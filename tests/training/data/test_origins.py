from __future__ import annotations

from pathlib import Path

from sensic.training.data.origins import origins


def test_licences_are_counted_for_the_packs_in_use(tmp_path: Path) -> None:
    rows = ["pack\tclip\tsource\tlicence", "a.mkv\t0\tone\tCC0", "a.mkv\t1\tone\t", "b.mkv\t0\ttwo\tMIT"]
    (tmp_path / "my-sources.tsv").write_text("\n".join(rows) + "\n")
    (tmp_path / "other.tsv").write_text("pack\tclip\na.mkv\t0\n")
    assert origins([tmp_path / "a.mkv"]) == {"sources": 1, "licences": {"CC0": 1, "not stated": 1}}
    assert origins([tmp_path / "a.mkv", tmp_path / "b.mkv"])["sources"] == 2


def test_packs_without_a_table_tell_nothing(tmp_path: Path) -> None:
    assert origins([tmp_path / "a.mkv"]) == {}
    (tmp_path / "sources.tsv").write_text("nothing\tof\tthe kind\n")
    assert origins([tmp_path / "a.mkv"]) == {}
