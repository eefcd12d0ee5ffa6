"""The pages are true where a program can tell: links lead somewhere, keys exist, commands are known."""

import re
from pathlib import Path

import msgspec
import pytest

from device.cli import parser
from device.config import Config

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("models/*.md")])
SECTIONS = {
    part.name: {key.name for key in msgspec.structs.fields(part.type)}
    for part in msgspec.structs.fields(Config)
}


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def code_of(page: Path) -> str:
    """What stands in code of a page: inline, fenced or indented."""
    text = page.read_text(encoding="utf-8")
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return "\n".join([*re.findall(r"`[^`\n]+`", text), *fenced, *re.findall(r"^    .+$", text, re.MULTILINE)])


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    dead = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not dead


def test_the_index_lists_every_page():
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", (ROOT / "docs/README.md").read_text(encoding="utf-8")))
    assert listed == {page.name for page in ROOT.glob("docs/*.md")} - {"README.md"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_of_the_house_that_a_page_names_is_there(page):
    named = re.findall(
        r"`((?:device|tests|scripts|docs|systemd)/[\w./-]+)`", page.read_text(encoding="utf-8")
    )
    assert not [path for path in named if not (ROOT / path).exists()]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_configuration_key_that_a_page_names_exists(page):
    keys = re.findall(r"`(?:device\.)?(\w+)\.(\w+)(?: = [^`]*)?`", page.read_text(encoding="utf-8"))
    unknown = [
        f"{section}.{key}" for section, key in keys if section in SECTIONS and key not in SECTIONS[section]
    ]
    assert not [key for key in unknown if not key.endswith((".py", ".toml", ".wav"))]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_that_a_page_names_is_known(page):
    commands = parser()._subparsers._group_actions[0].choices
    named = re.findall(r"(?:^|[`/ ])earshot ([a-z]+)\b", code_of(page), re.MULTILINE)
    assert not set(named) - set(commands)
