"""FlexMeasures' sensors: the wanted map, the state found by SQL, the plan, its application."""
