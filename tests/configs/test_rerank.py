import pytest
from pydantic import ValidationError

from configs.rerank import CrossEncoder, LateInteraction, Mmr


@pytest.mark.parametrize("variant", [LateInteraction, CrossEncoder, Mmr])
def test_more_hits_cannot_be_kept_than_are_looked_at(
    variant: type[LateInteraction] | type[CrossEncoder] | type[Mmr],
) -> None:
    assert variant(candidates=10, k=10).k == 10
    with pytest.raises(
        ValidationError, match=r"k is 11 but candidates 10; lower rerank\.k or raise rerank\.candidates"
    ):
        variant(candidates=10, k=11)
