from tasks.data.chats import Call, count_calls


def test_a_call_that_failed_is_no_tool_that_ran() -> None:
    ran = Call(tool="calculator", given="1+1", result="2")
    counted = count_calls([ran, Call(tool="abacus", given="1", result="there is no such tool", wrong=True), ran])
    assert (counted["tool_calls"], counted["failed_calls"]) == (2, 1)
