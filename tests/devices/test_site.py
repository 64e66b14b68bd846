from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sunhelm.configuration.document import read_document
from sunhelm.configuration.mistakes import ConfigurationError
from sunhelm.devices.families.spec import FamilySpec
from sunhelm.devices.sections import Account, Control, DeviceSection, FailSafeLimit, SiteSection
from sunhelm.devices.site import SECTIONS, FamilySpecs, Site, SiteError, load_site, validate_site
from sunhelm.devices.tariffs import DAYS


def spec(
    links: Mapping[str, int],
    *,
    models: tuple[str, ...] = (),
    parts: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
) -> FamilySpec:
    return FamilySpec.model_validate(
        {
            "title": "Title",
            "vendor": "Vendor",
            "links": links,
            "models": models,
            "needs": needs,
            "refresh": "5s",
            "parts": [{"name": name, "map": f"{name}.csv"} for name in parts],
        },
        strict=False,
    )


SPECS = {
    "victron": spec({"modbus_tcp": 502}, parts=("system", "battery", "grid")),
    "deye": spec(
        {"modbus_tcp": 502, "solarman_v5": 8899},
        models=("SUN-12K-SG04LP3", "SUN-8K-SG04LP3"),
        parts=("inverter",),
    ),
    "sessy": spec({"http": 80}),
    "redback": spec({"http": 443}, needs=("account",)),
    "tariff": spec({"none": 0}, needs=("tariff",)),
}

TARIFF = "{family: tariff, tariff: {currency: EUR, import: 0.3}}"

HEAD = "site: {name: home, zone: Europe/Amsterdam}\n"

Check = Callable[..., tuple[Site | None, list[str]]]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def check(content: str, *, expand_environment: bool = False) -> tuple[Site | None, list[str]]:
        path = tmp_path / "sunhelm.yml"
        path.write_text(content)
        document = read_document(path, expand_environment=expand_environment)
        site, mistakes = validate_site(document, SPECS)
        return site, [str(mistake).removeprefix(f"{tmp_path}/") for mistake in sorted(set(mistakes))]

    return check


def test_a_site_file_is_read_into_base_units_with_the_familys_defaults(check: Check, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("address,type,name\n7,u16,fan_speed\n")
    site, mistakes = check(
        """\
site: {name: Beach House, zone: Europe/Amsterdam, grid_meter: roof, location: {latitude: 52.1, longitude: -4}}
accounts:
  cloud: {family: redback, client_id: me, client_secret_file: redback_secret}
devices:
  roof:
    family: deye
    model: SUN-12K-SG04LP3
    link: solarman_v5
    host: 192.0.2.7
    logger_serial: 2712345678
    serial: 0123456789
    units: 2
    rated_power: 12kW
    capacity: 10 kWh
    refresh: 1m
    profile: full
    map: own.csv
    control:
      enabled: true
      allow: [limit_export]
      fail_safe: {limit_export: {limit: 0W}, force_charge: baseline}
      allow_unlimited: 10s
  gx: {family: victron, host: gx.lan, units: {battery: [225, 226], grid: 30}}
  box: {family: redback, account: cloud, serial: 12345}
  price:
    family: tariff
    tariff:
      currency: EUR
      import:
        - {from: "07:00", to: "23:00", days: [mon, tue], price: 0.31}
        - {from: "23:00", price: 0.2}
        - price: 0.24
      feed_in: -0.08
influxdb: {whatever: the exporter, says: of it}
alertmanager: [1, 2]
"""
    )
    assert mistakes == []
    assert site is not None
    assert (site.name, site.zone.key, site.grid_meter) == ("Beach House", "Europe/Amsterdam", "roof")
    assert site.location is not None
    assert (site.location.latitude, site.location.longitude) == (52.1, -4.0)
    roof, gx, box = site.devices["roof"], site.devices["gx"], site.devices["box"]
    assert (roof.name, roof.link, roof.port, roof.serial) == ("roof", "solarman_v5", 8899, "0123456789")
    assert (roof.rated_power, roof.capacity, roof.refresh) == (12_000.0, 36_000_000.0, 60.0)
    assert roof.units == {"inverter": (2,)}
    assert roof.map == tmp_path / "own.csv"
    assert roof.control.fail_safe == {
        "limit_export": FailSafeLimit.model_construct(limit=0.0),
        "force_charge": "baseline",
    }
    assert roof.control.allow_unlimited == 10.0
    assert (gx.link, gx.port, gx.profile, gx.control.enabled) == ("modbus_tcp", 502, "core", False)
    assert gx.units == {"battery": (225, 226), "grid": (30,)}
    assert (box.host, box.account, box.serial) == (None, "cloud", "12345")
    assert site.devices["price"].link == "none"
    tariff = site.devices["price"].tariff
    assert tariff is not None
    assert tariff.currency == "EUR"
    assert tariff.import_ is not None
    assert [(rate.from_, rate.end, rate.days, rate.price) for rate in tariff.import_] == [
        (420, 1380, ("mon", "tue"), 0.31),
        (1380, 1440, DAYS, 0.2),
        (0, 1440, DAYS, 0.24),
    ]
    assert tariff.feed_in is not None
    assert [(rate.from_, rate.end, rate.price) for rate in tariff.feed_in] == [(0, 1440, -0.08)]
    secret = site.accounts["cloud"].secret("client_secret")
    assert secret is not None
    (tmp_path / "redback_secret").write_text("hunter2\n")
    assert secret.reveal() == "hunter2"


def examples(name: str) -> list[tuple[str, str]]:
    """The pairs of a file: what is written, and after "=>" what is said about it."""
    _, *blocks = (Path(__file__).parent / name).read_text().rstrip().split("\n\n")
    return [(written, said) for written, _, said in (block.rpartition("\n=> ") for block in blocks)]


@pytest.mark.parametrize(("device", "mistake"), examples("device_mistakes.txt"))
def test_each_mistake_about_a_device_has_its_place_and_a_way_out(
    check: Check, device: str, mistake: str
) -> None:
    accounts = "accounts: {cloud: {family: redback}, other: {family: sessy}}\n"
    _, mistakes = check(f"{HEAD}devices:\n  d: {device}\n{accounts}")
    assert mistakes == [f"sunhelm.yml:{mistake}"]


@pytest.mark.parametrize(("content", "mistake"), examples("site_mistakes.txt"))
def test_each_mistake_about_the_rest_has_its_place_and_a_way_out(
    check: Check, content: str, mistake: str
) -> None:
    _, mistakes = check(f"{content}\n")
    assert mistakes[0] == f"sunhelm.yml:{mistake}"


def test_every_mistake_is_found_at_once(check: Check) -> None:
    _, mistakes = check(
        """\
site: {name: home, zone: Mars}
devices:
  roof: {family: deye, model: SUN, link: solarman_v5, host: "a b", rated_power: 12, refresh: 1s, extra: 1}
  gx: {family: victron}
  roof: {family: deye}
wbe: {}
"""
    )
    places = [mistake.split(": ", 1)[0].removeprefix("sunhelm.yml:") for mistake in mistakes]
    assert places == ["1:26", "3:3", "3:31", "3:61", "3:81", "3:94", "3:98", "4:3", "5:3", "6:1"]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("{family: victron, host: gx}", "{family: victron, host: GX, port: 502}", True),
        ("{family: victron, host: gx}", "{family: victron, host: gx, port: 503}", False),
        ("{family: deye, host: h, units: 1}", "{family: deye, host: h, units: 2}", False),
        ("{family: deye, host: h, units: 1}", "{family: deye, host: h}", True),
        ("{family: deye, host: h}", "{family: victron, host: h}", False),
        ("{family: sessy, host: h}", "{family: sessy, host: h}", True),
        ("{family: redback, account: a, serial: 1}", "{family: redback, account: a, serial: 2}", False),
        ("{family: redback, account: a, serial: 1}", "{family: redback, account: a, serial: 1}", True),
        (TARIFF, TARIFF, False),
    ],
)
def test_the_same_device_twice_is_a_mistake(check: Check, first: str, second: str, same: bool) -> None:
    _, mistakes = check(
        f"{HEAD}accounts: {{a: {{family: redback}}}}\ndevices:\n  x: {first}\n  y: {second}\n"
    )
    assert [": is the same device as x: family " in mistake for mistake in mistakes] == [True] * same
    assert all(mistake.startswith("sunhelm.yml:5:") for mistake in mistakes)


def test_variables_stand_for_values_when_asked(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GX_HOST", "192.0.2.8")
    monkeypatch.setenv("GX_PORT", "5020")
    content = f"{HEAD}devices: {{gx: {{family: victron, host: '${{GX_HOST}}', port: '${{GX_PORT}}'}}}}\n"
    site, mistakes = check(content, expand_environment=True)
    assert mistakes == []
    assert site is not None
    assert (site.devices["gx"].host, site.devices["gx"].port) == ("192.0.2.8", 5020)
    _, mistakes = check(content)
    assert len(mistakes) == 2


def test_a_file_with_mistakes_is_refused_whole(tmp_path: Path) -> None:
    path = tmp_path / "sunhelm.yml"
    path.write_text("site: {name: home}\n")
    with pytest.raises(SiteError) as caught:
        load_site(path)
    assert len(caught.value.mistakes) == 2
    with pytest.raises(SiteError, match="cannot be read"):
        load_site(tmp_path / "none.yml")


def test_a_file_without_mistakes_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "sunhelm.yml"
    path.write_text(
        f"{HEAD}devices: {{gx: {{family: victron, host: 192.0.2.8}}}}\nweb: {{all_devices: true}}\n"
    )
    loaded = load_site(path)
    assert loaded.site.devices["gx"].port == 502
    assert loaded.document.value(("web", "all_devices")) is True


def test_every_family_with_a_folder_can_be_configured() -> None:
    specs = FamilySpecs()
    assert "victron" in specs
    assert "nobody" not in specs
    assert len(specs) == len([specs[name] for name in specs])


KEYS = [key for model in (SiteSection, Account, DeviceSection, Control) for key in model.model_fields]
WORDS = st.sampled_from(
    [
        *KEYS,
        *SECTIONS,
        *SPECS,
        "modbus_tcp",
        "solarman_v5",
        "UTC",
        "roof",
        "12kW",
        "5s",
        "hold",
        "limit",
        "${X}",
    ]
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), WORDS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(WORDS, st.text(max_size=5)), inner, max_size=6)
    ),
    max_leaves=25,
)
FILES = st.fixed_dictionaries(
    {},
    optional={
        "site": VALUES,
        "accounts": st.dictionaries(WORDS, VALUES, max_size=3),
        "devices": st.dictionaries(
            WORDS,
            st.one_of(
                VALUES,
                st.fixed_dictionaries(
                    {"family": st.one_of(st.sampled_from(list(SPECS)), VALUES)},
                    optional={
                        name: st.one_of(VALUES, WORDS)
                        for name in (
                            "model",
                            "link",
                            "host",
                            "port",
                            "units",
                            "account",
                            "refresh",
                            "control",
                            "map",
                        )
                    },
                ),
            ),
            max_size=4,
        ),
    },
)


@given(FILES, st.booleans())
def test_no_values_make_anything_but_a_site_or_mistakes(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, object], expand: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "site.yml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8", errors="replace")
    try:
        document = read_document(path, expand_environment=expand)
    except ConfigurationError as error:
        mistakes = list(error.mistakes)
    else:
        _, mistakes = validate_site(document, SPECS)
    for mistake in mistakes:
        assert len(str(mistake).splitlines()) == 1


def test_every_mistake_of_an_own_map_is_told(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("address,type,name\n1,u17,good\nx,u16,Bad\n")
    site = tmp_path / "sunhelm.yml"
    site.write_text(
        "site: {name: home, zone: UTC}\n"
        "devices:\n"
        "  gx: {family: victron, host: 192.0.2.1, map: own.csv}\n"
        "  box: {family: sec1000s, host: 192.0.2.2, map: own.csv}\n"
    )
    with pytest.raises(SiteError) as raised:
        load_site(site)
    told = [str(mistake) for mistake in raised.value.mistakes]
    assert len(told) == 4
    assert all("devices." in mistake and ".map: " in mistake for mistake in told)
    assert any("own.csv:2:type" in mistake for mistake in told)
    assert any("sec1000s has no register map" in mistake for mistake in told)


def test_one_unit_id_is_that_of_every_model_of_a_chain(tmp_path: Path) -> None:
    path = tmp_path / "sunhelm.yml"
    path.write_text(
        "site: {name: home, zone: UTC}\ndevices: {shed: {family: sunspec, host: 192.0.2.1, units: 126}}\n"
    )
    units = load_site(path).site.devices["shed"].units
    assert {"common", "inverter", "meter"} <= set(units)
    assert set(units.values()) == {(126,)}
