"""One-shot inside the FlexMeasures container: ensures the account and its users.

With arguments, such as "db upgrade", it runs that command of FlexMeasures first. Reads users.json beside it
and passwords from /run/secrets. Prints a line "changed: ..." per change.
FlexMeasures' CLI takes ten seconds of imports per call and fails on what exists already; this is one call.
"""

import json
import sys
from pathlib import Path

from flask.cli import ScriptInfo
from flask_security.utils import hash_password, verify_password
from flexmeasures.app import create
from flexmeasures.data import db
from flexmeasures.data.models.user import Account, User
from flexmeasures.data.services.users import create_user
from sqlalchemy import select

wanted = json.loads(Path(__file__).with_name("users.json").read_text(encoding="utf-8"))
app = create()
if sys.argv[1:]:
    app.cli.main(args=sys.argv[1:], standalone_mode=False, obj=ScriptInfo(create_app=lambda: app))
    print(f"changed: {' '.join(sys.argv[1:])}")
with app.app_context():
    account = db.session.execute(select(Account).filter_by(name=wanted["account"])).scalar_one_or_none()
    if account is None:
        account = Account(name=wanted["account"], attributes={})
        db.session.add(account)
        db.session.flush()
        print(f"changed: account {wanted['account']}")
    for person in wanted["users"]:
        password = (Path("/run/secrets") / person["secret"]).read_text(encoding="utf-8").strip()
        user = db.session.execute(select(User).filter_by(email=person["email"])).scalar_one_or_none()
        if user is None:
            create_user(
                password=password,
                user_roles=person.get("roles"),
                check_email_deliverability=False,
                account_name=wanted["account"],
                email=person["email"],
                username=person["username"],
            )
            print(f"changed: user {person['email']}")
        elif not verify_password(password, user.password):
            user.password = hash_password(password)
            print(f"changed: password of user {person['email']}")
    # In the same transaction, so that the mark never stands for work that was not done.
    if account.attributes.get("cariflex_users") != wanted["fingerprint"]:
        account.attributes = {**account.attributes, "cariflex_users": wanted["fingerprint"]}
        print("changed: mark of the users' state")
    db.session.commit()
