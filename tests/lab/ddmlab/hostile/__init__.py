# SPDX-License-Identifier: MIT
"""An origin that misbehaves by path: /BEHAVIOUR[,ARGUMENT…]/SIZE/NAME.

    /first-206-then-200/4m/file      the first range is answered with 206, later ones with 200
    /busy,429,1/4m/file              429 for a second, then honest

A resource is what a path names: it has counts, a log and versions of its own. Its content is a
function of version and offset, so any size costs nothing and right bytes can be told from wrong
ones at any place.

    contents.py     the bytes, and what was downloaded compared with them
    origin.py       the server, its resources and their log; what a behaviour has in its hands
    behaviours.py   one function for each behaviour
    ways.py         downloads alone, with a peer, and through a peer only
"""

from .contents import Content, assert_content, assert_pipe
from .origin import Hostile
from .ways import ALONE, EACH, PEER_ONLY, WAYS, WITH_PEER, Place, name_of

__all__ = [
    "ALONE",
    "EACH",
    "PEER_ONLY",
    "WAYS",
    "WITH_PEER",
    "Content",
    "Hostile",
    "Place",
    "assert_content",
    "assert_pipe",
    "name_of",
]
