"""The fixtures that teams test their flows with."""

import pytest

from configs.resolve import WrongCall
from tasks.launch.testing import RunFlow


@pytest.mark.slow
@pytest.mark.flow
def test_an_unknown_flow_is_refused_as_the_command_line_refuses_it(run_flow: RunFlow) -> None:
    with pytest.raises(WrongCall, match="there is no flow 'rag-anwsers'; perhaps rag-answers"):
        run_flow("rag-anwsers", "@quick")
