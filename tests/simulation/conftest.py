import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="live through this one world, and show what happens in it")
    parser.addoption("--seeds", type=int, default=None, help="how many worlds to live through, from --first on")
    parser.addoption("--first", type=int, default=0, help="the first world's seed")
