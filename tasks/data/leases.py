"""Who builds what is kept under a name, and who published it last."""

from tasks.data.base import Value


class Builder(Value):
    """A run that has begun to build, and has not ended.

    Attributes:
        token: Grows with each run that begins.
        run: Id of its flow run; empty outside of one.
        host: Name of its machine.
        process: What finds its process there again.
        began: When, in seconds since 1970.
    """

    token: int
    run: str
    host: str
    process: str
    began: float


class Publication(Value):
    """What was put live last.

    Attributes:
        token: Of the run that did.
        number: Of the record that it put live.
        by: Who did, in words.
    """

    token: int
    number: int
    by: str


class Lease(Value):
    """What is known of the runs of one name.

    Attributes:
        place: Tells this name of this workspace from the same name of another one.
        token: The last that was given.
        builders: Runs that have begun and not ended, in the order of their tokens.
        published: What was put live last; None where that was before there were tokens.
        unannounced: Number of a record that somebody waits to hear of and has not; 0 for none.
    """

    place: str
    token: int = 0
    builders: tuple[Builder, ...] = ()
    published: Publication | None = None
    unannounced: int = 0
