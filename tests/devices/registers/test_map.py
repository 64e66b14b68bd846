"""Maps become registers, and wrong maps are told apart cell by cell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sunhelm.devices.links.base import Table
from sunhelm.devices.quantities import CATALOGUE, Quantity
from sunhelm.devices.reading import Sample
from sunhelm.devices.registers import codec
from sunhelm.devices.registers import map as map_module
from sunhelm.devices.registers.checks import metric_mistakes, sum_mistakes
from sunhelm.devices.registers.figures import Share
from sunhelm.devices.registers.map import MapError, load_map
from sunhelm.devices.registers.register import Register, RegisterMap
from sunhelm.devices.registers.rows import COLUMNS

Load = Callable[..., RegisterMap]
Mistakes = Callable[..., tuple[str, ...]]

EVERYTHING = f"""\
{",".join(COLUMNS)}
3,ascii5,,,,,,,identity,,serial_number,-,,,,,,,,,two characters a word
524,u32_le,0.1,,kWh,,,,energy,,grid_export_total,grid_export,,,,,,,,,
586,u16,0.1,-100,degC,,,,,,battery_1_temperature,battery_unit_temperature,battery=1,0,,,-40,100,,,
590,i16,,,W,,,,,full,battery_1_power,battery_unit_power,battery=1,,,,-rated_power,rated_power*1.3,,Power 1,
591,i16,,,W,,,,,,battery_1_power_old,battery_unit_power,battery=1,0x8000;-1,battery_1_power,battery_1_power_high_word,,,,,
592,u16,,,,,,,-,,battery_1_power_high_word,,,,,,,,,,
0x0400,u16,,,,rw,persistent,input,settings,,mode,,,,,,,,0=off;0x10=on,Work mode,
"""


def test_every_column_reaches_the_register(load: Load) -> None:
    registers = load(EVERYTHING)
    assert registers.name == "pack"
    assert [register.name for register in registers.registers] == [
        "serial_number",
        "grid_export_total",
        "battery_1_temperature",
        "battery_1_power",
        "battery_1_power_old",
        "battery_1_power_high_word",
        "mode",
    ]
    serial, energy, temperature, power, old, _, mode = registers.registers
    assert (serial.address, serial.end, serial.type.name, serial.group) == (3, 8, "ascii5", "identity")
    assert serial.quantity is None
    assert serial.note == "two characters a word"
    assert energy.quantity is CATALOGUE["grid_export"]
    assert codec.value(energy, 1779) == 640_440_000.0
    assert temperature.offset == Fraction(-100)
    assert (temperature.minimum, temperature.maximum) == (-40.0, 100.0)
    assert temperature.absent == {0}
    assert temperature.labels == {"battery": "1"}
    assert codec.value(temperature, 1210) == 21.0
    assert (power.minimum, power.maximum) == (Share("rated_power", -1.0), Share("rated_power", 1.3))
    assert (power.profile, energy.profile) == ("full", "core")
    assert (power.vendor, power.place) == ("Power 1", "holding 590 battery_1_power")
    assert old.absent == {-32768, -1}
    assert old.instead_of == "battery_1_power"
    assert old.high == "battery_1_power_high_word"
    assert (mode.address, mode.table, mode.access, mode.storage) == (1024, Table.INPUT, "rw", "persistent")
    assert mode.names == {0: "off", 16: "on"}


def test_the_least_map_is_three_columns(load: Load) -> None:
    [register] = load("name,address,type\nfan_speed,7,u16\n").registers
    assert register.quantity == Quantity("deye_fan_speed", "", "gauge", "Fan speed.")
    assert (register.access, register.group, register.profile) == ("r", "live", "core")
    assert register.scale == 1


@pytest.mark.parametrize(
    ("row", "quantity"),
    [
        (
            "1,i16,0.1,A,ac_in_l1_current,,phase=L1,,/Ac/L1/I",
            Quantity(
                "deye_pack_ac_in_l1_current",
                "amperes",
                "gauge",
                "Pack AC in L1 current (vendor: /Ac/L1/I).",
                ("pack", "phase"),
                "sign as the vendor's",
            ),
        ),
        (
            "1,u32,,kWh,throughput,!counter,,,",
            Quantity("deye_pack_throughput", "joules", "counter", "Pack throughput.", ("pack",)),
        ),
        (
            "1,u32,,,cell_1_cycles,~cycles!counter,cell=1,,",
            Quantity("deye_pack_cycles", "", "counter", "Pack cycles.", ("pack", "cell")),
        ),
        (
            "1,string4,,,serial,,,,SN",
            Quantity(
                "deye_pack_serial", "", "info", "Pack serial (vendor: SN), as text.", ("pack", "serial")
            ),
        ),
        (
            "1,hhmm,,,start,,,,",
            Quantity("deye_pack_start", "seconds", "gauge", "Pack start.", ("pack",)),
        ),
        (
            "1,datetime3,,,clock,,,,",
            Quantity("deye_pack_clock", "timestamp_seconds", "gauge", "Pack clock.", ("pack",)),
        ),
        (
            "1,u16,,,mode,,,1=on,Mode",
            Quantity(
                "deye_pack_mode",
                "",
                "state",
                "Pack mode (vendor: Mode): 1 for what holds now, 0 for all else.",
                ("pack", "state"),
            ),
        ),
    ],
)
def test_a_quantity_of_the_vendor_is_named_after_family_prefix_register_and_unit(
    load: Load, row: str, quantity: Quantity
) -> None:
    header = "address,type,scale,unit,name,quantity,labels,names,vendor\n"
    [register] = load(header + row + "\n", prefix="pack", part_labels=["pack"]).registers
    assert register.quantity == quantity


def test_metrics_of_vendor_quantities(load: Load) -> None:
    rows = (
        "address,type,unit,name,quantity,names\n1,u32,kWh,throughput,!counter,\n3,u16,,mode,,1=on\n"
        "4,bits16,,faults,,0=fan\n5,bits16,,flags,,\n6,string2,,serial,,\n8,u16,%,fan_speed,,\n"
    )
    metrics = [
        quantity.metric
        for register in load(rows).registers
        for quantity in (register.quantity, register.code)
        if quantity
    ]
    assert metrics == [
        "solar_deye_throughput_joules_total",
        *("solar_deye_mode", "solar_deye_mode_code"),
        *("solar_deye_faults", "solar_deye_faults_code"),
        "solar_deye_flags_code",
        "solar_deye_serial_info",
        "solar_deye_fan_speed_ratio",
    ]


def test_registers_that_share_a_quantity_get_the_same_one_and_one_help(load: Load) -> None:
    first, second = load(
        "address,type,unit,name,quantity,labels,vendor\n"
        "1,u16,V,l1_voltage,~phase_voltage,phase=L1,/L1\n2,u16,V,l2_voltage,~phase_voltage,phase=L2,/L2\n"
    ).registers
    assert first.quantity is second.quantity
    assert first.quantity
    assert first.quantity.help == "Phase voltage (vendor: /L1 and 1 more)."


def test_bits_and_their_label(load: Load) -> None:
    faults, flags = load(
        "address,type,name,names\n1,bits16,faults,0=fan;15=grid_phase_order\n2,u16,mode,kind: 1=on;2=off\n"
    ).registers
    assert faults.quantity
    assert faults.quantity.labels == ("alarm",)
    assert flags.quantity
    assert flags.quantity.labels == ("kind",)
    assert [
        (result.quantity.metric, result.labels, result.value)
        for result in codec.samples(faults, [0x8000])
        if isinstance(result, Sample)
    ] == [
        ("solar_deye_faults", ("fan",), 0.0),
        ("solar_deye_faults", ("grid_phase_order",), 1.0),
        ("solar_deye_faults_code", (), 32768.0),
    ]


def test_names_shared_in_the_family(load: Load) -> None:
    [register] = load("address,type,name,names\n1,u16,mode,@modes\n", enums={"modes": {1: "on"}}).registers
    assert register.names == {1: "on"}


def test_a_scale_factor_in_another_register(load: Load) -> None:
    power, factor = load("address,type,scale,unit,name\n1,i16,-@w_sf,W,power\n2,sunssf,,,w_sf\n").registers
    assert power.scale_register == "w_sf"
    assert factor.quantity is None
    assert codec.value(power, 1500, -1) == -150.0


@pytest.mark.parametrize("row", ["1,u16,w,,command", "1,u16,,-,reserved_1_count", "1,sunssf,,,w_sf"])
def test_what_is_only_read_for_others_or_never_has_no_quantity(load: Load, row: str) -> None:
    [register] = load(f"address,type,access,group,name\n{row}\n").registers
    assert register.quantity is None
    assert register.code is None


@pytest.mark.parametrize(
    "rows",
    [
        "1,u8hi,first\n1,u8lo,second\n",
        "1,u16[3:0],first\n1,u16[7:4],second\n1,u8hi,third\n",
        "1,u32[15:0],first\n1,u16,second\n",
        "1,u16,first\n=1,bits16,second\n",
        "1,u32,first\n=2,u16,second\n",
        "=1,u32,first\n2,u16,second\n",
    ],
)
def test_words_may_be_shared_by_different_bits_or_on_purpose(
    load: Load, mistakes: Mistakes, rows: str
) -> None:
    assert load(f"address,type,name\n{rows}").registers


def test_a_float_may_have_a_number_that_means_not_available(load: Load) -> None:
    [register] = load("address,type,name,absent\n1,f32,power,0;-1\n").registers
    assert register.absent == {0, -1}
    assert codec.plain_value(register, codec.pack(register.type, -1.0)) is None


def test_the_two_tables_are_numbered_apart(load: Load) -> None:
    registers = load(
        "address,type,table,name\n5,u16,input,first\n1,u16,holding,second\n5,u16,,third\n"
    ).registers
    assert [register.name for register in registers] == ["second", "first", "third"]


def row(**cells: str) -> str:
    """A map of one row that is right but for these cells."""
    cells = {"address": "1", "type": "u16", "name": "power"} | cells
    return f"{','.join(cells)}\n{','.join(cells.values())}\n"


def row_mistakes() -> Iterator[Any]:
    """Each case of `row_mistakes.txt`: the cells, and what is said about them."""
    lines = Path(__file__).with_name("row_mistakes.txt").read_text(encoding="utf-8").splitlines()[1:]
    for cells, said in zip(lines[::2], lines[1::2], strict=True):
        pairs = (cell.partition("=") for cell in cells.split(" & "))
        yield pytest.param({column: value for column, _, value in pairs}, said.strip(), id=cells)


@pytest.mark.parametrize(("cells", "said"), list(row_mistakes()))
def test_a_mistake_in_a_row_is_told_once_with_its_place_and_what_is_allowed(
    mistakes: Mistakes, cells: dict[str, str], said: str
) -> None:
    [mistake] = mistakes(row(**cells))
    start, more, end = f"pack.csv:2:{said}".partition("...")
    assert mistake.startswith(start)
    assert mistake.endswith(end) if more else mistake == start


def test_the_nearest_unit_is_guessed(mistakes: Mistakes) -> None:
    [mistake] = mistakes(row(unit="kwh"))
    assert mistake.endswith('; did you mean "kWh"?')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("address,type\n", "pack.csv:1:name: missing column - every map has address, type, name"),
        ("address,type,name,unti\n", 'pack.csv:1:unti: unknown column - "unti" is none of address, type, '),
        (
            "address,type,name,name\n",
            "pack.csv:1:name: column given twice - it stands 2 times; once is right",
        ),
        (
            "address,type,name\n1,u16\n",
            "pack.csv:2: wrong number of cells - this row has 2 cells, the header 3",
        ),
        ('address,type,name\n1,u16,"power\n', "pack.csv:2: not CSV - "),
        (
            "address,type,name\n5,u16,first\n4,u16,second\n",
            "pack.csv:3:address: out of order - 4 stands after 5; rows are sorted by address",
        ),
        (
            "address,type,name\n5,u16,power\n6,i16,power\n",
            'pack.csv:3:name: name given twice - "power" already stands in line 2',
        ),
        (
            "address,type,name\n5,u32,first\n6,u16,second\n",
            'pack.csv:3:address: words of another register - "first" of line 2 has 5+2; write =6 when both',
        ),
        (
            "address,type,name\n5,u32_le[15:0],first\n5,u16,second\n",
            'pack.csv:3:address: words of another register - "first" of line 2 has 5+2; write =5 when both',
        ),
        (
            "address,type,name\n5,u16[7:4],first\n5,u8lo,second\n",
            'pack.csv:3:address: words of another register - "first" of line 2 has 5+1; write =5 when both',
        ),
        (
            "address,type,unit,name,quantity\n5,u16,V,first,~x\n6,u16,A,second,~x\n",
            "pack.csv:3:quantity: same metric, other shape - this is a gauge in amperes with no labels, but ",
        ),
        (
            "address,type,name,quantity,labels\n5,u16,first,~x,cell=1\n6,u16,second,~x,pack=1\n",
            "pack.csv:3:quantity: same metric, other shape - this is a gauge with the labels pack, but",
        ),
        (
            "address,type,name,quantity,names\n5,u16,first,~x,1=on\n6,u16,second,~x,\n",
            "pack.csv:3:quantity: same metric, other shape - this is a gauge with no labels, but",
        ),
        (
            "address,type,unit,name,quantity\n5,u16,W,first,pv_power\n6,u16,W,second,pv_power\n",
            'pack.csv:3:quantity: same series twice - solar_pv_power_watts is also "first" of line 2; other',
        ),
        (
            "address,type,name,names\n5,u16,mode,1=on\n6,u16,mode_code,\n",
            'pack.csv:3:quantity: same series twice - solar_deye_mode_code is also "mode" of line 2',
        ),
        (
            "address,type,name,instead_of\n5,u16,first,second\n6,u16,second,first\n",
            'pack.csv:2:instead_of: in a circle - "second" in turn stands in for this register',
        ),
    ],
)
def test_mistakes_between_rows(mistakes: Mistakes, text: str, said: str) -> None:
    assert mistakes(text)[0].startswith(said)


STAND_INS = """\
address,type,unit,name,quantity,instead_of
5,u16,W,oldest,pv_power,old
6,u16,W,old,pv_power,power
7,u32,W,power,pv_power,
"""


def test_a_stand_in_and_its_stand_in_are_the_same_series(load: Load) -> None:
    registers = load(STAND_INS)
    assert registers["oldest"].quantity is registers["power"].quantity
    with pytest.raises(KeyError):
        registers["older"]


def test_two_stand_ins_for_one_register_would_be_read_at_once(mistakes: Mistakes) -> None:
    [mistake] = mistakes(STAND_INS + "9,u16,W,other,pv_power,power\n")
    assert mistake.startswith(
        'pack.csv:5:quantity: same series twice - solar_pv_power_watts is also "oldest" of'
    )


def test_all_mistakes_are_told_at_once_in_the_order_of_the_lines(mistakes: Mistakes) -> None:
    found = mistakes(
        "address,type,scale,unit,name,quantity\n9,u16,0,kwh,first,\n8,u17,,,second,\n,,,,,\n7,u16,,,third,pv_powr\n"
    )
    assert [mistake.split(" - ")[0] for mistake in found] == [
        "pack.csv:2:unit: unknown unit",
        "pack.csv:2:scale: not a scale",
        "pack.csv:3:type: unknown type",
        "pack.csv:4:name: not a name",
        "pack.csv:4:address: not an address",
        "pack.csv:4:type: unknown type",
        "pack.csv:5:address: out of order",
        "pack.csv:5:quantity: unknown quantity",
    ]


def test_lines_are_counted_as_an_editor_counts_them(mistakes: Mistakes) -> None:
    [mistake] = mistakes('address,type,name,note\n1,u16,power,"two\nlines"\n\n5,u16,Wrong,\n')
    assert mistake.startswith("pack.csv:5:name: ")


def test_only_known_groups_are_allowed_when_they_are_given(load: Load, mistakes: Mistakes) -> None:
    [mistake] = mistakes(row(group="setings"), groups=["live", "settings"])
    assert mistake == (
        'pack.csv:2:group: unknown group - "setings" is none of live, settings, -; did you mean "settings"?'
    )
    assert load(row(group="-"), groups=["live"]).registers[0].group == "-"


def test_the_label_of_the_part_cannot_be_given_again(mistakes: Mistakes) -> None:
    [mistake] = mistakes(row(labels="battery=1"), part_labels=["battery"])
    assert mistake == 'pack.csv:2:labels: label given twice - "battery" is already the label of the part'


def test_a_file_that_is_not_there_or_not_text_is_a_mistake_like_others(tmp_path: Path) -> None:
    with pytest.raises(MapError, match=r"gone\.csv: cannot be read - No such file"):
        load_map(tmp_path / "gone.csv", family="deye")
    file = tmp_path / "latin.csv"
    file.write_bytes(b"address,type,name,note\n1,u16,power,\xe9t\xe9\n")
    with pytest.raises(MapError, match=r"latin\.csv:2: not UTF-8 - "):
        load_map(file, family="deye")


def test_a_byte_order_mark_and_blanks_around_cells_do_no_harm(load: Load) -> None:
    [register] = load("\ufeffaddress, type ,name\r\n 1 , u16,power \r\n").registers
    assert (register.address, register.name) == (1, "power")


cells = st.one_of(
    st.sampled_from(
        ["", "1", "0x10", "=1", "u16", "i32_le", "string4", "bits16", "W", "kWh", "live", "-", "@x"]
    ),
    st.sampled_from(
        ["pv_power", "~x", "!counter", "power", "phase=L1", "1=on", "rated_power", "rw", "1e9", "nan"]
    ),
    st.text(max_size=6),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(COLUMNS), unique=True), st.lists(st.lists(cells, max_size=20), max_size=4))
def test_whatever_a_file_holds_it_is_a_map_or_has_mistakes(
    tmp_path: Path, columns: list[str], rows: list[list[str]]
) -> None:
    header = ["address", "type", "name", *(c for c in columns if c not in {"address", "type", "name"})]
    lines = [header, *((row + [""] * len(header))[: len(header)] for row in rows)]
    file = tmp_path / "any.csv"
    file.write_text("\n".join(",".join(line) for line in lines), encoding="utf-8", errors="replace")
    found: tuple[str, ...] = ()
    registers: tuple[Register, ...] = ()
    try:
        registers = load_map(file, family="deye").registers
    except MapError as error:
        found = error.mistakes
    assert all(mistake.startswith("any.csv:") for mistake in found)
    assert bool(found) or len(registers) <= len(rows)


def test_maps_of_a_family_must_agree_on_a_metric(load: Load) -> None:
    header = "address,type,unit,name,labels\n"
    volts, tenths = load(header + "1,u16,V,voltage,\n"), load(header + "1,u16,mV,voltage,\n")
    labelled = load(header + "1,u16,V,voltage,cell=1\n")
    assert metric_mistakes([volts, tenths]) == []
    [mistake] = metric_mistakes([volts, labelled])
    assert mistake == (
        "solar_deye_voltage_volts: one metric, several shapes - gauge in volts with the labels none in pack; "
        "gauge in volts with the labels cell in pack; another name tells them apart"
    )


def test_a_total_must_be_a_sum_of_registers_in_its_unit(load: Load) -> None:
    registers = load(
        "address,type,unit,name,names\n1,u16,W,pv1_power,\n2,u16,kW,pv2_power,\n3,u16,V,voltage,\n4,u16,,mode,1=on\n"
    )
    assert sum_mistakes(registers, "pv_power", ["pv1_power", "-pv2_power"]) == []
    assert sum_mistakes(registers, "pv_powr", []) == [
        'unknown quantity - "pv_powr" is not in the catalogue; did you mean "pv_power"?'
    ]
    assert sum_mistakes(registers, "pv_power", ["-pv1_powr", "voltage"]) == [
        'unknown register - "-pv1_powr" of pv_power is not in pack; did you mean "pv1_power"?',
        'wrong unit - "voltage" is in volts, pv_power in watts',
    ]
    assert sum_mistakes(registers, "grid_power_factor", ["mode"]) == [
        'wrong unit - "mode" is in no unit, grid_power_factor in ratio'
    ]
    assert sum_mistakes(registers, "battery_unit_cycles", ["mode"]) == [
        'not a number - "mode" of battery_unit_cycles cannot be summed'
    ]


@pytest.mark.parametrize("column", COLUMNS)
def test_the_reference_describes_every_column(column: str) -> None:
    assert re.search(rf"^    (min, )?{column}(, max)? ", map_module.__doc__ or "", re.MULTILINE)
