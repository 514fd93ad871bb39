"""FlexMeasures' sensors: the wanted map, the state found by SQL, the plan between them, and its application."""
