"""What programs for this cloud have stumbled over, each with its name; and what no text may break."""

from __future__ import annotations

import json
import math
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunhelm.devices.errors import Malformed
from sunhelm.devices.families import load_family
from sunhelm.devices.families.izypower import answers
from sunhelm.devices.families.izypower.bodies import part_with, records, require
from sunhelm.devices.families.izypower.cloud import all_pages, lasts_s
from sunhelm.devices.families.izypower.redaction import redacted
from sunhelm.devices.families.izypower.times import seconds_of_day, time_of_day, unix_time
from sunhelm.devices.families.izypower.units import Unit, heads_of, units_of

PARIS = ZoneInfo("Europe/Paris")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                (
                    *(
                        "data",
                        "records",
                        "items",
                        "sn",
                        "soc",
                        "extraData",
                        "dataDtos",
                        "key",
                        "value",
                        "extra",
                    ),
                    *(
                        "power",
                        "energy",
                        "onlineState",
                        "deviceType",
                        "connectInfoJson",
                        "clusterMode",
                        "mode",
                    ),
                    *(
                        "pvData",
                        "pv",
                        "pvPower",
                        "fullCharge",
                        "time",
                        "allBatteries",
                        "meter_extra",
                        "manual",
                    ),
                )
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


def test_the_offset_of_a_time_counts_whatever_the_zone_of_the_host() -> None:
    moment = datetime(2026, 6, 21, 10, 33, 29, tzinfo=UTC).timestamp()
    for zone in (PARIS, ZoneInfo("Asia/Tokyo")):
        assert unix_time("2026-06-21 12:33:29 UTC+02:00", zone) == moment
    assert unix_time("2026-06-21 12:33:29", PARIS) == moment
    assert unix_time("2026-06-21 10:33:29 UTC", PARIS) == moment


@given(
    moment=st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)),  # noqa: DTZ001 - its zone follows
    offset=st.integers(-14 * 60, 14 * 60),
    form=st.sampled_from(
        ["{d} UTC{o}", "{d}{o}", "{d} GMT{o}", "{d} ({o})", "{d}.123 UTC{o}", " {d}  utc{o} "]
    ),
    colon=st.booleans(),
    between=st.sampled_from([" ", "T"]),
)
def test_a_time_is_what_its_text_says(
    moment: datetime, offset: int, form: str, colon: bool, between: str
) -> None:
    zoned = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=offset)))
    sign, (hours, minutes) = "-" if offset < 0 else "+", divmod(abs(offset), 60)
    written = form.format(
        d=zoned.strftime(f"%Y-%m-%d{between}%H:%M:%S"),
        o=f"{sign}{hours:02}{':' if colon else ''}{minutes:02}",
    )
    assert unix_time(written, PARIS) == zoned.timestamp()


@given(
    st.text(max_size=40)
    | st.none()
    | st.integers()
    | st.from_regex(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC.\d\d")
)
def test_no_text_breaks_the_reading_of_a_time(written: object) -> None:
    found = unix_time(written, PARIS)
    assert found is None or math.isfinite(found)


@given(st.integers(0, 24 * 60 - 1))
def test_a_time_of_day_goes_there_and_back(minutes: int) -> None:
    assert seconds_of_day(time_of_day(60 * minutes)) == 60 * minutes
    assert seconds_of_day("24:00") is None


def test_batteries_are_known_by_their_code_and_not_by_a_name_in_some_language() -> None:
    units = units_of([{"sn": "A", "deviceType": "battery", "deviceName": "Batterie"}])
    assert heads_of(units) == [*units]


def test_the_serial_number_may_have_its_other_name() -> None:
    assert Unit.of({"serialNumber": "E5"}).serial == "E5"
    assert Unit.of({"sn": None, "serialNumber": 75}).serial == "75"
    assert not Unit.of({}).answers


@pytest.mark.parametrize(
    ("record", "role"),
    [
        ({"clusterMode": 0}, ""),
        ({"clusterMode": 1000}, "master"),
        ({"clusterMode": 0, "connectInfoJson": {"clusterMode": "1001"}}, "slave"),
        ({"clusterMode": 1000, "connectInfoJson": {"clusterMode": 1001}}, "slave"),
        ({"connectInfoJson": {"clusterMode": "1002"}}, "standalone"),
        ({"connectInfoJson": "1000"}, ""),
        ({}, ""),
    ],
)
def test_the_role_in_a_cluster_is_text_or_a_number_or_nowhere(record: Any, role: str) -> None:
    assert Unit.of(record).role == role


def test_members_sit_at_the_root_or_under_data() -> None:
    assert part_with({"rssi": -61}, *answers.WIFI)["rssi"] == -61
    assert part_with({"data": {"rssi": -70}, "ip": "x"}, *answers.WIFI)["ip"] == "x"
    assert part_with({"data": {"rssi": -70, "ip": "x"}, "code": 0}, *answers.WIFI)["rssi"] == -70
    assert records({"data": {"records": [{"a": 1}, None, 7]}}, "x") == [{"a": 1}]
    assert records({"data": [{"a": 1}]}, "x") == [{"a": 1}]


def test_an_answer_without_what_it_should_have_says_what_it_has() -> None:
    body = {"code": 401, "msg": "Jeton expiré", "data": {"hint": "private"}, "YZB0000000003": 1}
    with pytest.raises(
        Malformed, match="no soc or items; it has code, msg, data, hint and the code 401"
    ) as raised:
        require(body, "x", "soc", "items")
    assert "private" not in str(raised.value)
    assert "YZB" not in str(raised.value)
    with pytest.raises(Malformed, match="no list of records; it has nothing"):
        records({}, "x")


def test_the_word_consumption_means_three_things() -> None:
    info = {"consumption": 1250, "extraData": {"consumption": {"day": 12.4}, "grid": {"day2": 3.1}}}
    report = {"energy": 11.2, "consumption": 6.1}
    told = answers.energies(info, {"day": report}, units_of([{"sn": "B", "deviceType": "battery"}]))
    assert told["day"]["total_consumption"] == 12.4
    assert told["day"]["consumption"] == 6.1  # of the report: from PV alone
    assert answers.station(info)["consumption"] == 1250  # watts


def test_of_the_grid_1_is_export_and_2_is_import() -> None:
    told = answers.energies({"extraData": {"grid": {"all1": 902.3, "all2": 2011.9}}}, {}, [])
    assert (told["all"]["meter_energy_n"], told["all"]["meter_energy_p"]) == (902.3, 2011.9)


@given(*[st.none() | st.floats(0, 1e6, allow_nan=False)] * 3, st.booleans())
def test_consumption_from_pv_is_never_negative(
    total: float | None, out: float | None, bought: float | None, has_battery: bool
) -> None:
    report = {"total_consumption": total, "storage_out": out, "meter_energy_p": bought}
    found = answers.consumed_from_pv(report, has_battery=has_battery)
    if total is None or bought is None or (out is None and has_battery):
        assert found is None
    else:
        assert found is not None
        assert found == pytest.approx(max(0.0, total - (out or 0.0) - bought), abs=1e-5)


def test_an_energy_that_is_not_told_is_not_0() -> None:
    told = answers.energies({}, {"all": {"energy": None, "meter_energy_p": 3}}, [])
    config: Any = type("Config", (), {"profile": "full", "rated_power": None, "capacity": None})()
    family: Any = load_family("izypower")
    found = {
        item.quantity.name: item.value
        for item in family.values.samples("energy", told, config)
        if hasattr(item, "quantity")
    }
    assert found == {"grid_import": 3 * 3.6e6}


@pytest.mark.parametrize(
    ("rate", "share"), [("75.00%", 0.75), (71.64, 0.7164), ("71,64 %", 0.7164), (None, None)]
)
def test_a_rate_is_text_with_a_percent_sign_or_a_number_or_null(rate: Any, share: float | None) -> None:
    config: Any = type("Config", (), {"profile": "core", "rated_power": None, "capacity": None})()
    family: Any = load_family("izypower")
    told = answers.energies({}, {"day": {"cover_rate": rate, "energy": 1}}, [])
    found = [
        item.value
        for item in family.values.samples("energy", told, config)
        if hasattr(item, "quantity") and item.quantity.name == "izypower_cover"
    ]
    assert found == ([] if share is None else [pytest.approx(share)])


@pytest.mark.parametrize(
    ("state", "power", "ours"),
    [
        *((1001, 1400, -1400), (1001, -1400, -1400), (1002, 800, 800), (1002, -800, 800), ("1002", 7, 7)),
        *((1000, 0, 0), (1000, 5, None), (1, 5, None), (None, 5, None), (1001, None, None)),
    ],
)
def test_the_direction_of_a_battery_is_that_of_its_state(state: Any, power: Any, ours: float | None) -> None:
    unit = Unit.of({"sn": "B", "deviceType": "battery"})
    told = answers.batteries([(unit, {"data": {"onlineState": state, "batteryPower": power, "soc": 1}})])
    assert told["batteries"][0]["signed"] == ours


def test_strings_are_in_capitals_and_null_is_no_power() -> None:
    told = answers.strings({"pvData": [{"sn": "M", "pv": "pv1", "pvPower": None}, {"sn": "M", "pv": "PV2"}]})
    assert told["strings"] == [{"name": "M PV1", "power": 0}, {"name": "M PV2", "power": None}]


def test_of_the_curve_of_a_meter_the_last_row_with_channels_counts() -> None:
    rows = [{"extra": [{"pv": "ct2", "deviceSn": "C", "dataVal": 1}]}, {"extra": []}, {}, {"extra": None}]
    assert answers.channels({"data": {"data": rows}})["meters"][0]["channels"][0]["dataVal"] == 1


def test_the_limit_of_a_master_is_that_of_its_cluster() -> None:
    body = {"data": {"power": {"max_out_power": 800, "cluster_max_out_power": 1600}}}
    for mode, limit in ((1000, 1600), (1001, 800), (1002, 800)):
        unit = Unit.of({"sn": "B", "deviceType": "battery", "clusterMode": mode})
        told = answers.settings([(unit, "command", body)], None)
        assert told["batteries"][0]["command"]["discharge_limit"] == limit


def _token(claims: Any) -> str:
    coded = urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{coded}.x"


@pytest.mark.parametrize(
    ("token", "lasts"),
    [
        (_token({"exp": 2000}), 990),
        (_token({"exp": 2000, "pad": "ding"}), 990),
        (
            _token({"exp": 900}),
            600,
        ),  # gone by already: the cloud will say so, nobody signs in again and again
        (_token({"exp": "2000"}), 600),
        (_token({}), 600),
        (_token([1]), 600),
        ("opaque", 600),
        ("a.!!!.c", 600),
        ("a.e30.c", 600),
    ],
)
def test_the_life_of_a_token_stands_in_it_or_is_ten_minutes(token: str, lasts: float) -> None:
    assert lasts_s(token, 1000.0) == lasts


async def test_a_full_page_is_followed_by_the_next_one_and_a_repeated_one_by_none() -> None:
    asked = []

    async def read(query: Any) -> Any:
        asked.append(query["page"])
        first = 100 * (query["page"] - 1)
        return {
            "data": {
                "records": [{"stationsId": first + number} for number in range(100 if first < 200 else 3)]
            }
        }

    async def same(query: Any) -> Any:
        asked.append(query["page"])
        return {"data": {"records": [{"stationsId": number} for number in range(100)]}}

    assert len(await all_pages(read, "x", {})) == 203
    assert asked == [1, 2, 3]
    assert len(await all_pages(same, "x", {})) == 100


@given(JSON)
def test_no_answer_of_another_shape_breaks_the_reading(told: Any) -> None:
    body = told if isinstance(told, dict) else {"data": told}
    listed = body.get("data")
    units = units_of(
        [one for one in (listed if isinstance(listed, list) else [listed]) if isinstance(one, dict)]
    )
    unit = Unit.of({"sn": "B", "deviceType": "battery"})
    config: Any = type("Config", (), {"profile": "full", "rated_power": None, "capacity": None})()
    family: Any = load_family("izypower")
    documents = {
        "live": answers.station(body),
        "energy": answers.energies(body, dict.fromkeys(answers.PERIODS, body), units),
        "devices": answers.devices(units),
        "batteries": answers.batteries([(unit, body)]),
        "meters": answers.meters([(unit, body)]),
        "strings": answers.strings(body),
        "channels": answers.channels(body),
        "network": answers.networks([(unit, body)]),
        "temperature": answers.temperatures([(unit, body)]),
        "identity": answers.updates(body, units),
        "settings": answers.settings([(unit, "command", body)], body),
    }
    for group, document in documents.items():
        for item in family.values.samples(group, document, config):
            assert not hasattr(item, "quantity") or math.isfinite(item.value)
    json.dumps(redacted({"/x": body}, {}))


@given(JSON, st.text("ABCDEFGHJKLMNPQR", min_size=6, max_size=14))
def test_no_text_of_the_owner_gets_into_a_dump(shape: Any, private: str) -> None:
    body = {
        "data": shape,
        "address": private,
        "records": [{"stationName": private, "x": {"y": [private + " 1"]}}],
    }
    assert private not in json.dumps(redacted({"/a": {**body, "sn": private}, f"/b/{private}": body}, {}))


@pytest.mark.parametrize(
    "key", ["YZB0000000003", "41001", "me@example.com", "12 rue de la Paix", "2026-06-21", "Maison d'été"]
)
def test_what_is_no_name_of_a_member_gets_into_no_dump(key: str) -> None:
    """No real answer is public: one may list its devices by their serial numbers."""
    body = {"data": {key: {"soc": 62, "sn": key}, "batteryPower": 350}}

    told = redacted({f"/izy/v2/battery/{key}": body}, {})

    assert key not in json.dumps(told, ensure_ascii=False)
    (answer,) = told["answers"].values()  # type: ignore[attr-defined]  # as it is made
    assert {"soc": 62, "sn": "SN00000000001"} in answer["data"].values()
    assert answer["data"]["batteryPower"] == 350
