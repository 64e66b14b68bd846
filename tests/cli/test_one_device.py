"""What a person is told who asks for a device that the site file does not have."""

from __future__ import annotations

from pathlib import Path

import pytest

from sunhelm.cli.main import main


@pytest.mark.parametrize("command", ["read", "dump"])
@pytest.mark.parametrize(
    ("devices", "told"),
    [
        ("{gateway: {family: victron, host: 127.0.0.1}}", 'there is gateway. Did you mean "gateway"?'),
        (
            "{box: {family: victron, host: 127.0.0.1}, roof: {family: sma, host: 127.0.0.2}}",
            "there are box, roof.",
        ),
        ("{}", "there are none."),
    ],
)
def test_a_name_that_no_device_has_is_answered_with_those_that_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, devices: str, told: str
) -> None:
    site = tmp_path / "sunhelm.yml"
    site.write_text(f"site: {{name: home, zone: UTC}}\ndevices: {devices}\n", encoding="utf-8")
    assert main([command, "gatewy", f"--config.file={site}", f"--runtime.directory={tmp_path}/run"]) == 2
    assert capsys.readouterr().err == f'{site}: devices: "gatewy" is no device; {told}\n'
