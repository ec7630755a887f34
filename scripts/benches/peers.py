# SPDX-License-Identifier: MIT
"""How pictures show what others than mpad reached."""
from typing import NamedTuple


class Peer(NamedTuple):
    label: str
    systems: tuple  # as records call them; of a measurement the fastest counts
    mark: str  # hollow
    colour: str
    graph: bool = False  # whether a CUDA graph makes the calls

    def times(self, systems):
        """What was measured to its time (us)."""
        found = {}
        for system in self.systems:
            for what, time in systems.get(system, {}).items():
                found[what] = min(time, found.get(what, time))
        return found


# Oranges as it is, reds compiled.
peers = (Peer("PyTorch", ("torch", "torch_channels_last"), "D", "#d55e00"),
         Peer("PyTorch, CUDA graph", ("graph", "graph_channels_last"), "s", "#e69f00", True),
         Peer("PyTorch, compiled", ("torch_compile",), "v", "#cc79a7"),
         Peer("PyTorch, compiled, CUDA graph", ("graph_compile",), "p", "#882255", True),
         Peer("the study's separate operations", ("separate",), "x", "#444444"))
