"""What passes is asked for again, what is refused is not; both are what the hub's and Qdrant's clients raise."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import tenacity
from huggingface_hub import HfApi, errors

from configs.ingest import Hub
from tasks.data import retries
from tasks.errors import ModelError, RemoteError
from tasks.ingest import hub
from tasks.models import files
from tasks.vectors import qdrant

CLIENT: Any = __import__(errors.HfHubHTTPError.__bases__[0].__module__.partition(".")[0])  # what the hub asks by


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the seconds that were waited, none of which pass."""
    waited: list[float] = []
    monkeypatch.setattr(tenacity.nap, "time", SimpleNamespace(sleep=waited.append))
    return waited


def answer(status: int, **headers: str) -> Exception:
    request = CLIENT.Request("GET", "https://hub")
    response = CLIENT.Response(status, headers={name.replace("_", "-"): v for name, v in headers.items()})
    response.request = request
    return errors.HfHubHTTPError(f"{status} from the hub", response=response)


def hidden(inner: Exception) -> Exception:
    """Return an error as the hub's client hides another behind it."""
    outer = errors.LocalEntryNotFoundError("no copy here")
    outer.__cause__ = inner
    return outer


def saying(*outcomes: Any) -> Callable[..., Any]:
    left = list(outcomes)

    def call(*args: Any, **more: Any) -> Any:
        said = left.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    return call


@pytest.mark.parametrize(
    ("error", "after"),
    [
        (answer(503), 0.0),
        (answer(429, Retry_After="7"), 7.0),
        (answer(500, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"), 0.0),
        (answer(408), 0.0),
        (CLIENT.ConnectError("refused"), 0.0),
        (CLIENT.ReadTimeout("late"), 0.0),
        (hidden(CLIENT.ConnectError("refused")), 0.0),
        (hidden(answer(502)), 0.0),
        (answer(401), None),
        (answer(403), None),
        (answer(404), None),
        (hidden(answer(404)), None),
        (ValueError("no number"), None),
        (errors.OfflineModeIsEnabled("offline"), None),
    ],
)
def test_what_passes_on_the_hub_is_the_network_and_what_it_answers_when_it_is_busy(
    error: Exception, after: float | None
) -> None:
    assert retries.of_hub(error) == after


def test_a_hub_that_answers_the_third_time_is_counted_and_waited_for_as_it_asks(
    slept: list[float], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = retries.counted()
    found = SimpleNamespace(sha="a" * 40)
    busy = answer(429, Retry_After="9")
    monkeypatch.setattr(HfApi, "dataset_info", saying(CLIENT.ConnectError("refused"), busy, found))
    assert hub._commit(Hub(dataset="team/rows", text="text")) == "a" * 40
    assert retries.counted() - before == {"hub": 2}
    assert 1 <= slept[0] <= 2
    assert slept[1] == 9
    assert "hub did not answer (429 from the hub); asked again in 9 s" in caplog.text


def test_a_hub_that_stays_away_ends_in_one_line_after_so_many_tries(
    slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HfApi, "dataset_info", saying(*[CLIENT.ConnectError("refused")] * 9))
    with pytest.raises(RemoteError, match="the hub did not give 'team/rows': ConnectError refused; try again"):
        hub._commit(Hub(dataset="team/rows", text="text"))
    assert len(slept) == retries.TRIES - 1
    assert sum(slept) < 11


def test_what_the_hub_refuses_is_not_asked_for_again(slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HfApi, "dataset_info", saying(answer(401)))
    with pytest.raises(RemoteError, match="401 from the hub"):
        hub._commit(Hub(dataset="team/rows", text="text"))
    assert slept == []


@pytest.mark.usefixtures("home")
def test_a_model_is_fetched_again_unless_nothing_may_be_fetched(
    slept: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.snapshot_download", saying(hidden(answer(503)), str(tmp_path)))
    assert files.locate("team/model").folder == tmp_path
    assert len(slept) == 1
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.snapshot_download", saying(hidden(CLIENT.ConnectError("off"))))
    with pytest.raises(ModelError, match="cannot be downloaded"):
        files.locate("team/model")
    assert len(slept) == 1


def test_qdrant_is_asked_again_where_it_is_away_or_busy_and_not_where_it_refuses() -> None:
    pytest.importorskip("qdrant_client")
    from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
    from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

    def unexpected(status: int) -> Exception:
        return UnexpectedResponse(status, "", b"", httpx.Headers())

    assert qdrant._passes(ResourceExhaustedResponse("busy", 3)) == 3
    assert qdrant._passes(unexpected(503)) == 0
    assert qdrant._passes(ResponseHandlingException(httpx.ConnectError("refused"))) == 0
    assert qdrant._passes(unexpected(401)) is None
    assert qdrant._passes(unexpected(404)) is None
    assert qdrant._passes(ValueError("no number")) is None
