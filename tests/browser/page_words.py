"""Words that may stand in the page's headings and names without the glossary; any other is a term, and needs it."""

from __future__ import annotations

from typing import Final

_WORDS: Final = """
acked acting action add and around before both bound capacity cell clock controls core cost crash cut dashboard
decode delay died disk duration events failed fanout figure for from full future happens healthy here how inject
inside invalid its kill last lettered load long mean meaning mem memory mid moved much net not now number one
page painting pause per pipeline process processes queue rate reconnect replies restart scale sent server
shuffle simulate size start steady step stop swallow takes test the their them three throttle time together
two wait waiting way what when where which who will with working
"""
PLAIN: Final = frozenset(_WORDS.split())
"""Everyday words, and forms of words that the glossary has."""

NAMES: Final = frozenset({"cpu", "http", "redis", "websocket"})
"""Of things that are not the lab's."""
