"""Train encoders."""

__all__: list[str] = []
