"""An administrator writes `crm.yml`, and is told what is wrong with it, and where."""

from pathlib import Path

import pytest
import yaml

from crm_bridge.adapters import Field
from crm_bridge.adapters.accounts import Bitrix24Account, RestAccount
from crm_bridge.sync.config import BadConfig, load, read
from crm_bridge.sync.rules import Owner, Policy
from tests.fakes.crm.rest import SHAPE

GOOD = """
accounts:
  shop:
    crm:
      kind: bitrix24
      address: https://example.bitrix24.ru/rest/1/${BITRIX_CODE}/
      application_token: ${BITRIX_TOKEN}
    sync:
      every_seconds: 30
      sweep_at: "02:15"
      fields:
        phone: {owner: crm}
        email: {conflict: ask}
"""
SECRETS = {"BITRIX_CODE": "s3cr3t", "BITRIX_TOKEN": "t0k3n"}


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "crm.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_secrets_come_from_the_environment_and_are_not_shown(tmp_path: Path) -> None:
    config = load(written(tmp_path, GOOD), SECRETS)
    account = config.accounts["shop"]
    assert isinstance(account.crm, Bitrix24Account)
    assert account.crm.address.get_secret_value() == "https://example.bitrix24.ru/rest/1/s3cr3t/"
    assert "s3cr3t" not in repr(config)
    assert account.sync.of(Field.PHONE).owner is Owner.CRM
    assert account.sync.of(Field.EMAIL).conflict is Policy.ASK
    assert account.sync.of(Field.GIVEN_NAME).owner is Owner.BOTH


def test_no_file_means_no_crm(tmp_path: Path) -> None:
    assert load(tmp_path / "crm.yml", {}).accounts == {}
    assert load(written(tmp_path, ""), {}).accounts == {}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (("owner: crm", "owner: boss"), "accounts.shop.sync.fields.phone.owner"),
        (("phone: {owner", "fax: {owner"), "accounts.shop.sync.fields.fax"),
        (("every_seconds: 30", "every_seconds: 0"), "accounts.shop.sync.every_seconds"),
        (("every_seconds", "every_second"), "accounts.shop.sync.every_second"),
        (("kind: bitrix24", "kind: bitrix"), "accounts.shop.crm"),
        (("address: https", "adress: https"), "accounts.shop.crm.address"),
        (("  shop:", "  Shop 1:"), "accounts.Shop 1"),
        (('sweep_at: "02:15"', 'sweep_at: "25:00"'), "accounts.shop.sync.sweep_at"),
    ],
)
def test_a_mistake_is_named_by_its_place(tmp_path: Path, change: tuple[str, str], place: str) -> None:
    assert change[0] in GOOD
    with pytest.raises(BadConfig) as wrong:
        load(written(tmp_path, GOOD.replace(*change)), SECRETS)
    assert any(line.startswith(f"{place}: ") for line in wrong.value.lines), wrong.value.lines
    assert "s3cr3t" not in str(wrong.value)


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfig) as wrong:
        load(written(tmp_path, GOOD), {"BITRIX_CODE": "x"})
    assert wrong.value.lines == [
        "accounts.shop.crm.application_token: the environment variable BITRIX_TOKEN is not set"
    ]


def test_what_is_not_yaml_is_told_by_line(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"crm\.yml: not YAML: line 3"):
        load(written(tmp_path, "accounts:\n  shop: {\n"), {})


def test_a_file_in_another_encoding_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "crm.yml"
    path.write_bytes("accounts: {магазин: 1}".encode("cp1251"))
    with pytest.raises(BadConfig, match="UTF-8"):
        load(path, {})


def test_a_described_api_is_checked_as_strictly() -> None:
    crm = {"kind": "rest", "address": "https://crm.example.com", "shape": yaml.safe_load(SHAPE)}
    config = read({"accounts": {"own": {"crm": crm}}}, {})
    assert isinstance(config.accounts["own"].crm, RestAccount)
    crm["shape"]["contacts"]["paging"]["style"] = "scroll"
    with pytest.raises(BadConfig) as wrong:
        read({"accounts": {"own": {"crm": crm}}}, {})
    assert wrong.value.lines[0].startswith("accounts.own.crm.shape.contacts.paging.style: ")


@pytest.mark.parametrize("hostile", [[], 7, "x", {"accounts": []}, {"accounts": {"a": None}}])
def test_anything_else_is_refused(hostile: object) -> None:
    with pytest.raises(BadConfig):
        read(hostile, {})
