"""The agents that were in calls lately, so that one can be chosen who is in none now."""

from __future__ import annotations

from collections import OrderedDict

from appliance.platforms.protocol import Agent, Interaction

MOST = 500
"""Who was in a call longest ago is forgotten first."""


class KnownAgents:
    """By id, as they were named last."""

    def __init__(self) -> None:
        self._agents: OrderedDict[str, Agent] = OrderedDict()

    def see(self, interaction: Interaction) -> None:
        """Remember the agents of *interaction*."""
        for agent in interaction.agents:
            self._agents[agent.id] = agent
            self._agents.move_to_end(agent.id)
        while len(self._agents) > MOST:
            self._agents.popitem(last=False)

    def by_name(self) -> list[Agent]:
        """All of them."""
        return sorted(self._agents.values(), key=lambda agent: (agent.name.casefold(), agent.id))
