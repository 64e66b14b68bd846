"""Maps of JSON values: what a row says, and how a wrong file is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from sunhelm.devices.families.json_map import JsonMapError, load_json_map
from sunhelm.devices.families.json_values import JsonMap, Step
from sunhelm.devices.registers.figures import Share

HEAD = "group,path,type,unit,scale,profile,name,quantity,labels,min,max,names\n"


def load(tmp_path: Path, *rows: str) -> JsonMap:
    file = tmp_path / "values.csv"
    file.write_text(HEAD + "".join(f"{row}\n" for row in rows))
    return load_json_map(file, family="box")


def test_a_row_is_a_value(tmp_path: Path) -> None:
    (value,) = load(tmp_path, "energy,A[phase=Id].B,,kW,-1,full,b,grid_phase_power,,-3,rated_power*2,").values
    assert value.steps == (Step("A", "phase", "Id"), Step("B"))
    assert (value.group, value.profile, value.name) == ("energy", "full", "b")
    assert (value.low, value.high) == (-3_000.0, Share("rated_power", 2.0))
    assert value.in_base_unit(0.3) == -300.0


def test_all_mistakes_of_a_file_are_told_each_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(JsonMapError) as caught:
        load(
            tmp_path,
            "live,A..B,,W,,core,a,,,,,",
            "live,A,,furlong,,core,a,,,,,",
            "live,A,,W,,core,a,pv_powr,,,,",
            "live,A,,V,,core,a,pv_power,,,,",
            "live,A,word,,,core,a,,,,,",
            "live,A,state,,,core,a,,,,,",
            "live,A,,W,,core,,,,,,",
            "live,A,,W,,core,a,,,low,,",
            "live,A,,W,,cor,a,,,,,",
            "live,A,,W,1/0,core,a,,,,,",
            "live,A,,V,,core,a,,,,rated_power,",
        )
    assert [mistake.split(":")[1] for mistake in caught.value.mistakes] == [str(n) for n in range(2, 13)]
    with pytest.raises(JsonMapError, match="has another shape elsewhere"):
        load(
            tmp_path,
            "live,A,,W,,core,a,~x,,,,",
            "live,B,,W,,core,b,~x!counter,phase=L1,,,",
            "live,C,,W,,core,c,~x,string=1,,,",
        )
