"""Files in a bucket, against moto's server: S3 as somebody else wrote it."""

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tasks.launch import housekeeping
from tasks.store import collections, objects, workspace
from tests.tasks.launch.kept import call, publish

BUCKET = "shelf"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Run a server with one bucket; return its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name the server as botocore reads it; return the address of the bucket."""
    stated = {"ENDPOINT_URL": address, "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b", "DEFAULT_REGION": "us-east-1"}
    for name, value in stated.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    return f"s3://{BUCKET}"


def test_a_collection_goes_through_a_bucket_and_is_the_same(
    home: Path, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = publish("notes", 1)
    place = f"{bucket}/nightly/notes"
    status, _, stated = call(capsys, "collections", "export", "notes", place)
    held = boto3.client("s3").head_object(Bucket=BUCKET, Key="nightly/notes")
    assert (status, stated["bytes"]) == (0, held["ContentLength"])
    assert housekeeping.main(["collections", "export", "notes", place]) == 2
    assert capsys.readouterr().err == f"{place} is there already; name a new file\n"
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "other"))
    assert call(capsys, "collections", "import", place)[2]["changed"] is True
    assert collections.live("notes") == made
    assert objects.load_array(made.vectors).tolist() == [[1, 1, 1], [1, 1, 1]]
    assert list(workspace.home().glob(".tmp-*")) == []


def test_a_workspace_goes_through_a_bucket_and_a_cut_one_leaves_the_place_empty(
    home: Path, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = publish()
    assert call(capsys, "store", "backup", f"{bucket}/all")[0] == 0
    client = boto3.client("s3")
    whole = client.get_object(Bucket=BUCKET, Key="all")["Body"].read()
    client.put_object(Bucket=BUCKET, Key="cut", Body=whole[:-100])
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "place" / "other"))
    assert housekeeping.main(["store", "restore", f"{bucket}/cut"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert os.listdir(tmp_path / "place") == ["other"]
    assert os.listdir(tmp_path / "place" / "other") == []
    assert call(capsys, "store", "restore", f"{bucket}/all")[0] == 0
    assert collections.live("notes") == made


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("import", "s3://shelf/nothing"), "there is no s3://shelf/nothing; check bucket and key"),
        (("import", "s3://nobody/notes"), "there is no s3://nobody/notes; check bucket and key"),
        (("export", "notes", "s3://nobody/notes"), "there is no s3://nobody/notes; check bucket and key"),
    ],
)
def test_what_is_not_in_the_bucket_is_one_line(
    home: Path, bucket: str, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    publish("notes", 1)
    assert housekeeping.main(["collections", *words]) == 2
    err = capsys.readouterr().err
    assert err.startswith(said)
    assert len(err.splitlines()) == 1


def test_a_server_that_is_not_there_is_one_line(
    home: Path, bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert housekeeping.main(["collections", "import", f"{bucket}/notes"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("s3://shelf/notes cannot be reached (")
    assert err.endswith("check bucket, keys (AWS_ACCESS_KEY_ID) and AWS_ENDPOINT_URL\n")
    assert len(err.splitlines()) == 1
