"""Inside FlexMeasures: give every user but those named an unknown password, and end their sessions."""

import secrets
import sys
import uuid

from flask_security.utils import hash_password
from flexmeasures.app import create
from flexmeasures.data import db
from flexmeasures.data.models.user import User
from sqlalchemy import select

app = create()
with app.app_context():
    for user in db.session.execute(select(User).where(User.email.not_in(sys.argv[1:]))).scalars():
        user.password = hash_password(secrets.token_urlsafe(32))
        user.fs_uniquifier = uuid.uuid4().hex
        print(f"retired: the password of {user.email}; the administrator resets it")
    db.session.commit()
