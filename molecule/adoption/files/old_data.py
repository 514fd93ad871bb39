"""Data of a hand-made FlexMeasures: some sensors with the specification's ids, on assets with other ids."""

import os
from datetime import UTC, datetime, timedelta

from flexmeasures.app import create
from flexmeasures.data import db
from flexmeasures.data.models.data_sources import DataSource
from flexmeasures.data.models.generic_assets import GenericAsset, GenericAssetType
from flexmeasures.data.models.time_series import Sensor, TimedBelief
from flexmeasures.data.models.user import Account
from flexmeasures.data.services.users import create_user

PASSWORD = os.environ["OLD_PASSWORD"]
BEGIN = datetime(2026, 10, 1, tzinfo=UTC)

app = create()
with app.app_context():
    db.session.add(Account(name="Cariflex"))
    db.session.commit()
    for email, roles in (("admin@digitribe.fr", ["admin"]), ("guest@digitribe.fr", [])):
        create_user(
            password=PASSWORD,
            user_roles=roles,
            check_email_deliverability=False,
            account_name="Cariflex",
            email=email,
            username=email.split("@")[0],
        )
    account = db.session.query(Account).filter_by(name="Cariflex").one()
    source = DataSource(name="Production Simulator", type="script")
    solar = GenericAssetType(name="solar-by-hand", description="")
    other = GenericAsset(name="Office", generic_asset_type=solar, owner=account)
    panels = [
        GenericAsset(name=f"PV_{number:02}", generic_asset_type=solar, owner=account) for number in (1, 2)
    ]
    db.session.add_all([source, solar, other, *panels])
    db.session.flush()
    made = [("pv_01_power", panels[0], 41), ("pv_02_power", panels[1], 42), ("office_power", other, 5000)]
    for name, asset, number in made:
        sensor = Sensor(name, unit="kW", event_resolution=timedelta(minutes=5), generic_asset=asset)
        sensor.id = number
        db.session.add(sensor)
        db.session.flush()
        db.session.add_all(
            TimedBelief(
                sensor=sensor,
                source=source,
                event_start=BEGIN + step * timedelta(minutes=5),
                belief_horizon=timedelta(0),
                event_value=float(step % 7),
            )
            for step in range(2000)
        )
    db.session.commit()
