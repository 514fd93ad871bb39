"""What a device can do: its reach, the setting nearest to a wanted power, the power that a target needs."""

from cariflex_s2.domain.model import Device, Element, Mode, Range, Setting, Situation, State


def reach_w(device: Device, fill_level_kwh: float, limits_w: Range) -> Range:
    """From the strongest discharge to the strongest charge at a fill level, inside ``limits_w``; 0 is in."""
    ranges = [element.power_w for _, element in device.elements_at(fill_level_kwh)]
    low = min((found.low for found in ranges), default=0.0)
    high = max((found.high for found in ranges), default=0.0)
    return Range(min(0.0, max(low, limits_w.low)), max(0.0, min(high, limits_w.high)))


def best_setting(device: Device, state: State, wanted_w: float, remaining_s: float) -> Setting | None:
    """The setting nearest to ``wanted_w`` from zero's side that keeps the fill range for ``remaining_s``.

    Never further from zero than ``wanted_w`` and never of the other sign: a device that may not go the wanted
    way stands still. None when the device has no mode that lets it.
    """
    level = state.fill_level_kwh
    room = device.fill_level_kwh
    # Expected usage is counted only where it makes the limit come nearer.
    highest = (room.high - level) / remaining_s - max(state.usage_kwh_s, 0.0)
    lowest = (room.low - level) / remaining_s - min(state.usage_kwh_s, 0.0)
    best: Setting | None = None
    best_rank = (0.0, 0.0)
    for mode, element in device.elements_at(level):
        factor = (
            _charge(element, wanted_w, highest) if wanted_w > 0 else _discharge(element, wanted_w, lowest)
        )
        if factor is None:
            continue
        found = _setting(mode, element, factor)
        # Nearest to what was wanted; when standing still, the mode with the least to go wrong.
        rank = (abs(found.power_w), element.power_w.low - element.power_w.high)
        if best is None or rank > best_rank:
            best, best_rank = found, rank
    return best


def _charge(element: Element, wanted_w: float, highest: float) -> float | None:
    """The greatest factor with 0 <= power <= wanted and a fill rate of at most ``highest``."""
    power = element.power_w
    still = _still(element)
    most = min(1.0, power.factor_of(wanted_w))
    if power.at(max(most, 0.0)) > 0:
        most = min(most, element.fill_rate_kwh_s.factor_of(highest))
    if still is not None:
        return max(most, still)
    return most if power.low > 0 and most >= 0 else None


def _discharge(element: Element, wanted_w: float, lowest: float) -> float | None:
    """The least factor with wanted <= power <= 0 and a fill rate of at least ``lowest``."""
    power, rate = element.power_w, element.fill_rate_kwh_s
    still = _still(element)
    least = 0.0 if wanted_w <= power.low else power.factor_of(wanted_w)
    if least <= 1.0 and power.at(least) < 0 and rate.low < lowest:
        least = max(least, rate.factor_of(lowest))
    if still is not None:
        return min(least, still)
    return least if power.high < 0 and least <= 1.0 else None


def _still(element: Element) -> float | None:
    """The factor at which the device stands still, None when this element always moves it."""
    if not element.power_w.contains(0.0):
        return None
    return min(1.0, max(0.0, element.power_w.factor_of(0.0)))


def _setting(mode: Mode, element: Element, factor: float) -> Setting:
    return Setting(mode.mode_id, factor, element.power_w.at(factor), element.fill_rate_kwh_s.at(factor))


def needed_w(situation: Situation) -> float:
    """The least power until the interval's end that keeps every target reachable; -inf without targets.

    After the interval the device is expected to charge as fast as it can.
    """
    device, state, now = situation.device, situation.state, situation.now
    fastest = _fastest_rate(device, state.fill_level_kwh, situation.limits_w)
    rate = float("-inf")
    for target in state.targets:
        missing = min(target.fill_level_kwh, device.fill_level_kwh.high) - state.fill_level_kwh
        until_target_s = (target.at - now).total_seconds()
        if until_target_s <= situation.remaining_s:
            found = missing / max(1.0, until_target_s)
        else:
            afterwards = fastest * (until_target_s - situation.remaining_s)
            found = (missing - afterwards) / situation.remaining_s
        rate = max(rate, found)
    return _power_of_rate(device, state.fill_level_kwh, rate)


def _fastest_rate(device: Device, level: float, limits_w: Range) -> float:
    rates = [
        element.fill_rate_kwh_s.at(min(1.0, element.power_w.factor_of(limits_w.high)))
        for _, element in device.elements_at(level)
        if 0 <= element.power_w.low <= limits_w.high and element.power_w.high > 0
    ]
    return max(rates, default=0.0)


def _power_of_rate(device: Device, level: float, rate: float) -> float:
    """The least power that reaches at least ``rate``; the strongest charge when nothing reaches it."""
    if rate == float("-inf"):
        return rate
    powers: list[float] = []
    elements = [element for _, element in device.elements_at(level)]
    for element in elements:
        factor = max(0.0, element.fill_rate_kwh_s.factor_of(rate))
        if factor <= 1.0:
            powers.append(element.power_w.at(factor))
    return min(powers) if powers else max((element.power_w.high for element in elements), default=0.0)
