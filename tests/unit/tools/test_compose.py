"""The Docker way: valid files, the same requirements and add-ons, no secrets."""

import re

import compose_spec
import pytest
import yaml

from tools.releve import environment, paths, postgres

WRITTEN = (paths.ROOT / "docker-compose.yml").read_text()
# variables as Compose fills them in when the user sets none
TEXT = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", WRITTEN)
COMPOSE = yaml.safe_load(TEXT)
DOCKERFILE = (paths.CONFIG / "Dockerfile").read_text()


def test_file_follows_the_compose_specification():
    parsed = compose_spec.PyCompose.from_yaml(TEXT)
    assert parsed.services.keys() == {"db", "install", "odoo"}


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("healthcheck:", "healthchek:", "healthchek"),
        ("condition: service_healthy", "condition: service_well", "service_well"),
        ("  db-data:\n", "  db-data: {drivr: x}\n", "drivr"),
        ("127.0.0.1:", "127.0.0:", "IP address"),
    ],
)
def test_specification_check_notices_mistakes(right, wrong, said):
    assert right in TEXT
    with pytest.raises(ValueError, match=said):
        compose_spec.PyCompose.from_yaml(TEXT.replace(right, wrong))


def test_images_are_the_official_ones():
    assert COMPOSE["services"]["db"]["image"] == "postgres:16"
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.M) == ["odoo:19"] * 2


def test_postgresql_is_set_up_as_it_was_measured():
    program, *options = COMPOSE["services"]["db"]["command"]
    settings = dict(option.removeprefix("-c").split("=") for option in options)
    assert program == "postgres"
    assert settings | {"max_connections": "100"} == postgres.DURABLE


def test_long_running_services_have_a_healthcheck_and_restart():
    for name in ("db", "odoo"):
        service = COMPOSE["services"][name]
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"


def test_data_lies_in_declared_named_volumes():
    declared = set(COMPOSE["volumes"])
    used = {
        volume.split(":")[0]
        for service in COMPOSE["services"].values()
        for volume in service["volumes"]
    }
    assert used == declared


def test_ports_are_published_on_this_machine_only():
    ports = [p for s in COMPOSE["services"].values() for p in s.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_secret_in_the_files():
    assert COMPOSE["secrets"] == {"db_password": {"environment": "RELEVE_DB_PASSWORD"}}
    for path in [paths.ROOT / "docker-compose.yml", *paths.CONFIG.glob("*.*")]:
        for line in path.read_text().splitlines():
            found = re.search(r"passw(?:or)?d\w*\s*[=:]\s*(\S+)", line, re.I)
            value = found[1].strip("\"'") if found else ""
            assert not value or value.startswith(("$", "/run/secrets")), (path, line)


def test_one_requirements_file_and_one_addon_list_serve_both_ways():
    copied = re.findall(r"config/([\w.-]+)", DOCKERFILE)
    assert {"requirements.txt", "packages.txt", "addons.txt"} <= set(copied)
    assert all((paths.CONFIG / name).exists() for name in copied)
    entry = (paths.CONFIG / "docker-entrypoint.sh").read_text()
    assert "/opt/releve/config/addons.txt" in entry
    names = (paths.CONFIG / "addons.txt").read_text().split("\n")
    names = {name for name in names if name and name[0] != "#"}
    assert names == {
        path.parent.name for path in paths.ADDONS.glob("*/__manifest__.py")
    }


def test_every_file_the_image_copies_exists():
    for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.M):
        *sources, _target = [part for part in line.split() if part[:2] != "--"]
        if "--from=native" in line:  # what the stage before made
            assert f"-w {sources[0]} " in DOCKERFILE
            continue
        assert all((paths.ROOT / source).exists() for source in sources), line


def test_the_image_has_the_library_and_no_compiler():
    build, image = DOCKERFILE.split("FROM odoo:19 AS native")[1].split("FROM odoo:19")
    assert "gcc" in build and "pip3 wheel" in build
    assert "gcc" not in image and "/opt/releve/wheels/*.whl" in image


@pytest.mark.parametrize("version", ["3.11", "3.12"])
def test_lock_resolves_with_binaries_only(version):
    output = environment.resolve_for(version)
    assert re.search(r"Would install \d\d+ packages", output)


def test_lock_pins_every_requirement_with_hashes():
    lines = (paths.CONFIG / "requirements.txt").read_text().splitlines()
    pins = [line for line in lines if re.match(r"[a-zA-Z]", line)]
    assert pins
    assert all(re.match(r"[\w.-]+==\S+.* \\$", line) for line in pins)
    wanted = (paths.CONFIG / "requirements.in").read_text().splitlines()
    pinned = {line.split("==")[0].lower() for line in pins}
    for line in wanted:
        if line and line[0] != "#":
            name = re.match(r"[\w.-]+", line)[0].lower().replace("_", "-")
            assert name in pinned
