"""FlexMeasures as the simulator uses it: takes values, tells the weather."""

from datetime import datetime, timedelta
from typing import Any

from cariflex_service.flexmeasures import TROUBLE, FlexMeasuresUsers, post_error


class FlexMeasures(FlexMeasuresUsers):
    """Posts as its users, and reads."""

    async def hour_value(self, source: str, sensor_id: int, unit: str, start: datetime) -> float | None:
        """What FlexMeasures believes of an hour, asked as ``source``; None when it knows nothing."""
        hour = timedelta(hours=1)
        try:
            data: dict[str, Any] = await self.client(source).get_sensor_data(
                sensor_id, start=start, duration=hour, unit=unit, resolution=hour
            )
        except TROUBLE as error:
            raise post_error(error) from error
        values = data.get("values") or [None]
        return None if values[0] is None else float(values[0])
